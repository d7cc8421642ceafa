"""The grants in memory, read when they are asked for first, and which one is meant.

Those that are leaving are kept apart: no account shows them. Writes none.
"""

import itertools
from collections.abc import Callable

from broker.model.account import AccountName
from broker.model.errors import (
    AccountNeededError,
    NoAccountsError,
    SettingDamagedError,
    UnknownAccountError,
)
from broker.model.grant import Grant, GrantState
from broker.model.leaving import leaving_name, left_account
from broker.model.unattended import parent_of
from broker.services.interfaces import GrantStore, Listing

_DEFAULT_ACCOUNT = "default_account"


class AtHand:
    """Every grant as it was last saved."""

    _listing: Listing | None = None

    def __init__(self, store: GrantStore, cut_off: Callable[[Grant], None]) -> None:
        """Begin with none.

        Args:
            store: where they are read.
            cut_off: is called with a signed-out grant that the disk does not have: a
                crash came between the two saves of its log-out.
        """
        self._store = store
        self._tell_cut_off = cut_off
        self._grants: dict[AccountName, Grant] = {}
        self._leaving: dict[AccountName, Grant] = {}
        self._lately_read: list[Grant] = []
        self._default: AccountName | None = None

    async def load(self) -> None:
        """See what is in the store. Each grant is read when it is asked for first."""
        self._listing = await self._store.list()
        try:
            default = await self._store.load_setting(_DEFAULT_ACCOUNT)
        except SettingDamagedError:  # then the next request says to name one
            default = None
        self._default = None if default is None else AccountName(default)

    def read_on(self, most: int) -> list[Grant]:
        """Up to `most` more, and what was asked for since the last call.

        Each as it was found, and once; none when all have been read. Those that are
        leaving, too.
        """
        for grant in itertools.islice(self._listing or (), most):
            self._read(grant)
        lately, self._lately_read = self._lately_read, []
        return lately

    def all(self) -> list[Grant]:
        """Of accounts, in the order of their names; reads what is not read yet."""
        for grant in self._listing or ():
            self._read(grant)
        return [self._grants[name] for name in sorted(self._grants)]

    def leaving(self) -> list[Grant]:
        """What is still to be revoked after log-outs, as far as it has been read."""
        return list(self._leaving.values())

    def find(self, name: AccountName) -> Grant | None:
        """The grant of this account as it was last saved, or None."""
        grant = self._grants.get(name)
        if grant is not None or self._listing is None:
            return grant
        listed = self._listing.take(name)
        if listed is not None:
            self._read_with_leaving(listed, self._listing)
        return self._grants.get(name)

    def get(self, name: AccountName) -> Grant:
        """The grant of this account.

        Raises:
            UnknownAccountError: there is none.
        """
        grant = self.find(name)
        if grant is None:
            raise UnknownAccountError(account=name)
        return grant

    @property
    def default(self) -> AccountName | None:
        """The account that is meant where none is named, if it was chosen."""
        name = self._default
        return None if name is None or self.find(name) is None else name

    def named_or_default(self, name: AccountName | None) -> AccountName:
        """Which account is meant.

        Raises:
            UnknownAccountError: no account has this name.
            NoAccountsError: none was named, and there is none.
            AccountNeededError: none was named, and it is not clear which is meant.
        """
        if name is not None:
            return self.get(name).account.name
        if self.default is not None:
            return self.default
        # Those that are made of another one were made to be asked for by name.
        own = [each for each in self.all() if parent_of(each.unattended) is None]
        match tuple(grant.account.name for grant in own):
            case ():
                raise NoAccountsError
            case (only,):
                return only
            case names:
                raise AccountNeededError(accounts=names)

    async def set_default(self, name: AccountName | None) -> None:
        """Choose the account that is meant where none is named."""
        if name is not None:
            self.get(name)
        await self._store.save_setting(_DEFAULT_ACCOUNT, name)
        self._default = name

    def _let_go(self) -> None:
        """Of all that was read."""
        self._grants, self._leaving, self._listing = {}, {}, None
        self._lately_read = []

    def _put(self, grant: Grant) -> None:
        """It was saved."""
        kept = self._leaving if grant.state is GrantState.LEAVING else self._grants
        kept[grant.account.name] = grant

    def _drop(self, grant: Grant) -> None:
        """It was deleted."""
        kept = self._leaving if grant.state is GrantState.LEAVING else self._grants
        kept.pop(grant.account.name, None)

    def _sign_out(self, grant: Grant) -> None:
        """End a log-out of which only the first half is on the disk."""
        left = grant.signed_out()
        self._grants[grant.account.name] = left
        self._tell_cut_off(left)

    def _read(self, grant: Grant) -> None:
        name = grant.account.name
        self._lately_read.append(grant)
        self._put(grant)
        if grant.state is GrantState.LEAVING:
            account = self._grants.get(left_account(grant))
            if account is not None and leaving_name(account) == name:
                self._sign_out(account)
        elif self._leaving and leaving_name(grant) in self._leaving:
            self._sign_out(grant)

    def _read_with_leaving(self, grant: Grant, listing: Listing) -> None:
        """Whoever asks for one now may be given a token of it: a log-out that a crash
        has cut off must be known before that.
        """
        name = leaving_name(grant)
        leaving = None if name is None else listing.take(name)
        if leaving is not None:
            self._read(leaving)
        self._read(grant)
