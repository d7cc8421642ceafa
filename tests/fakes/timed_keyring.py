"""A keyring that drops what it keeps in time. Satisfies `TimedKeyring`."""

from dataclasses import dataclass, field

from broker.model.secret import SecretBytes


@dataclass
class MemoryTimedKeyring:
    """The kernel's keyring, for the tests.

    Attributes:
        kept: what is kept, and for how many seconds, by name.
        fault: raised by every call while it is set.
        calls: how many there were.
    """

    kept: dict[str, tuple[SecretBytes, int]] = field(default_factory=dict)
    fault: OSError | None = None
    calls: int = 0

    def keep(self, name: str, secret: SecretBytes, seconds: int) -> None:
        self._called()
        if seconds < 1:
            raise ValueError(seconds)
        self.kept[name] = (secret, seconds)

    def find(self, name: str) -> SecretBytes | None:
        self._called()
        return self.kept[name][0] if name in self.kept else None

    def remove(self, name: str) -> None:
        self._called()
        self.kept.pop(name, None)

    def _called(self) -> None:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
