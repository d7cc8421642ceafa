"""Who an account's person is, as far as the issuer says it. For showing alone."""

import msgspec


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What people call them: no identity, which is (issuer, `sub`).

    Attributes:
        name: made safe to show, or None.
        email: the same; addresses change hands.
    """

    name: str | None = None
    email: str | None = None

    def filled_from(self, other: "Person") -> "Person":
        """The same, with what is missing from `other`."""
        return Person(name=self.name or other.name, email=self.email or other.email)

    @property
    def is_known(self) -> bool:
        """Whether neither is missing."""
        return bool(self.name and self.email)
