"""A crowd of bad clients as a process of its own: `slow_crowd.py PORT SLOW SILENT`, until its standard input ends.

SLOW connections bind one octet a second and come back when they are closed; SILENT ones are bound and say nothing
more, but that they answer what they are asked.
"""

import asyncio
import sys

from sms.smpp import BindTransceiver, encode

BIND = encode(BindTransceiver(sequence_number=1, system_id="crowd", password="crowd"))
RESPONSE = 0x80


async def slow(port: int) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for octet in BIND:
                writer.write(bytes((octet,)))
                await asyncio.sleep(1)
                if reader.at_eof():
                    break
            writer.close()
        except OSError:
            await asyncio.sleep(1)


async def silent(port: int, bound: asyncio.Semaphore) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(BIND)
            await reader.read(1)
            bound.release()
            while octets := await reader.read(65_536):
                del octets
            writer.close()
        except OSError:
            await asyncio.sleep(1)


async def main(port: int, slow_count: int, silent_count: int) -> None:
    bound = asyncio.Semaphore(0)
    crowd = [asyncio.create_task(silent(port, bound)) for _ in range(silent_count)]
    crowd += [asyncio.create_task(slow(port)) for _ in range(slow_count)]
    for _ in range(silent_count):
        await bound.acquire()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for one in crowd:
        one.cancel()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
