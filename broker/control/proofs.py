"""`brokerctl dpop-proof`: the headers of one request with a bound token (RFC 9449)."""

import click

from broker.control.broker import Broker
from broker.control.output import json_option, say, say_json, tells_errors
from brokerd_client.dpop import parse_proof, proof_request
from brokerd_client.tokens import DEFAULT_MIN_TTL, parse_token, token_request


@click.command(
    "dpop-proof", short_help="Print the headers of one request with a bound token."
)
@click.argument("name")
@click.argument("method")
@click.argument("url")
@click.option(
    "--scope", multiple=True, metavar="SCOPE", help="Only this scope; may be repeated."
)
@click.option("--resource", metavar="URI", help="The API the token is for (RFC 8707).")
@click.option(
    "--nonce", metavar="NONCE", help="The last DPoP-Nonce of the API, if it wants one."
)
@json_option
@tells_errors
def dpop_proof(
    *,
    name: str,
    method: str,
    url: str,
    scope: tuple[str, ...],
    resource: str | None,
    nonce: str | None,
    as_json: bool,
) -> None:
    """Print the headers of one request with a token of NAME that is bound to a key.

    Both at once, since the proof is for this token; and as curl reads them:

        brokerctl dpop-proof work GET URL | curl -H @- URL
    """
    broker = Broker()
    scopes = [one for many in scope for one in many.split()]
    wanted = token_request(
        account=name,
        scopes=scopes or None,
        resource=resource,
        min_ttl=DEFAULT_MIN_TTL,
        rejected=None,
    )
    token = parse_token(broker.call("POST", "/v1/token", wanted))
    asked = proof_request(token, method.upper(), url, nonce)
    proof = parse_proof(broker.call("POST", "/v1/dpop-proof", asked))
    if as_json:
        say_json(
            {
                "account": token.account,
                "access_token": token.value,
                "token_type": token.token_type,
                "expires_at": token.expires_at,
                "proof": proof,
            }
        )
        return
    say(f"Authorization: {token.header}")
    say(f"DPoP: {proof}")
