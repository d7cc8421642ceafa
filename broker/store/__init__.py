"""Disk and keys: grants as sealed records in one SQLite file."""
