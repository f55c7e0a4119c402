"""What an operator sees: accepted messages, links, PDUs, faults, the clock, and changes as they happen."""

from typing import Any

from simulator.api.common import limit_of, passed_on, wall_text, whole_number
from simulator.capture import Capture, Traced
from simulator.clock import NetworkClock
from simulator.errors import PathUnknown
from simulator.events import Changes
from simulator.faults import Faults
from simulator.handsets import concatenation_of, segment_text
from simulator.http import Call, Reply, Routes, Streaming
from simulator.links import Links
from simulator.messages import MessageStore, StoredMessage
from simulator.msisdn import normalised
from simulator.personas import EVERY_PERSONA
from simulator.settings import Simulator
from simulator.smsc import Smsc
from simulator.ussd_centre import UssdCentre
from sms.smpp.codec import encode
from sms.smpp.describe import describe
from sms.text import Coding

PDUS_SHOWN = 100
PCAP_TYPE = "application/vnd.tcpdump.pcap"

_CODINGS = {
    0: Coding.GSM7,
    1: Coding.GSM7,
    3: Coding.LATIN1,
    8: Coding.UCS2,
    0x18: Coding.UCS2,
    0x48: Coding.UCS2,
}


class NetworkApi:
    """The operator's view."""

    def __init__(
        self,
        *,
        settings: Simulator,
        network_clock: NetworkClock,
        store: MessageStore,
        smsc: Smsc,
        ussd: UssdCentre,
        links: Links,
        capture: Capture,
        changes: Changes,
    ) -> None:
        self._settings = settings
        self._network_clock = network_clock
        self._store = store
        self._smsc = smsc
        self._ussd = ussd
        self._links = links
        self._capture = capture
        self._changes = changes

    def add_to(self, routes: Routes) -> None:
        """Serve the calls."""
        routes.add("/sim/smsc/messages", GET=self.messages)
        routes.add("/sim/smsc/messages/{id}", GET=self.message)
        routes.add("/sim/smsc/links", GET=self.bound_links)
        routes.add("/sim/faults", GET=self.faults, PUT=self.set_faults, DELETE=self.clear_faults)
        routes.add("/sim/personas", GET=self.personas)
        routes.add("/sim/personas/{name}", PUT=self.be)
        routes.add("/sim/pdus", GET=self.pdus)
        routes.add("/sim/capture.pcap", GET=self.pcap)
        routes.add("/sim/clock", GET=self.show_clock, POST=self.advance_clock)
        routes.add("/sim/events", GET=self.events)
        routes.add("/healthz", GET=self.health)

    async def health(self, call: Call) -> Reply:
        """We are there."""
        call.only_query()
        return Reply(document={"status": "ok"})

    async def messages(self, call: Call) -> Reply:
        """Every segment the SMSC accepted and still holds, oldest first; with `limit` the last so many."""
        query = call.only_query("to", "limit")
        await self._network_clock.settled()
        to = normalised(query["to"], field="to") if "to" in query else None
        found = list(self._store.all()) if to is None else self._store.to(to)
        if "limit" in query:
            found = found[-limit_of(query, default=1) :]
        return Reply(document={"items": [self._segment(one) for one in found]})

    async def message(self, call: Call) -> Reply:
        """One segment with its PDU and every PDU of the trace that names it, oldest first."""
        call.only_query()
        await self._network_clock.settled()
        found = self._store.get(call.path["id"])
        if found is None:
            raise PathUnknown("no message of this id is held")
        named = [self._traced(entry) for entry in self._capture.mentioning(found.message_id)]
        return Reply(
            document={
                **self._segment(found),
                "pdu": {"hex": encode(found.pdu).hex(), "fields": describe(found.pdu)},
                "trace": named,
            }
        )

    async def bound_links(self, call: Call) -> Reply:
        """Who is bound, and what waits for whom."""
        call.only_query()
        links = [
            {
                "name": one.name,
                "system_id": one.account.account.system_id,
                "state": one.link.state.value,
                "peer": one.link.peer_host,
                "window_free": one.link.window_free,
                "unanswered": one.unanswered,
            }
            for one in self._smsc.sessions()
        ]
        accounts = [
            {
                "system_id": system_id,
                "queued": len(queue),
                "accepted": queue.accepted,
                "refused": queue.refused,
                "expired": queue.expired,
            }
            for system_id, queue in self._smsc.deliveries.items()
        ]
        return Reply(
            document={
                "link": self._links.faults.link,
                "links": links,
                "accounts": accounts,
                "messages": {
                    "accepted": self._store.accepted,
                    "held": len(self._store),
                    "pending": len(self._smsc.forwarding.pending),
                },
                "timers": {
                    "ussd_answer_s": self._settings.ussd_answer_s,
                    "ussd_customer_s": self._settings.ussd_customer_s,
                    "ussd_session_s": self._settings.ussd_session_s,
                },
                "service_number": self._settings.service_number,
                "dialogues": {"open": len(self._ussd), "late": self._ussd.late},
            }
        )

    async def personas(self, call: Call) -> Reply:
        """SMSCs that the simulator can be, and the fault document that makes it each of them."""
        call.only_query()
        items = [
            {"name": name, "what": one.what, "faults": one.faults.model_dump(mode="json")}
            for name, one in EVERY_PERSONA.items()
        ]
        return Reply(document={"items": items})

    async def be(self, call: Call) -> Reply:
        """Be this SMSC: its fault document is put into force."""
        call.only_query()
        persona = EVERY_PERSONA.get(call.path["name"])
        if persona is None:
            raise PathUnknown(f"no persona of this name: there are {', '.join(EVERY_PERSONA)}")
        return await self._apply(persona.faults)

    async def pdus(self, call: Call) -> Reply:
        """The last PDUs, newest first: of one link, of one command, or those after a serial number."""
        query = call.only_query("limit", "link", "command", "after")
        limit = limit_of(query, default=PDUS_SHOWN)
        after = whole_number(query, "after", default=0)
        await self._network_clock.settled()
        items: list[dict[str, Any]] = []
        for entry in self._capture.entries(link=query.get("link"), command=query.get("command")):
            if len(items) >= limit or entry.serial <= after:
                break
            items.append(self._traced(entry))
        return Reply(document={"items": items})

    async def pcap(self, call: Call) -> Reply:
        """The last PDUs as a capture file."""
        call.only_query()
        return Reply(
            body=self._capture.pcap(smsc_port=self._links.port),
            content_type=PCAP_TYPE,
            headers={"Content-Disposition": 'attachment; filename="capture.pcap"'},
        )

    async def faults(self, call: Call) -> Reply:
        """The faults in force."""
        call.only_query()
        return Reply(document=self._links.faults.model_dump(mode="json"))

    async def set_faults(self, call: Call) -> Reply:
        """These faults from now on; what is left out is off."""
        return await self._apply(call.read(Faults))

    async def clear_faults(self, call: Call) -> Reply:
        """No faults."""
        call.only_query()
        return await self._apply(Faults())

    async def _apply(self, faults: Faults) -> Reply:
        await self._links.apply(faults)
        self._changes.note("faults")
        return Reply(document=self._links.faults.model_dump(mode="json"))

    async def show_clock(self, call: Call) -> Reply:
        """The gateway's clock."""
        call.only_query()
        return passed_on(await self._network_clock.show())

    async def advance_clock(self, call: Call) -> Reply:
        """Advance the gateway's clock."""
        answer = await self._network_clock.advance(call.body)
        self._changes.note("clock")
        return passed_on(answer)

    async def events(self, call: Call) -> Streaming:
        """Server-sent events: what changed."""
        call.only_query()
        self._changes.listen(call.request)
        return Streaming()

    def _traced(self, entry: Traced) -> dict[str, Any]:
        return {
            "serial": entry.serial,
            "at": self._network_clock.stamp_text(entry.at),
            "wall_at": wall_text(entry.at),
            "link": entry.connection.name,
            "direction": "to_smsc" if entry.received else "to_esme",
            "command": entry.command,
            "sequence": entry.sequence,
            "status": entry.status,
            "hex": entry.octets.hex(),
            "fields": entry.fields(),
        }

    def _segment(self, one: StoredMessage) -> dict[str, Any]:
        part = concatenation_of(one)
        return {
            "id": one.message_id,
            "from": one.source,
            "to": one.to,
            "octets": one.text.hex(),
            "coding": _CODINGS.get(one.pdu.data_coding, "octets"),
            "data_coding": one.pdu.data_coding,
            "esm_class": one.pdu.esm_class,
            "accepted_at": self._network_clock.stamp_text(one.at),
            "accepted_wall_at": wall_text(one.at),
            "state": one.state.name.lower(),
            "state_at": self._network_clock.stamp_text(one.state_at),
            "state_wall_at": wall_text(one.state_at),
            "account": one.account.system_id,
            "text": segment_text(one),
            "part": None
            if part is None
            else {"reference": part.reference, "total": part.total, "number": part.number},
        }
