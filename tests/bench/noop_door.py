"""The gateway's HTTP door with one resource that does nothing, for the floor of B9: prints its port.

It takes the same signed requests at the same path; it looks at nothing and answers as many octets.
"""

import sys
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2])]

from twisted.internet.defer import Deferred  # noqa: E402 - the path above
from twisted.internet.task import react  # noqa: E402 - as above

from gateway.http.auth import Keys  # noqa: E402 - as above
from gateway.http.door import HttpDoor  # noqa: E402 - as above
from gateway.http.routing import Call, Reply, Route, Router  # noqa: E402 - as above

BACKLOG = 1_024
ANSWER = b'{"order_id":"o-1-12345","state":"pending","reason":null,"reward":"50.00","spendable_from":"2025-05-01"}'


async def _nothing(_call: Call) -> Reply:
    return Reply(body=ANSWER)


def _main(reactor: Any) -> "Deferred[None]":
    route = Route(
        method="POST",
        path="/v1/postbacks/{partner}",
        handler=_nothing,
        summary="Nothing",
        scopes=None,
        signed=True,
        answers={200: None},
    )
    door = HttpDoor(Router([route]), Keys([], b"-"), reactor=reactor, wall=time.time)
    port = reactor.listenTCP(0, door, backlog=BACKLOG, interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    return Deferred()  # until killed


if __name__ == "__main__":
    react(_main)
