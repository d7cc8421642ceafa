"""The authorization endpoint and its consent page, over aiohttp."""

from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2 import (
    AccessDeniedError,
    AuthorizationEndpoint,
    FatalClientError,
    OAuth2Error,
)

from broker.oauth.oob import OOB_URI
from broker.sandbox import pages, parameters, registration, signing
from broker.sandbox.consent import AuthorizationRequest, ConsentDesk, approved_scopes
from broker.sandbox.redirects import form_action_source, is_out_of_band
from broker.sandbox.wire import answer_page, read_form

# oauthlib wants to see https. Only this text says so: the environment variable
# that switches its check off would do it for the whole process.
_ENDPOINT = "https://sandbox.invalid/authorize"


class AuthorizationRoutes:
    """GET /authorize and POST /consent."""

    def __init__(
        self,
        endpoint: AuthorizationEndpoint,
        desk: ConsentDesk[AuthorizationRequest],
        *,
        issuer: str,
        auto_approve: bool,
    ) -> None:
        self._endpoint = endpoint
        self._desk = desk
        self._issuer = issuer
        self._auto_approve = auto_approve

    def routes(self) -> list[web.RouteDef]:
        """What to add to the router."""
        return [
            web.get("/authorize", self.authorize, allow_head=False),
            web.post("/consent", self.consent),
        ]

    async def authorize(self, http: web.Request) -> web.Response:
        """The consent page, or at once the authorization response.

        Until client and redirect URI are known to be good, every fault is a page:
        a redirect would send the person where a stranger wants (RFC 9700 4.11).
        """
        query = http.raw_path.partition("?")[2]
        try:
            known = parameters.parse_parameters(query, parameters.AUTHORIZATION)
            request = self._validate(known)
        except ValueError as exc:
            return _refusal(f"The request is malformed: {exc}")
        except FatalClientError as exc:
            return _refusal(
                f"The request cannot be trusted: {exc.description or exc.error}"
            )
        except OAuth2Error as exc:
            return self._error_response(exc)
        if self._auto_approve:
            return self._approve(request, request.scopes)
        return self._ask(request)

    async def consent(self, http: web.Request) -> web.Response:
        """The person's click."""
        # The id alone is proof; this refuses a foreign page before it is spent.
        if http.headers.get("Origin", self._issuer) != self._issuer:
            return _refusal("The answer came from another site", HTTPStatus.FORBIDDEN)
        try:
            pairs = parameters.parse_pairs(await read_form(http))
            answer = dict(pairs)
            request = self._desk.take(answer.get("consent", ""))
            if request is None:
                return _refusal("This page has been answered, or is too old")
            ticked = approved_scopes(
                request.scopes, (v for name, v in pairs if name == "scope")
            )
        except ValueError as exc:
            return _refusal(f"The answer is malformed: {exc}")
        # Nothing ticked is a refusal, as it is at Google.
        if answer.get("decision") != "allow" or not ticked:
            return self._deny(request)
        return self._approve(request, ticked)

    def _validate(self, known: dict[str, str]) -> AuthorizationRequest:
        """Raises: ValueError or OAuth2Error; a FatalClientError must be a page."""
        scopes, facts = self._endpoint.validate_authorization_request(_uri(known))
        return AuthorizationRequest(
            parameters=known,
            scopes=tuple(dict.fromkeys(scopes)),
            redirect_uri=facts["redirect_uri"],
            state=facts["state"],
        )

    def _ask(self, request: AuthorizationRequest) -> web.Response:
        question = pages.ConsentQuestion(
            consent_id=self._desk.ask(request),
            client_name=registration.CLIENT_NAME,
            client_id=request.parameters["client_id"],
            person=f"{signing.PERSON_NAME} ({signing.PERSON_EMAIL})",
            scopes=request.scopes,
            redirect_uri=request.redirect_uri,
            login_hint=request.parameters.get("login_hint"),
        )
        action = "'self'"
        if not is_out_of_band(request.redirect_uri):
            action += f" {form_action_source(request.redirect_uri)}"
        return answer_page(pages.consent_page(question), form_action=action)

    def _approve(
        self, request: AuthorizationRequest, scopes: tuple[str, ...]
    ) -> web.Response:
        headers, _, _ = self._endpoint.create_authorization_response(
            _uri(request.parameters), scopes=list(scopes)
        )
        return self._answer(headers["Location"])

    def _deny(self, request: AuthorizationRequest) -> web.Response:
        denied = AccessDeniedError("the person said no", state=request.state)
        return self._answer(denied.in_uri(request.redirect_uri))

    def _error_response(self, error: OAuth2Error) -> web.Response:
        if error.redirect_uri is None:  # never trust the order of another's checks
            return _refusal(f"The request cannot be answered: {error.error}")
        return self._answer(error.in_uri(error.redirect_uri))

    def _answer(self, location: str) -> web.Response:
        """Every authorization response, errors too, names its issuer (RFC 9207)."""
        location = add_params_to_uri(location, [("iss", self._issuer)])
        redirect_uri, _, query = location.partition("?")
        if is_out_of_band(redirect_uri):
            return answer_page(
                pages.shown_page(query, is_copied=redirect_uri == OOB_URI)
            )
        response = web.Response(status=HTTPStatus.SEE_OTHER)
        response.headers.update(pages.security_headers())
        response.headers["Location"] = location
        return response


def _uri(known: dict[str, str]) -> str:
    return f"{_ENDPOINT}?{urlencode(known)}"


def _refusal(sentence: str, status: int = HTTPStatus.BAD_REQUEST) -> web.Response:
    return answer_page(pages.error_page(sentence), status=status)
