"""Answers that are remembered: for a session in memory, for good sealed.

One setting of the store holds the latter, as a JSON list of `Consent`.
"""

import logging
from collections.abc import Callable

import msgspec

from broker.model.account import AccountName
from broker.model.consent import Allowance, Consent, Session, SessionConsent
from broker.model.errors import SettingDamagedError, UnknownConsentError
from broker.model.time import Instant
from broker.services.interfaces import GrantStore

log = logging.getLogger(__name__)

SETTING = "consents"
"""Of the store; an older copy of which has perhaps some that were taken back."""
_MOST_SESSIONS = 256


class Remembered:
    """What the person has allowed, of one open store.

    Attributes:
        always: the answers for good.
        is_damaged: whether those of the store could not be read; then they count no
            more, and the next one takes their place.
    """

    def __init__(self, store: GrantStore) -> None:
        self._store = store
        self.always: tuple[Consent, ...] = ()
        self.is_damaged = False
        self._sessions: list[SessionConsent] = []

    async def load(self) -> None:
        """Read them, where there are any."""
        try:
            text = await self._store.load_setting(SETTING)
            if text is not None:
                self.always = msgspec.json.decode(text, type=tuple[Consent, ...])
        except (SettingDamagedError, msgspec.DecodeError) as exc:
            log.warning("consents.damaged fault=%s", type(exc).__name__)
            self.is_damaged = True

    def allows(
        self, wanted: Allowance, session: Session | None, now: Instant
    ) -> str | None:
        """The rule by which `wanted` is allowed already, or None."""
        for number, one in enumerate(self._sessions):
            if (
                one.session == session
                and one.holds_at(now)
                and one.allowance.covers(wanted)
            ):
                self._sessions[number] = msgspec.structs.replace(one, used=now)
                return f"you, for this session ({one.consent_id})"
        for consent in self.always:
            if consent.allowance.covers(wanted):
                return f"you, always ({consent.consent_id})"
        return None

    def sessions(self, now: Instant) -> list[SessionConsent]:
        """Those for a session that still count."""
        self._sessions = [one for one in self._sessions if one.holds_at(now)]
        return list(self._sessions)

    def add_for_session(self, consent: SessionConsent) -> None:
        """Remember it until it has been idle for a while."""
        self._sessions = [*self.sessions(consent.given), consent][-_MOST_SESSIONS:]

    def forget_where(self, is_gone: Callable[[Allowance], bool]) -> None:
        """Forget some; the store does at the next change."""
        self._sessions = [one for one in self._sessions if not is_gone(one.allowance)]
        self.always = tuple(one for one in self.always if not is_gone(one.allowance))

    async def add(self, consent: Consent) -> None:
        """Remember it for good; those that it covers are of no use any more.

        Raises:
            StoreFailedError: the disk refused; nothing has changed.
        """
        kept = [
            one for one in self.always if not consent.allowance.covers(one.allowance)
        ]
        await self._set((*kept, consent))

    async def revoke(self, consent_id: str, now: Instant) -> None:
        """Forget one.

        Raises:
            UnknownConsentError: there is none of this id.
            StoreFailedError: the disk refused.
        """
        known = {one.consent_id for one in self.sessions(now)}
        known |= {one.consent_id for one in self.always}
        if consent_id not in known:
            raise UnknownConsentError(consent=consent_id)
        await self._forget(lambda one: one.consent_id == consent_id)

    async def revoke_all(self) -> None:
        """Forget all of them; `StoreFailedError` where the disk refused."""
        await self._forget(lambda _: True)

    async def forget_account(self, account: AccountName) -> None:
        """Forget those about an account; `StoreFailedError` where the disk refused."""
        await self._forget(lambda one: one.allowance.account == account)

    async def _forget(
        self, is_meant: Callable[[Consent | SessionConsent], bool]
    ) -> None:
        # Of memory first: that cannot fail.
        self._sessions = [one for one in self._sessions if not is_meant(one)]
        kept = tuple(one for one in self.always if not is_meant(one))
        if kept != self.always or self.is_damaged:
            await self._set(kept)

    async def _set(self, always: tuple[Consent, ...]) -> None:
        text = msgspec.json.encode(always).decode() if always else None
        await self._store.save_setting(SETTING, text)
        self.always, self.is_damaged = always, False
