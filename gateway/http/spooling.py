"""Answers that are made while the body arrives and go out once it has ended.

A client that sends everything before it reads would otherwise stop us, and we it.
"""

import tempfile
from collections.abc import Awaitable, Callable
from typing import IO

from gateway.http.routing import Reply

SPOOL_MEMORY_OCTETS = 4 << 20
"""An answer beyond this waits in a file."""
JSON_LINES = "application/x-ndjson"


async def spooled_lines(fill: Callable[[IO[bytes]], Awaitable[None]]) -> Reply:
    """The JSON lines that `fill` writes, once it is done."""
    spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_MEMORY_OCTETS)  # noqa: SIM115 - the answer closes it
    try:
        await fill(spool)
    except BaseException:
        spool.close()
        raise
    return Reply(file=spool, content_type=JSON_LINES.encode("ascii"))
