"""An ESME on smpp.twisted3 (run by its own environment): submits texts, takes their receipts, prints ids as JSON."""

import json
import sys

from smpp.pdu.operations import SubmitSM
from smpp.pdu.pdu_types import AddrNpi, AddrTon, RegisteredDelivery, RegisteredDeliveryReceipt
from smpp.twisted.client import SMPPClientTransceiver
from smpp.twisted.config import SMPPClientConfig
from twisted.internet import defer, reactor

AT_ONCE = 10


class Esme:
    """Ten at once until all are answered and receipted."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.accepted: list[str] = []
        self.receipted: list[str] = []
        self.states: list[str] = []
        self.complete = defer.Deferred()

    def take(self, smpp, pdu):  # noqa: ANN001, ANN201, ARG002 - the library's signature
        self.receipted.append(pdu.params["receipted_message_id"].decode())
        self.states.append(pdu.params["message_state"].name)
        self.finish()

    def finish(self) -> None:
        if len(self.accepted) == len(self.receipted) == self.count and not self.complete.called:
            self.complete.callback(None)

    async def submit(self, smpp, numbers) -> None:  # noqa: ANN001
        for number in numbers:
            submitted = SubmitSM(
                source_addr="PEER",
                source_addr_ton=AddrTon.ALPHANUMERIC,
                destination_addr=str(79160000000 + number),
                dest_addr_ton=AddrTon.INTERNATIONAL,
                dest_addr_npi=AddrNpi.ISDN,
                short_message=f"hello {number}".encode(),
                registered_delivery=RegisteredDelivery(RegisteredDeliveryReceipt.SMSC_DELIVERY_RECEIPT_REQUESTED),
            )
            answer = await smpp.sendDataRequest(submitted)
            self.accepted.append(answer.response.params["message_id"].decode())
            self.finish()

    async def run(self, port: int) -> None:
        config = SMPPClientConfig(host="127.0.0.1", port=port, username="demo", password="demo")
        smpp = await SMPPClientTransceiver(config, self.take).connectAndBind()
        numbers = iter(range(1, self.count + 1))
        await defer.gatherResults([defer.ensureDeferred(self.submit(smpp, numbers)) for _ in range(AT_ONCE)])
        await self.complete
        await smpp.unbindAndDisconnect()


def end(result) -> None:  # noqa: ANN001
    seen = {"accepted": esme.accepted, "receipted": esme.receipted, "states": esme.states}
    print(json.dumps(seen | {"error": None if result is None else str(result)}), flush=True)
    reactor.stop()


esme = Esme(int(sys.argv[2]))
defer.ensureDeferred(esme.run(int(sys.argv[1]))).addTimeout(120, reactor).addBoth(end)
reactor.run()
