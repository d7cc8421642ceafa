"""The device authorization endpoint, and the page where its code is entered."""

from http import HTTPStatus

from aiohttp import web
from oauthlib.oauth2 import DeviceAuthorizationEndpoint, OAuth2Error

from broker.model.secret import Secret
from broker.sandbox import pages, parameters, registration, signing
from broker.sandbox.consent import ConsentDesk, approved_scopes
from broker.sandbox.devices import DeviceRequest, Devices
from broker.sandbox.token_routes import marked, parameters_of, refusal
from broker.sandbox.wire import FORM, answer_json, answer_page, read_form

_URI = "https://sandbox.invalid/device_authorization"  # as in authorize.py


class DeviceRoutes:
    """POST /device_authorization, GET and POST /device, POST /device/consent."""

    def __init__(
        self,
        endpoint: DeviceAuthorizationEndpoint,
        devices: Devices,
        desk: ConsentDesk[DeviceRequest],
        *,
        issuer: str,
        auto_approve: bool,
    ) -> None:
        self._endpoint = endpoint
        self._devices = devices
        self._desk = desk
        self._issuer = issuer
        self._auto_approve = auto_approve

    def routes(self) -> list[web.RouteDef]:
        """What to add to the router."""
        return [
            web.post("/device_authorization", self.authorize),
            web.get("/device", self.enter, allow_head=False),
            web.post("/device", self.entered),
            web.post("/device/consent", self.decide),
        ]

    async def authorize(self, http: web.Request) -> web.Response:
        """RFC 8628 section 3.1."""
        try:
            known = await parameters_of(http)
        except ValueError as exc:
            return refusal(str(exc))
        headers = {"Content-Type": FORM}
        if basic := http.headers.get("Authorization"):
            headers["Authorization"] = basic
        try:
            _, document, _ = self._endpoint.create_device_authorization_response(
                _URI,
                "POST",
                known,  # type: ignore[arg-type] # the stub wants text; a dict is read too
                headers,
            )
        except OAuth2Error as exc:
            return marked(exc.json, exc.status_code)
        self._keep(document, known)
        return answer_json(document | {"sandbox": True})

    async def enter(self, http: web.Request) -> web.Response:
        """The page where the code is typed, or stands already."""
        # RFC 8628 section 3.3.1: the person still has to look and to say so.
        return _page(pages.code_page(http.query.get("user_code", "")))

    async def entered(self, http: web.Request) -> web.Response:
        """Who asks for what, once the code is known."""
        try:
            typed = dict(await self._pairs(http)).get("user_code", "")
        except ValueError as exc:
            return _refusal(str(exc))
        request = self._devices.find(typed)
        if request is None:
            return _page(pages.code_page(typed, "No device waits with this code."))
        question = pages.ConsentQuestion(
            consent_id=self._desk.ask(request),
            client_name=registration.CLIENT_NAME,
            client_id=request.client_id,
            person=f"{signing.PERSON_NAME} ({signing.PERSON_EMAIL})",
            scopes=request.scopes,
            redirect_uri="",
        )
        return _page(pages.device_page(question, request.user_code))

    async def decide(self, http: web.Request) -> web.Response:
        """The person's click."""
        try:
            pairs = await self._pairs(http)
            answer = dict(pairs)
            request = self._desk.take(answer.get("consent", ""))
            if request is None:
                return _refusal("This page has been answered, or is too old")
            ticked = approved_scopes(
                request.scopes, (v for name, v in pairs if name == "scope")
            )
        except ValueError as exc:
            return _refusal(str(exc))
        allowed = ticked if answer.get("decision") == "allow" else ()
        if not self._devices.decide(request.user_code, allowed):
            return _refusal("The device waits no longer")
        return _page(pages.decided_page(is_allowed=bool(allowed)))

    def _keep(self, document: dict[str, str | int], known: dict[str, str]) -> None:
        scopes = tuple(dict.fromkeys(str(document.get("scope", "")).split()))
        request = self._devices.keep(
            Secret(str(document["device_code"])),
            str(document["user_code"]),
            client_id=known["client_id"],
            scopes=scopes,
            resources=tuple(known.get("resource", "").split()),
        )
        if self._auto_approve:
            self._devices.decide(request.user_code, request.scopes)

    async def _pairs(self, http: web.Request) -> list[tuple[str, str]]:
        """A form of our own page.

        Raises:
            ValueError: another site's, or malformed.
        """
        if http.headers.get("Origin", self._issuer) != self._issuer:
            raise ValueError("The answer came from another site")
        return parameters.parse_pairs(await read_form(http))


def _page(html: str) -> web.Response:
    return answer_page(html, form_action="'self'")


def _refusal(sentence: str) -> web.Response:
    return answer_page(pages.error_page(sentence), HTTPStatus.BAD_REQUEST)
