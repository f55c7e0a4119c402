"""An SMSC on smpp34 (a Rust core): accepts each text, prints it, and sends a receipt, again while it is not taken."""

import asyncio
import sys

import smpp34

RECEIPT = "id:{} sub:001 dlvrd:001 submit date:2503031200 done date:2503031200 stat:DELIVRD err:000 text:"


async def _receipt(esme: smpp34.Esme, text: smpp34.SubmitSmEvent, message_id: str) -> None:
    while True:
        answer = await esme.deliver_sm(
            text.source_addr, RECEIPT.format(message_id).encode(), source_addr=text.destination_addr, esm_class=4,
            source_addr_ton=1, source_addr_npi=1, dest_addr_ton=5,
        )  # fmt: skip
        if answer.is_success:
            return


async def main(port: int) -> None:
    server = smpp34.Server("127.0.0.1", port, system_id="RUST")
    await server.start()
    print("ready", flush=True)
    esmes: dict[str, smpp34.Esme] = {}
    receipts: set[asyncio.Task[None]] = set()
    number = 0
    while True:
        event = await server.next()
        if isinstance(event, smpp34.Esme):
            esmes[event.session_id] = event
        elif isinstance(event, smpp34.SubmitSmEvent):
            number += 1
            print(event.short_message.decode(), flush=True)
            event.accept(f"rust-{number}")
            one = asyncio.create_task(_receipt(esmes[event.session_id], event, f"rust-{number}"))
            receipts.add(one)
            one.add_done_callback(receipts.discard)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
