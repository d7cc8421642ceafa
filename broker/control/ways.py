"""What the ways of asking the person have in common. Knows none of them."""

from collections.abc import Callable

Answered = Callable[[str, str], None]
"""Is told the id of a question and the word that the person chose."""


class WayFailedError(Exception):
    """The person cannot be asked in this way; the text says why to people."""


class UnfitError(WayFailedError):
    """Not about this question; about others, perhaps."""
