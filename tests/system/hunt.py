"""Looks for secrets where they must not be."""

from collections.abc import Iterable

from tests.system.person import Person


def hunt(person: Person, secrets: Iterable[str], *, kept: Iterable[str] = ()) -> None:
    """Fail if a secret was said by a command, logged, or lies in the home in clear.

    Args:
        person: whose home and whose ears.
        secrets: tokens and client secrets that this test knows.
        kept: names of files of others that hold one rightly, such as an issuer's
            client_secret.json.
    """
    heard = "\n".join(person.heard)
    files = {
        path: path.read_bytes()
        for path in person.home.rglob("*")
        if path.is_file() and path.name not in set(kept)
    }
    for number, secret in enumerate(secrets):
        assert secret not in heard, f"secret {number} was said"
        holding = [path for path, held in files.items() if secret.encode() in held]
        assert not holding, f"secret {number} lies in {holding}"
