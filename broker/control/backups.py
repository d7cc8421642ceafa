"""`brokerctl backup` and `restore`: the whole store in one sealed file."""

import base64
import binascii
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from broker.control.asking import ask_passphrase, confirm
from broker.control.broker import Broker, Json, require_open, text, told
from broker.control.key_choice import chosen_key, key_option
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    tell_note,
    tells_errors,
    waiting,
    yes_option,
)
from broker.control.store import slot_sources, tell_set_aside
from broker.model.errors import StoreExistsError
from brokerd_client import BrokerError

LARGEST_BACKUP = 47 * 1024 * 1024
"""Bytes of the file: the daemon takes 64 MiB, in base64 and with the passphrases. Ten
thousand accounts have thirty."""

BACKUP_SECONDS = 300
"""Ten thousand accounts take seconds; a slow disk longer."""

_LARGEST_ANSWER = LARGEST_BACKUP // 3 * 4 + 1024

_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""What a file system without them says: FAT, as on the sticks that backups go to."""


@click.command(short_help="Write all accounts to a file, sealed.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE where it is there.")
@json_option
@tells_errors
def backup(*, file: Path, force: bool, as_json: bool) -> None:
    """Write all accounts to FILE, sealed under a passphrase of its own.

    The passphrase is asked for twice at a terminal, else it is the first line of
    standard input.
    """
    _require_file(file)
    if os.path.lexists(file) and not force:
        raise _taken(file)
    broker = Broker()
    status = require_open(broker)
    passphrase = ask_passphrase("Passphrase of the backup", is_new=True)
    with waiting("sealing the backup"):
        answer = broker.call(
            "POST",
            "/v1/backup",
            {"passphrase": passphrase},
            timeout=BACKUP_SECONDS,
            largest=_LARGEST_ANSWER,
        )
    data = _decoded(answer)
    _write(file, data, force=force)
    _tell_backup(file, data, status, as_json=as_json)


def _tell_backup(file: Path, data: bytes, status: Json, *, as_json: bool) -> None:
    accounts, damaged = status.get("accounts"), status.get("damaged_records")
    if as_json:
        report: Json = {"file": str(file), "bytes": len(data), "accounts": accounts}
        say_json({**report, "left_out": damaged})
        return
    say(f"backed up to {file} (accounts: {accounts}, {len(data) >> 10} KiB)")
    if damaged:
        tell_note(f"{damaged} damaged records are not in it: see `brokerctl doctor`")
    tell_note(
        "only its passphrase opens it; sign-ins whose issuer renews the refresh token "
        "at each use may be asked for again after a restore"
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@key_option
@click.option(
    "--set-aside",
    is_flag=True,
    help="Rename a store that is there, open or not; nothing is deleted.",
)
@yes_option
@json_option
@tells_errors
def restore(
    *, file: Path, key: str | None, set_aside: bool, yes: bool, as_json: bool
) -> None:
    """Make the store of what `brokerctl backup` wrote to FILE.

    In a pipe the first line of standard input is the passphrase of the backup, and with
    --key passphrase the second is that of the new store.
    """
    _require_file(file)
    data = _read(file)
    broker = Broker()
    before = broker.call("GET", "/v1/status")
    if text(before, "store") != "none":
        if not set_aside:
            raise told(StoreExistsError())
        confirm(
            "The store that is there is renamed, and the accounts of the backup take "
            "the place of its accounts. Go on?",
            yes=yes,
        )
    passphrase = ask_passphrase("Passphrase of the backup", is_new=False)
    source, new_passphrase = chosen_key(broker, key)
    asked: Json = {
        "backup": base64.b64encode(data).decode(),
        "passphrase": passphrase,
        "key": source,
        "key_passphrase": new_passphrase,
        "set_aside": set_aside,
    }
    body = {name: value for name, value in asked.items() if value}
    with waiting("opening the backup"):
        answer = broker.call("POST", "/v1/restore", body, timeout=BACKUP_SECONDS)
    _tell_restored(answer, before, as_json=as_json)


def _tell_restored(answer: Json, before: Json, *, as_json: bool) -> None:
    if as_json:
        say_json(answer)
        return
    counted, source = text(answer, "accounts"), text(answer, "key_source")
    say(f"restored (accounts: {counted}, key source: {source})")
    tell_set_aside(answer)
    _tell_ways_in(answer, before)
    tell_note(
        "each sign-in is tried with the refresh token of the backup; where the issuer "
        "has given a newer one since, you sign in again"
    )


def _tell_ways_in(answer: Json, before: Json) -> None:
    """A key file where a passphrase was is nothing to be found out later."""
    here = slot_sources(answer)
    missed = [source for source in slot_sources(before) if source not in here]
    if missed:
        tell_note(
            f"ways to open the store before that do not open this one "
            f"({', '.join(missed)}): `brokerctl key add` makes new ones"
        )


def _require_file(file: Path) -> None:
    if str(file) == "-":
        raise bad_usage(
            "a backup is a file, and - is none", "passphrases come on standard input"
        )


def _decoded(answer: Json) -> bytes:
    try:
        return base64.b64decode(text(answer, "backup"), validate=True)
    except binascii.Error:
        raise BrokerError(
            "reply_malformed", "the daemon sent no backup", "see its log, and report it"
        ) from None


def _read(file: Path) -> bytes:
    with _errors_of(file), file.open("rb") as opened:
        data = opened.read(LARGEST_BACKUP + 1)
    if len(data) > LARGEST_BACKUP:
        raise bad_usage(f"{file} is too large to be it", "see which file you named")
    return data


def _write(file: Path, data: bytes, *, force: bool) -> None:
    """The whole file under its name, or nothing, whatever happens in between."""
    # broker.host is a fifth of a second that no other command needs.
    from broker.host import files  # noqa: PLC0415

    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with _errors_of(file):
        try:
            # Not `private_file`: FAT cannot have its mode, and what is in it is sealed.
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as opened:
                opened.write(data)
                opened.flush()
                files.flush_to_disk(opened.fileno())
            _publish(temporary, file, force=force)
            files.flush_folder(file.parent)
        finally:
            files.remove_leftover(temporary)


def _publish(temporary: Path, file: Path, *, force: bool) -> None:
    if force:
        temporary.replace(file)
        return
    try:
        os.link(temporary, file)
    except FileExistsError:
        raise _taken(file) from None
    except OSError as exc:
        if exc.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(file):
            raise _taken(file) from None
        temporary.rename(file)


def _taken(file: Path) -> BrokerError:
    return bad_usage(f"{file} is there already", "--force replaces it")


@contextmanager
def _errors_of(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        reason = (exc.strerror or "unknown").lower()
        hint = "see which file you named, and to its folder and disk"
        raise bad_usage(f"{file}: {reason}", hint) from exc
