"""Windows' DPAPI, for the tests. Satisfies `Protector`."""

from dataclasses import dataclass

from broker.model.secret import SecretBytes


@dataclass
class FakeProtector:
    """Seals for one user; another one's, or another entropy, is refused.

    Attributes:
        user: one letter.
        refuses: while it does, nothing is sealed.
    """

    user: bytes = b"A"
    refuses: bool = False

    def protect(self, key: SecretBytes, entropy: bytes) -> bytes:
        if self.refuses:
            raise PermissionError(5, "access is denied")
        return self.user + entropy + key.reveal()[::-1]

    def unprotect(self, sealed: bytes, entropy: bytes) -> SecretBytes:
        bound = self.user + entropy
        if not sealed.startswith(bound):
            raise PermissionError(13, "the data is invalid")
        return SecretBytes(sealed.removeprefix(bound)[::-1])
