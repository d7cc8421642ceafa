"""Writes forged_id_tokens.json anew, under new keys.

    python -m tests.vectors.forge_id_tokens

The private keys are thrown away: what lies in the repository cannot be made again, only
looked at, as by a client that it is sent to.
"""

import hmac
import json
from pathlib import Path

from joserfc.jwk import ECKey, RSAKey

from tests.fakes.signer import segment, signed, unsigned

FILE = Path(__file__).with_name("forged_id_tokens.json")
NOW = 1_800_000_000
ISSUER = "https://issuer.example"
CLIENT = "client-1"
CLAIMS: dict[str, object] = {
    "iss": ISSUER,
    "sub": "person-1",
    "aud": CLIENT,
    "iat": NOW - 10,
    "exp": NOW + 3600,
    "nonce": "n-0S6_WzA2Mj",
}
TOO_MUCH = 140_000


def main() -> None:
    """Make keys and tokens, and write the file."""
    rsa = RSAKey.generate_key(2048)
    elliptic = ECKey.generate_key("P-256")
    mallory = RSAKey.generate_key(2048)
    published = [
        {**rsa.as_dict(private=False), "kid": "rsa", "use": "sig", "alg": "RS256"},
        {**elliptic.as_dict(private=False), "kid": "ec", "use": "sig"},
    ]
    document = {
        "about": "ID tokens that a client must take, and forged ones that it must "
        "refuse, each for the reason given. `fill` times 'A' goes behind a token.",
        "issuer": ISSUER,
        "client_id": CLIENT,
        "nonce": CLAIMS["nonce"],
        "now": NOW,
        "keys": published,
        "good": _good(rsa, elliptic),
        "forged": _forged(rsa, mallory),
    }
    FILE.write_text(json.dumps(document, indent=2) + "\n")


def _good(rsa: RSAKey, elliptic: ECKey) -> list[dict[str, object]]:
    right = signed(CLAIMS, rsa, alg="RS256", kid="rsa")
    return [
        {"name": "RS256", "token": right},
        {"name": "ES256", "token": signed(CLAIMS, elliptic, alg="ES256", kid="ec")},
        {"name": "without a kid", "token": signed(CLAIMS, rsa, alg="RS256")},
        {
            "name": "with a jku of its own, which nobody follows",
            "token": signed(
                CLAIMS, rsa, alg="RS256", kid="rsa", jku="https://evil.example/jwks"
            ),
        },
    ]


def _forged(rsa: RSAKey, mallory: RSAKey) -> list[dict[str, object]]:
    right = signed(CLAIMS, rsa, alg="RS256", kid="rsa")
    head, claims, signature = right.split(".")
    other = segment(json.dumps({**CLAIMS, "sub": "person-2"}).encode())
    return [
        *_of_the_key(rsa, mallory),
        _one("claims of another, under the same signature",
             f"{head}.{other}.{signature}", "not of the issuer's key"),
        _one("a garbage signature", unsigned(_header(), CLAIMS),
             "not of the issuer's key"),
        _one("truncated in the signature", right[:-40], "not of the issuer's key"),
        _one("truncated in the claims", right[: len(head) + 20], "not a signed JWT"),
        _one("an empty signature", f"{head}.{claims}.", "not a signed JWT"),
        {**_one("huge", right, "longer than"), "fill": TOO_MUCH},
        *(
            _one(name, signed({**CLAIMS, **changes}, rsa, alg="RS256", kid="rsa"), why)
            for name, changes, why in _CLAIMS
        ),
    ]  # fmt: skip


def _of_the_key(rsa: RSAKey, mallory: RSAKey) -> list[dict[str, object]]:
    pem = rsa.as_pem(private=False)
    public = mallory.as_dict(private=False)
    evil = "https://evil.example/keys"
    return [
        _one("alg none", unsigned({"alg": "none"}, CLAIMS), "not a signed JWT"),
        _one("alg NoNe", unsigned({"alg": "NoNe"}, CLAIMS), "not a signed JWT"),
        _one("no alg", unsigned({"kid": "rsa"}, CLAIMS), "not a signed JWT"),
        _one("HS256 with the public key as its secret", _hmac(pem),
             "'HS256', which is not taken"),
        _one("HS256 with the key set's modulus as its secret",
             _hmac(str(rsa.as_dict(private=False)["n"]).encode()),
             "'HS256', which is not taken"),
        _one("an algorithm that nobody knows", unsigned({"alg": "XX999"}, CLAIMS),
             "'XX999', which is not taken"),
        _one("an embedded jwk", signed(CLAIMS, mallory, alg="RS256", jwk=public),
             "not of the issuer's key"),
        _one("a jku of its own",
             signed(CLAIMS, mallory, alg="RS256", kid="mine", jku=evil),
             "a key that the issuer does not publish"),
        _one("an x5u of its own",
             signed(CLAIMS, mallory, alg="RS256", kid="rsa", x5u=evil),
             "not of the issuer's key"),
        _one("another's key under the issuer's kid",
             signed(CLAIMS, mallory, alg="RS256", kid="rsa"),
             "not of the issuer's key"),
        _one("a kid that is not there", signed(CLAIMS, rsa, alg="RS256", kid="other"),
             "a key that the issuer does not publish"),
        _one("the RSA key under the curve's name",
             signed(CLAIMS, rsa, alg="RS256", kid="ec"),
             "a key that the issuer does not publish"),
        _one("PS256 with a key that is for RS256",
             signed(CLAIMS, rsa, alg="PS256", kid="rsa"),
             "a key that the issuer does not publish"),
        _one("a crit that nobody knows",
             signed(CLAIMS, rsa, alg="RS256", kid="rsa", crit=["exp"]),
             "demands what the broker does not know"),
    ]  # fmt: skip


_CLAIMS: list[tuple[str, dict[str, object], str]] = [
    ("expired", {"exp": NOW - 301}, "has expired"),
    ("made in the future", {"iat": NOW + 3600}, "in the future"),
    ("without an end", {"exp": None}, "'exp' is not a number"),
    ("another issuer's", {"iss": "https://evil.example"}, "made by"),
    ("the issuer with a slash", {"iss": f"{ISSUER}/"}, "made by"),
    ("for another client", {"aud": "client-2"}, "not for this client alone"),
    ("for several, without azp", {"aud": [CLIENT, "client-2"]}, "this client alone"),
    ("issued to another client", {"azp": "client-2"}, "another client"),
    ("of another sign-in", {"nonce": "other"}, "its nonce"),
    ("without a nonce", {"nonce": None}, "its nonce"),
    (
        "for another access token",
        {"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"},
        "another access",
    ),
    ("without a subject", {"sub": None}, "'sub' is missing"),
]


def _header() -> dict[str, object]:
    return {"alg": "RS256", "kid": "rsa"}


def _one(name: str, token: str, why: str) -> dict[str, object]:
    return {"name": name, "token": token, "why": why}


def _hmac(secret: bytes) -> str:
    header = segment(json.dumps({"alg": "HS256"}).encode())
    head = f"{header}.{segment(json.dumps(CLAIMS).encode())}"
    code = hmac.digest(secret, head.encode(), "sha256")
    return f"{head}.{segment(code)}"


if __name__ == "__main__":
    main()
