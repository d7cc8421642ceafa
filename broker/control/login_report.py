"""What a person is told at the end of `brokerctl login`."""

import stat
from pathlib import Path

from broker.control.broker import Json, texts
from broker.control.login_request import Words
from broker.control.output import say, say_json, tell_note
from brokerd_client.errors import error_from_problem


def report(done: Json, words: Words) -> None:
    """Say how a login ended.

    Args:
        done: the daemon's last answer.
        words: what was typed.

    Raises:
        BrokerError: it ended without a grant.
    """
    problem = done.get("problem")
    if isinstance(problem, dict):
        raise error_from_problem(problem, _status(problem))
    if words["as_json"]:
        say_json(done)
        return
    say(f"signed in: {words['name']}")
    notes = [*texts(done, "notes"), *_scope_notes(done), *_file_notes(words)]
    for note in notes:
        tell_note(note)


def _status(problem: Json) -> int:
    status = problem.get("status")
    return status if isinstance(status, int) else 0


def _others_can_read(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:  # deleted already
        return False


def _scope_notes(done: Json) -> list[str]:
    notes = []
    if missing := texts(done, "missing_scopes"):
        notes.append(f"not granted: {', '.join(missing)}")
    if extra := texts(done, "extra_scopes"):
        were_asked = len(extra) < len(texts(done, "scopes")) or missing
        said = "granted besides" if were_asked else "you asked for no scope; granted"
        notes.append(f"{said}: {', '.join(extra)}")
    return notes


def _file_notes(words: Words) -> list[str]:
    """The secret lies sealed now; its plaintext copy is better gone."""
    notes = []
    for path in (words["client_secrets"], words["client_secret_file"]):
        if path is None:
            continue
        notes.append(
            f"{path} is kept sealed by the broker now, and may be deleted; "
            "`brokerctl logout` forgets it too, unless you say --keep-sign-in"
        )
        if _others_can_read(path):
            notes.append(f"other users can read {path}: delete it, or chmod 600 it")
    return notes
