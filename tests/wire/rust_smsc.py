"""An SMSC on smpp34 (a Rust core nobody here wrote), run as a process: accepts each text and delivers it back."""

import asyncio
import sys

import smpp34


async def main(port: int) -> None:
    server = smpp34.Server("127.0.0.1", port, system_id="RUST")
    await server.start()
    print("ready", flush=True)
    esmes: dict[str, smpp34.Esme] = {}
    while True:
        event = await server.next()
        if isinstance(event, smpp34.Esme):
            esmes[event.session_id] = event
        elif isinstance(event, smpp34.SubmitSmEvent):
            references = [(one.tag, bytes(one.value)) for one in event.tlvs]
            event.accept(f"rust-{event.short_message.decode()}-{len(references)}")
            answer = await esmes[event.session_id].deliver_sm(
                event.source_addr, bytes(event.short_message), source_addr=event.destination_addr,
                source_addr_ton=1, source_addr_npi=1, dest_addr_ton=5,
            )  # fmt: skip
            print("answered" if answer.is_success else "refused", flush=True)
        elif isinstance(event, smpp34.Unbound):
            print("unbound", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
