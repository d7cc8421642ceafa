"""How an account without a person comes to its tokens. Sealed with its grant.

Where and as which client it asks is said in its account, as for any other. A kind is
known in the store and on the wire by its tag, which is never changed.
"""

import msgspec


class ClientCredentials(
    msgspec.Struct, frozen=True, kw_only=True, tag="client_credentials"
):
    """The client asks in its own name (RFC 6749 section 4.4), with its own secret."""


Unattended = ClientCredentials
"""Every kind."""


def kind_of(unattended: Unattended) -> str:
    """Its name in the store and on the wire, such as 'client_credentials'."""
    return str(unattended.__struct_config__.tag)
