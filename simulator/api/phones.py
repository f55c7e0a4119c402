"""`/sim/handsets/…`: dialling, answering, inbox, sending, the switch."""

import json
from typing import Annotated, Any

from pydantic import Field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from simulator.api.common import Body, msisdn_of, passed_on
from simulator.clock import NetworkClock
from simulator.deliveries import Outcome
from simulator.errors import TooBusy
from simulator.events import Changes
from simulator.forwarding import Forwarding
from simulator.handsets import Handsets
from simulator.http import Call, Reply, Routes
from simulator.origination import Origination
from simulator.subscribers import Subscribers
from simulator.ussd_centre import Screen, UssdCentre
from sms.text import preview

TEXT_CHARACTERS_MAX = 10_000
NUMBER_CHARACTERS_MAX = 30
OUTCOME_SECONDS_MAX = 2.0
HTTP_OK = 200
HTTP_NOT_FOUND = 404

Text = Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX)]


class DialBody(Body):
    """A dial: any text."""

    code: Text


class AnswerBody(Body):
    """What the subscriber keys in at a menu."""

    text: Text


class SmsBody(Body):
    """A message a handset sends."""

    to: Annotated[str, Field(min_length=1, max_length=NUMBER_CHARACTERS_MAX)]
    text: Text


class TextBody(Body):
    """A text whose cost somebody wants to know while typing it."""

    text: Text


class PowerBody(Body):
    """A phone's switch."""

    on: bool


class PhoneApi:
    """What a phone can do."""

    def __init__(
        self,
        *,
        clock: IReactorTime,
        subscribers: Subscribers,
        network_clock: NetworkClock,
        handsets: Handsets,
        forwarding: Forwarding,
        ussd: UssdCentre,
        origination: Origination,
        changes: Changes,
    ) -> None:
        self._clock = clock
        self._subscribers = subscribers
        self._network_clock = network_clock
        self._handsets = handsets
        self._forwarding = forwarding
        self._ussd = ussd
        self._origination = origination
        self._changes = changes

    def add_to(self, routes: Routes) -> None:
        """Serve the calls."""
        phone = "/sim/handsets/{msisdn}"
        routes.add(f"{phone}/dial", POST=self.dial, DELETE=self.hang_up)
        routes.add(f"{phone}/answer", POST=self.answer)
        routes.add(f"{phone}/inbox", GET=self.inbox, DELETE=self.clear_inbox)
        routes.add(f"{phone}/sms", POST=self.send_sms)
        routes.add("/sim/text-cost", POST=self.text_cost)
        routes.add(f"{phone}/power", GET=self.power, PUT=self.switch)
        routes.add(f"{phone}/subscriber", GET=self.subscriber, PUT=self.set_subscriber)

    async def text_cost(self, call: Call) -> Reply:
        """What a text costs as an SMS, as it stands and with letters rewritten."""
        return Reply(document=preview(call.read(TextBody).text).document())

    async def dial(self, call: Call) -> Reply:
        """Dial a code and show the answer."""
        body = call.read(DialBody)
        return _shown(await self._ussd.dial(msisdn_of(call), body.code))

    async def hang_up(self, call: Call) -> Reply:
        """End the dialogue that is open; it is no error when none is."""
        msisdn = msisdn_of(call)
        return Reply(document={"msisdn": msisdn, "hung_up": self._ussd.hang_up(msisdn)})

    async def answer(self, call: Call) -> Reply:
        """Answer the menu on the screen."""
        body = call.read(AnswerBody)
        return _shown(await self._ussd.answer(msisdn_of(call), body.text))

    async def inbox(self, call: Call) -> Reply:
        """What the phone shows, oldest first."""
        call.only_query()
        msisdn = msisdn_of(call)
        await self._network_clock.settled()
        return Reply(
            document={
                "messages": [
                    {
                        "from": one.source,
                        "text": one.text,
                        "segments": one.segments,
                        "coding": one.coding,
                        "received_at": self._network_clock.stamp_text(one.arrived_at),
                        "ids": list(one.message_ids),
                    }
                    for one in self._handsets.inbox(msisdn)
                ]
            }
        )

    async def clear_inbox(self, call: Call) -> Reply:
        """Delete what the phone shows."""
        self._handsets.clear(msisdn_of(call))
        self._changes.note("messages")
        return Reply(document={"messages": []})

    async def send_sms(self, call: Call) -> Reply:
        """Send a message from the phone; tells how it went as far as that is known soon."""
        body = call.read(SmsBody)
        source = msisdn_of(call)
        heard: Deferred[Outcome | None] = Deferred()
        sent = self._origination.send(source, body.to, body.text, heard)
        late = self._clock.callLater(OUTCOME_SECONDS_MAX, _give_up, heard)
        outcome = await heard
        if late.active():
            late.cancel()
        document: dict[str, Any] = {
            "from": source,
            "to": sent.to,
            "segments": sent.segments,
            "coding": sent.coding,
            "state": outcome or "queued",
        }
        return Reply(document=document)

    async def power(self, call: Call) -> Reply:
        """Whether the phone is on."""
        call.only_query()
        msisdn = msisdn_of(call)
        return Reply(document={"msisdn": msisdn, "on": self._handsets.is_on(msisdn)})

    async def switch(self, call: Call) -> Reply:
        """Switch the phone on or off; off, its messages wait and its dialogue ends."""
        body = call.read(PowerBody)
        msisdn = msisdn_of(call)
        if not body.on:
            self._ussd.hang_up(msisdn)
        if not self._forwarding.switch_handset(msisdn, on=body.on):
            raise TooBusy("too many phones are off already")
        return Reply(document={"msisdn": msisdn, "on": body.on})

    async def subscriber(self, call: Call) -> Reply:
        """What the gateway knows of this number: null when nothing, which is no error here."""
        call.only_query()
        answer = await self._subscribers.show(msisdn_of(call))
        if answer.status == HTTP_NOT_FOUND:
            return Reply(document={"subscriber": None})
        if answer.status != HTTP_OK:
            return passed_on(answer)
        return Reply(document={"subscriber": json.loads(answer.body)})

    async def set_subscriber(self, call: Call) -> Reply:
        """Tell the gateway of this number, as the operator's own provisioning would."""
        return passed_on(await self._subscribers.put(msisdn_of(call), call.body))


def _shown(screen: Screen) -> Reply:
    return Reply(
        document={
            "text": screen.text,
            "open": screen.open,
            "session": screen.session,
            "coding": screen.coding,
            "octets": screen.octets,
            "elapsed_ms": screen.elapsed_ms,
            "failure": screen.failure,
        }
    )


def _give_up(heard: Deferred[Outcome | None]) -> None:
    if not heard.called:
        heard.callback(None)
