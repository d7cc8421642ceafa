"""Members of a JSON object from an issuer, each with its type. Knows no message."""

import re
from collections.abc import Mapping

from broker.model.errors import IssuerMalformedError
from broker.model.strict_json import parse_json
from broker.model.text import safe_text
from broker.model.time import Seconds
from broker.model.veiled import Veiled

_LONGEST = 10_000_000_000
"""Seconds, some 300 years: what is longer is a fault, not a span."""

_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)


class Members(Veiled, frozen=True):
    """One JSON object that an issuer sent. Values stay out of the repr.

    A member that is null counts as absent: RFC 8414 section 3.2 and RFC 6749
    section 5.1 leave out what has no value, but some issuers write null.
    """

    veiled = frozenset({"_values"})

    _values: Mapping[str, object]
    _issuer: str
    _what: str

    def find(self, name: str) -> object:
        """The value, or None."""
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """A string, or None.

        Raises:
            IssuerMalformedError: it is something else.
        """
        value = self.find(name)
        if value is None or isinstance(value, str):
            return value
        raise self.malformed(f"'{name}' is not a string")

    def required_text(self, name: str) -> str:
        """A string that is there.

        Raises:
            IssuerMalformedError: it is missing, or something else.
        """
        value = self.text(name)
        if value is None:
            raise self.malformed(f"'{name}' is missing")
        return value

    def flag(self, name: str) -> bool:
        """True or False; False where it is missing.

        Raises:
            IssuerMalformedError: it is something else.
        """
        value = self.find(name)
        if value is None or isinstance(value, bool):
            return value is True
        raise self.malformed(f"'{name}' is neither true nor false")

    def texts(self, name: str) -> tuple[str, ...] | None:
        """An array of strings, or None.

        Raises:
            IssuerMalformedError: it is something else.
        """
        value = self.find(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self.malformed(f"'{name}' is not an array")
        texts = tuple(item for item in value if isinstance(item, str))
        if len(texts) != len(value):
            raise self.malformed(f"'{name}' is not an array of strings")
        return texts

    def object(self, name: str) -> "Members | None":
        """An object within this one, or None.

        Raises:
            IssuerMalformedError: it is something else.
        """
        value = self.find(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.malformed(f"'{name}' is not an object")
        return Members(value, self._issuer, f"{self._what}, {name}")

    def seconds(self, name: str) -> Seconds | None:
        """A span of time from 0, as a number or as digits in a string, or None.

        Raises:
            IssuerMalformedError: it is something else.
        """
        value = self.find(name)
        if value is None:
            return None
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        # A bool is an int to Python; 1e400 is infinite; no comparison is true of NaN.
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.malformed(f"'{name}' is not a number of seconds")
        if not 0 <= value <= _LONGEST:
            raise self.malformed(f"'{name}' is no span of time")
        return Seconds(float(value))

    def malformed(self, fault: str) -> IssuerMalformedError:
        """The error for a fault of this object."""
        return IssuerMalformedError(issuer=self._issuer, what=f"{self._what}: {fault}")


def parse_members(body: bytes, *, issuer: str, what: str) -> Members:
    """The members of one JSON object.

    Args:
        body: as it came.
        issuer: for the error.
        what: what it should be, for the error, such as 'its metadata'.

    Raises:
        IssuerMalformedError: not JSON, not an object, a web page.
    """
    issuer = safe_text(issuer)
    if body.lstrip()[:1] == b"<":
        # A captive portal or a proxy most often: worth its own words.
        raise IssuerMalformedError(issuer=issuer, what=f"{what}: a web page came")
    try:
        value = parse_json(body)
    except ValueError as exc:
        raise IssuerMalformedError(issuer=issuer, what=f"{what}: {exc}") from None
    if not isinstance(value, dict):
        raise IssuerMalformedError(issuer=issuer, what=f"{what}: not a JSON object")
    return Members(value, issuer, what)
