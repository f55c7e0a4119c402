"""Renders queued messages when they are first claimed, in their subscribers' languages, in that transaction."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from billing.errors import UnknownSubscriber
from billing.programme import Programme
from billing.store import reads, schema
from billing.store.dialects import among
from billing.words import Network
from gateway.balance_screens import main_screen
from gateway.notices import Timing, message_for
from gateway.texts import NoticeKind, Screens, render
from sms.outbox.model import Claimed, Rendered
from sms.outbox.queue import enqueue
from sms.text import UnicodeMode

DEFAULT_LANGUAGE = "ru"

_PREFERENCES = select(
    schema.subscription.c.subscription_id, schema.subscription.c.language, schema.subscription.c.unicode
).where(among(schema.subscription.c.subscription_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Preference:
    language: str
    mode: UnicodeMode


class NoticeRenderer:
    """`render` is what the dispatcher is given. `now` is the business clock's; `mode` where a subscriber has none."""

    def __init__(
        self, *, programme: Programme, now: Callable[[], datetime], mode: UnicodeMode, owns_main: bool
    ) -> None:
        self._programme = programme
        self._now = now
        self._default = _Preference(language=DEFAULT_LANGUAGE, mode=mode)
        self._owns_main = owns_main

    def render(self, connection: Connection, messages: Sequence[Claimed]) -> Sequence[Rendered]:
        """The texts, in the order of the messages."""
        preferences = self._preferences(connection, {one.subscription_id for one in messages})
        return [
            self._rendered(connection, one, preferences.get(one.subscription_id, self._default)) for one in messages
        ]

    def _rendered(self, connection: Connection, message: Claimed, preference: _Preference) -> Rendered:
        params: Mapping[str, Any] = json.loads(message.params)
        if message.kind == NoticeKind.BALANCE or params.get("answer") == "balance":
            is_latin = bool(params.get("latin"))
            text = self._balance(connection, message.msisdn, Screens(language=preference.language, latin=is_latin))
        elif message.kind == NoticeKind.ADVERT:
            text = str(params["text"])
        else:
            text = render(message.kind, params, preference.language, preference.mode)
        return Rendered(text=text, language=preference.language, mode=preference.mode)

    def _balance(self, connection: Connection, msisdn: str, screens: Screens) -> str:
        """The text of `*100#` as of now; few of these are ever queued."""
        found = reads.balances_of(connection, (msisdn,), self._now(), self._programme)
        if msisdn not in found:
            return screens.text("not_member")
        view = found[msisdn]
        return main_screen(view, screens, main=view.balances.main if self._owns_main else None)

    def _preferences(self, connection: Connection, ids: Collection[int]) -> Mapping[int, _Preference]:
        return {
            row.subscription_id: _Preference(
                language=row.language, mode=UnicodeMode(row.unicode) if row.unicode else self._default.mode
            )
            for row in connection.execute(_PREFERENCES, {"values": sorted(ids)})
        }


def queue_balance(connection: Connection, msisdn: str, ref: str, *, latin: bool, timing: Timing) -> bool:
    """Queue the SMS with the text of `*100#`; False for numbers that get no figures (unknown, or off-net)."""
    try:
        subscription = reads.subscriber(connection, msisdn).subscription
    except UnknownSubscriber:
        return False
    if subscription.network is Network.OFF_NET:
        return False
    params = {"latin": latin}
    enqueue(connection, [message_for(subscription, NoticeKind.BALANCE, ref, params=params, timing=timing)])
    return True
