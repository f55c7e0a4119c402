"""The network's clock: the gateway's business clock where that is a manual one, else this machine's.

Records carry the wall time of their arrival, which costs nothing. Each arrival asks for a reading of the
gateway's clock (one in flight, spaced under load); a record's stamp is the first reading asked for after it
arrived, so a message sent at 09:00 of a clock that is being advanced is stamped 09:00.
"""

import json
from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from simulator.errors import GatewayUnreachable
from simulator.gateway_client import Gateway, GatewayAnswer
from simulator.waiting import sleep

READINGS_MAX = 10_000
READING_SECONDS_MAX = 2.0
SPACING_SECONDS = 0.05
UNREACHABLE_SECONDS = 2.0
SYSTEM_CLOCK_SECONDS = 60.0
SETTLE_SECONDS_MAX = 1.0
ADVANCE_SECONDS_MAX = 40.0

HTTP_OK = 200
HTTP_NOT_FOUND = 404


class NetworkClock:
    """Stamps for the simulator's records, and the door to the gateway's clock."""

    def __init__(
        self, *, gateway: Gateway, key: str, wall: Callable[[], float], clock: IReactorTime, zone: ZoneInfo
    ) -> None:
        self._gateway = gateway
        self._headers = {"Authorization": f"Bearer {key}"}
        self._wall = wall
        self._clock = clock
        self._zone = zone
        self._asked_at: list[float] = []
        self._readings: list[datetime | None] = []
        self._wanted = False
        self._reading: Deferred[None] | None = None
        self._blind_until = 0.0
        self._waiters: list[Deferred[None]] = []
        self._minute_number = 0
        self._minute = datetime.fromtimestamp(0, UTC)

    def poke(self) -> None:
        """Something was recorded: have a reading made that covers it."""
        if self._wanted or self._clock.seconds() < self._blind_until:
            return
        self._wanted = True
        if self._reading is None:
            reading = Deferred.fromCoroutine(self._read_while_wanted())
            if not reading.called:
                self._reading = reading

    def stamp(self, wall_at: float) -> datetime:
        """The network's time of a record that arrived at this wall time."""
        if self._asked_at:
            index = min(bisect_left(self._asked_at, wall_at), len(self._asked_at) - 1)
            reading = self._readings[index]
            if reading is not None:
                return reading
        return datetime.fromtimestamp(wall_at, UTC).astimezone(self._zone)

    def minute(self, wall_at: float) -> datetime:
        """The same to the minute, for dates that say no more; the same minute is the same object."""
        if not self._asked_at:
            number = int(wall_at // 60)
            if number != self._minute_number:
                self._minute_number = number
                self._minute = self.stamp(number * 60.0)
            return self._minute
        return self.stamp(wall_at).replace(second=0, microsecond=0)

    def stamp_text(self, wall_at: float) -> str:
        """The same as our callers read it: ISO 8601 with offset."""
        return self.stamp(wall_at).isoformat(timespec="milliseconds")

    def now(self) -> datetime:
        """The network's time as last known."""
        return self.stamp(self._wall())

    async def settled(self) -> None:
        """Wait until every record so far is covered by a reading, or until that takes too long."""
        if self._reading is None:
            return
        waiter: Deferred[None] = Deferred()
        self._waiters.append(waiter)
        late = self._clock.callLater(SETTLE_SECONDS_MAX, self._give_up, waiter)
        await waiter
        if late.active():
            late.cancel()

    async def show(self) -> GatewayAnswer:
        """The gateway's own answer to GET /v1/clock."""
        asked_at = self._wall()
        answer = await self._gateway.call("GET", "/v1/clock", headers=self._headers)
        self._note(asked_at, answer)
        return answer

    async def advance(self, body: bytes) -> GatewayAnswer:
        """The gateway's own answer to POST /v1/clock with this body."""
        answer = await self._gateway.call(
            "POST",
            "/v1/clock",
            body=body,
            headers={**self._headers, "Content-Type": "application/json"},
            seconds_max=ADVANCE_SECONDS_MAX,
        )
        self._note(self._wall(), answer)
        return answer

    def stop(self) -> None:
        """Give up a reading that is under way."""
        if self._reading is not None:
            self._reading.cancel()

    async def _read_while_wanted(self) -> None:
        try:
            while self._wanted:
                self._wanted = False
                asked_at = self._wall()
                answer = await self._gateway.call(
                    "GET", "/v1/clock", headers=self._headers, seconds_max=READING_SECONDS_MAX
                )
                self._note(asked_at, answer)
                if self._clock.seconds() < self._blind_until:
                    break
                if self._wanted:
                    await sleep(self._clock, SPACING_SECONDS)
        except (GatewayUnreachable, CancelledError):
            self._blind_until = self._clock.seconds() + UNREACHABLE_SECONDS
        finally:
            self._wanted = False
            self._reading = None
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                waiter.callback(None)

    def _note(self, asked_at: float, answer: GatewayAnswer) -> None:
        reading: datetime | None = None
        if answer.status == HTTP_OK:
            reading = _instant(answer.body)
        if reading is None:
            self._blind_until = self._clock.seconds() + SYSTEM_CLOCK_SECONDS
        if self._asked_at and asked_at <= self._asked_at[-1]:
            return
        if self._readings and self._readings[-1] == reading:
            self._asked_at[-1] = asked_at
            return
        self._asked_at.append(asked_at)
        self._readings.append(reading)
        if len(self._asked_at) > READINGS_MAX:
            del self._asked_at[: READINGS_MAX // 2]
            del self._readings[: READINGS_MAX // 2]

    def _give_up(self, waiter: Deferred[None]) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            waiter.callback(None)


def _instant(body: bytes) -> datetime | None:
    """The `now` of a clock answer; None where it is no such answer."""
    try:
        found = datetime.fromisoformat(json.loads(body)["now"])
    except (ValueError, KeyError, TypeError):
        return None
    return found if found.tzinfo else None
