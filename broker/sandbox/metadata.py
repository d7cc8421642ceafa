"""The sandbox's metadata. oauthlib's own refuses http issuers, so it stands here."""

from broker.sandbox.validator import DEFAULT_SCOPES, GRANT_TYPES

DRIVE_API = "/drive/v3/"

_SCOPES = (
    "openid",
    "email",
    "profile",
    "offline_access",
    *DEFAULT_SCOPES,
    "https://www.googleapis.com/auth/drive.readonly",
    "https://www.googleapis.com/auth/drive.file",
    "https://www.googleapis.com/auth/drive",
)


def metadata_document(issuer: str) -> dict[str, object]:
    """RFC 8414 section 2, with what OpenID Connect Discovery 1.0 section 3 adds."""
    authentication = ["client_secret_basic", "client_secret_post"]
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "revocation_endpoint": f"{issuer}/revoke",
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "introspection_endpoint": f"{issuer}/introspect",
        "jwks_uri": f"{issuer}/jwks",
        "scopes_supported": list(_SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "token_endpoint_auth_methods_supported": authentication,
        "revocation_endpoint_auth_methods_supported": authentication,
        "introspection_endpoint_auth_methods_supported": authentication,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["sub", "email", "email_verified", "name", "auth_time"],
        "prompt_values_supported": ["none", "consent"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "sandbox": True,
    }
