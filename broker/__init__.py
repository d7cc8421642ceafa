"""The ssh-agent of OAuth: one daemon holds the grants, local programs get tokens."""
