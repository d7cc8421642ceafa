"""The ssh-agent of OAuth: one daemon holds the grants, local programs get tokens."""

__version__ = "0.1.0"
"""Also in pyproject.toml. Asking importlib.metadata takes longer than the store."""
