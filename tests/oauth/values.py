"""The issuer and the client that the tests of this room talk about."""

from broker.model.client import Client, ClientAuthentication
from broker.model.issuer import Issuer
from broker.model.secret import Secret

ISSUER_URL = "https://issuer.example"

ISSUER = Issuer(
    url=ISSUER_URL,
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint="https://issuer.example/token",
    revocation_endpoint="https://issuer.example/revoke",
)

PUBLIC_CLIENT = Client(client_id="s6BhdRkqt3")

# The client of the examples in RFC 6749.
BASIC_CLIENT = Client(
    client_id="s6BhdRkqt3",
    client_secret=Secret("gX1fBat3bV"),
    authentication=ClientAuthentication.BASIC,
)

POST_CLIENT = Client(
    client_id="s6BhdRkqt3",
    client_secret=Secret("7Fjfp0ZBr1KtDRbnfVdmIw"),
    authentication=ClientAuthentication.POST,
)

# The token answer of RFC 6749 section 5.1, with the one token type that there is.
RFC_6749_EXAMPLE: dict[str, object] = {
    "access_token": "2YotnFZFEjr1zCsicMWpAA",
    "token_type": "bearer",
    "expires_in": 3600,
    "refresh_token": "tGzv3JOkF0XG5Qx2TlKWIA",
    "example_parameter": "example_value",
}
