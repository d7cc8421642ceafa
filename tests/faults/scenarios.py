"""What the kill sweep interrupts. Each has two accounts at least, and touches one."""

import json
import shutil
from pathlib import Path

from tests.faults.daemons import Json, Refused
from tests.faults.sweep import Scenario
from tests.faults.world import World
from tests.system.waiting import wait_until

FORMAT_1 = Path(__file__).parents[1] / "vectors/format-1"
FORMAT_1_PORT = 47177
"""Where the issuer of that store is."""

PASSPHRASE = "made up for the sweep"
ASKED = {"passphrase": PASSPHRASE}


def two_accounts(world: World) -> None:
    world.sign_in("work")
    world.sign_in("home")


def refresh(world: World) -> None:
    world.token("work")


# --- keys ----------------------------------------------------------------------------


def add_slot(world: World) -> None:
    world.ask("POST", "/v1/slots", {"key": "passphrase", **ASKED})
    world.promised.words.add(PASSPHRASE)


def remove_slot(world: World) -> None:
    world.ask("DELETE", "/v1/slots/2")
    world.promised.words.discard(PASSPHRASE)


def accounts_and_two_slots(world: World) -> None:
    two_accounts(world)
    add_slot(world)


def rotate_slot(world: World) -> None:
    world.ask("POST", "/v1/slots/1/rotate", {})


def rotate_passphrase(world: World) -> None:
    world.ask("POST", "/v1/slots/2/rotate", ASKED)


def rotate_data_key(world: World) -> None:
    world.ask("POST", "/v1/data-key/rotate", {"passphrases": [PASSPHRASE]})


def passphrase_opens(world: World) -> None:
    """Without the key file, what was promised of the passphrase holds."""
    world.ask("POST", "/v1/lock", {})
    keys = list(world.person.store.parent.glob("*.key"))
    for key in keys:
        key.rename(key.with_suffix(".away"))
    try:
        world.ask("POST", "/v1/unlock", ASKED)
    except Refused as refusal:
        assert PASSPHRASE not in world.promised.words, refusal
    for key in keys:
        key.with_suffix(".away").rename(key)
    world.ask("POST", "/v1/unlock", {})


def passphrase_is_gone(world: World) -> None:
    """Once it was said that the slot is gone, it is."""
    slots = world.ask("GET", "/v1/status")["slots"]
    if PASSPHRASE in world.kept.words - world.promised.words:
        assert [slot["source"] for slot in slots] == ["plain"]


def lock_and_unlock(world: World) -> None:
    world.ask("POST", "/v1/lock", {})
    world.ask("POST", "/v1/unlock", {})
    world.token("work")


# --- copies --------------------------------------------------------------------------


def backup_file(world: World) -> Path:
    return world.person.home / "backup"


def make_backup(world: World) -> None:
    backup_file(world).write_text(world.ask("POST", "/v1/backup", ASKED)["backup"])


def accounts_and_backup(world: World) -> None:
    two_accounts(world)
    make_backup(world)


def forget_the_store(world: World) -> None:
    """Another machine: only the backup is there."""
    shutil.rmtree(world.person.store.parent)
    world.promised.accounts.clear()


def restore(world: World) -> None:
    body = {"backup": backup_file(world).read_text(), **ASKED, "key": "plain"}
    world.ask("POST", "/v1/restore", {**body, "set_aside": True})
    world.promised.accounts |= {"work", "home"}


# --- log-outs ------------------------------------------------------------------------


def log_out(world: World) -> None:
    world.promised.accounts.discard("work")  # it may be either, until that is said
    world.ask("DELETE", "/v1/accounts/work")
    world.promised.left.add("work")


def is_out_here_and_then_there(world: World) -> None:
    """It is signed in or out, never both; and once it is out, it is revoked."""
    answer = world.ask("GET", "/v1/accounts")
    live = {one["account"] for one in answer["accounts"] if one["state"] == "live"}
    left = {one["account"] for one in answer["leaving"]}
    assert left == {"work"} - live, answer
    assert not live & world.promised.left, answer
    assert not world.issuer.is_revoked("work")
    if left:
        world.issuer.manners()
        world.ask("POST", "/v1/logins", {"account": "home"})  # which has it tried
        wait_until(lambda: not world.ask("GET", "/v1/accounts")["leaving"], "revoked")
        assert world.issuer.is_revoked("work")


# --- moving in -----------------------------------------------------------------------

MOVED = "moved"
THEIRS = "refresh-token-of-another-tool"


def leave_a_foreign_token(world: World) -> None:
    """Another tool has signed in, and keeps what it was given."""
    world.issuer.adopt({MOVED: THEIRS})


def move_in(world: World) -> None:
    how = {"issuer": world.issuer.url, "client_id": MOVED, "scopes": ["files"]}
    token = {"refresh_token": THEIRS}
    world.ask("POST", "/v1/accounts", {"account": MOVED, **how, **token})
    world.promised.accounts.add(MOVED)


def is_taken_over_or_still_theirs(world: World) -> None:
    """Nothing was spent of a sign-in that is no account: it can be taken over again."""
    accounts = world.ask("GET", "/v1/accounts")["accounts"]
    if MOVED not in {one["account"] for one in accounts}:
        move_in(world)
        world.token(MOVED)


# --- accounts without a person -------------------------------------------------------


def add_robot(world: World) -> None:
    how = {"kind": "client_credentials", "issuer": world.issuer.url}
    client = {"client_id": "robot", "client_secret": "made-up-for-the-sweep"}
    added(world, "robot", {**how, **client})


def add_view(world: World) -> None:
    world.views["view"] = "work"
    how = {"kind": "view", "from": "work", "scopes": ["files"]}
    added(world, "view", how)


def added(world: World, name: str, how: Json) -> None:
    before = anchor(world)
    world.ask("PUT", f"/v1/accounts/{name}", how)
    world.promised.accounts.add(name)
    # It is one save, whose note beside the store comes after the answer.
    wait_until(lambda: is_noted_after(world, before), "it is noted")


def is_noted_after(world: World, before: int) -> bool:
    """Whether the note is another one than `before`; looked at without an answer."""
    world.nursery.reach()
    return anchor(world) != before


def anchor(world: World) -> int:
    """When the note was written that lies beside the store."""
    return (world.person.store.parent / "store.anchor").stat().st_mtime_ns


# --- the audit -----------------------------------------------------------------------


def use_and_lock(world: World) -> None:
    """A token, which is written; then the end of the log is saved as the store closes.

    Verifying has all written at once; else it is when the daemon has the time.
    """
    world.token("work")
    world.ask("GET", "/v1/audit/verify")
    world.ask("POST", "/v1/lock", {})
    world.ask("POST", "/v1/unlock", {})
    world.ask("GET", "/v1/audit/verify")


def audit_is_whole(world: World) -> None:
    """What a crash cuts off is told apart from what somebody has changed."""
    verdict = world.ask("GET", "/v1/audit/verify")
    assert verdict["faults"] == [], verdict
    assert verdict["lines"] > 0, verdict


# --- a store of an older format ------------------------------------------------------


def put_format_1(world: World) -> None:
    folder = world.person.store.parent
    folder.mkdir(0o700, parents=True, exist_ok=True)
    for name in ("store.db", "store.key"):
        shutil.copy(FORMAT_1 / name, folder)
        (folder / name).chmod(0o600)
    grants = json.loads((FORMAT_1 / "holds.json").read_text())["grants"]
    world.issuer.adopt({g["client_id"]: g["refresh_token"] for g in grants})
    world.promised.accounts |= {g["account"] for g in grants}


def default_is_kept(world: World) -> None:
    assert world.ask("GET", "/v1/accounts")["default"] == "work"


SCENARIOS = [
    Scenario("the first login", act=lambda world: world.sign_in("work")),
    Scenario(
        "a login beside others",
        prepare=two_accounts,
        act=lambda world: world.sign_in("more"),
    ),
    Scenario(
        "a login over an older one",
        prepare=two_accounts,
        act=lambda world: world.sign_in("work"),
    ),
    Scenario("refresh with rotation", prepare=two_accounts, act=refresh),
    Scenario(
        "refresh with rotation and grace",
        prepare=two_accounts,
        act=refresh,
        manners={"grace": True},
    ),
    Scenario(
        "start after a crash, and a refresh",
        prepare=two_accounts,
        act=refresh,
        manners={"grace": True},
        from_start=True,
        crashed=True,
    ),
    Scenario(
        "adding a slot", prepare=two_accounts, act=add_slot, check=passphrase_opens
    ),
    Scenario(
        "removing a slot",
        prepare=accounts_and_two_slots,
        act=remove_slot,
        check=passphrase_is_gone,
    ),
    Scenario(
        "rotation of the outer key, a file",
        prepare=accounts_and_two_slots,
        act=rotate_slot,
        check=passphrase_opens,
    ),
    Scenario(
        "rotation of the outer key, a passphrase",
        prepare=accounts_and_two_slots,
        act=rotate_passphrase,
        check=passphrase_opens,
    ),
    Scenario(
        "rotation of the data key",
        prepare=accounts_and_two_slots,
        act=rotate_data_key,
        check=passphrase_opens,
    ),
    Scenario(
        "log-out while the issuer revokes nothing",
        prepare=two_accounts,
        act=log_out,
        check=is_out_here_and_then_there,
        manners={"unwilling": True},
    ),
    Scenario(
        "moving in",
        prepare=two_accounts,
        between=leave_a_foreign_token,
        act=move_in,
        check=is_taken_over_or_still_theirs,
    ),
    Scenario(
        "moving in, and grace",
        prepare=two_accounts,
        between=leave_a_foreign_token,
        act=move_in,
        check=is_taken_over_or_still_theirs,
        manners={"grace": True},
    ),
    Scenario("an account without a person", prepare=two_accounts, act=add_robot),
    Scenario("a view", prepare=two_accounts, act=add_view, manners={"grace": True}),
    Scenario("lock and unlock", prepare=two_accounts, act=lock_and_unlock),
    Scenario(
        "the audit log",
        prepare=two_accounts,
        act=use_and_lock,
        check=audit_is_whole,
        audit=True,
    ),
    Scenario("backup", prepare=two_accounts, act=make_backup),
    Scenario(
        "restore where nothing is",
        prepare=accounts_and_backup,
        between=forget_the_store,
        act=restore,
    ),
    Scenario("restore over a store", prepare=accounts_and_backup, act=restore),
]

MIGRATION = Scenario(
    "migration of format 1",
    between=put_format_1,
    act=refresh,
    check=default_is_kept,
    from_start=True,
    manners={"rotate": False},
)
