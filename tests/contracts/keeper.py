"""The promises of a `Keeper`, as functions that need nothing but brokerd.

Run on fakes by test_keeper.py and test_keychain.py; tests/system/test_keyring.py has
the person run this very text beside a real keyring.
"""

import secrets
from collections.abc import Callable

from broker.model.secret import SecretBytes
from broker.store.keys.kept import ItemName, OpenKeeper

Promise = Callable[[OpenKeeper], None]


def new_name(store: str | None = None) -> ItemName:
    """A name that no run before this one has used."""
    return ItemName(store=store or secrets.token_hex(16), key=secrets.token_hex(8))


def new_key() -> SecretBytes:
    return SecretBytes(secrets.token_bytes(32))


def what_was_added_is_found_later(open_keeper: OpenKeeper) -> None:
    name, key = new_name(), new_key()
    with open_keeper() as keeper:
        assert keeper.find(name) is None
        keeper.add(name, key)
    with open_keeper() as keeper:
        assert keeper.find(name) == key


def each_key_of_a_store_has_an_item_of_its_own(open_keeper: OpenKeeper) -> None:
    first, one, other = new_name(), new_key(), new_key()
    second = new_name(first.store)
    with open_keeper() as keeper:
        keeper.add(first, one)
        keeper.add(second, other)
        assert keeper.find(first) == one
        assert keeper.find(second) == other


def what_was_removed_is_gone_and_the_others_stay(open_keeper: OpenKeeper) -> None:
    first, one, other = new_name(), new_key(), new_key()
    second = new_name(first.store)
    with open_keeper() as keeper:
        keeper.add(first, one)
        keeper.add(second, other)
        keeper.note(first.store, "7")
        keeper.remove(first)
    with open_keeper() as keeper:
        assert keeper.find(first) is None
        assert keeper.find(second) == other
        assert keeper.noted(first.store) == "7"


def to_remove_what_is_not_there_is_no_fault(open_keeper: OpenKeeper) -> None:
    with open_keeper() as keeper:
        keeper.remove(new_name())


def the_last_note_of_each_store_is_kept(open_keeper: OpenKeeper) -> None:
    one, other, third = new_name().store, new_name().store, new_name().store
    with open_keeper() as keeper:
        assert keeper.noted(one) is None
        keeper.note(one, "7")
        keeper.note(other, "9")
        keeper.note(one, "8")
    with open_keeper() as keeper:
        assert keeper.noted(one) == "8"
        assert keeper.noted(other) == "9"
        assert keeper.noted(third) is None


def a_note_is_never_taken_for_a_key(open_keeper: OpenKeeper) -> None:
    name, key = new_name(), new_key()
    with open_keeper() as keeper:
        keeper.note(name.store, "7")
        assert keeper.find(name) is None
        keeper.add(name, key)
        keeper.note(name.store, "8")
        assert keeper.find(name) == key
        assert keeper.noted(name.store) == "8"


def while_it_is_open_it_would_keep_a_key(open_keeper: OpenKeeper) -> None:
    with open_keeper() as keeper:
        keeper.probe()


PROMISES: tuple[Promise, ...] = (
    what_was_added_is_found_later,
    each_key_of_a_store_has_an_item_of_its_own,
    what_was_removed_is_gone_and_the_others_stay,
    to_remove_what_is_not_there_is_no_fault,
    the_last_note_of_each_store_is_kept,
    a_note_is_never_taken_for_a_key,
    while_it_is_open_it_would_keep_a_key,
)
