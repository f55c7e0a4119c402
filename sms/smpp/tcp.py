"""Options of the sockets below SMPP sessions."""

from __future__ import annotations

import socket

from twisted.internet.interfaces import ISystemHandle, ITCPTransport, ITransport

MILLISECONDS = 1000


def tune(transport: ITransport, user_timeout_s: float | None) -> None:
    """No Nagle delay: against delayed acknowledgements it costs two orders of magnitude.

    Where the system has TCP_USER_TIMEOUT, written octets nobody acknowledges for
    `user_timeout_s` end the connection. Transports that are no sockets are left alone.
    """
    tcp = ITCPTransport(transport, None)
    if tcp is None:
        return
    tcp.setTcpNoDelay(True)
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    # The handle of a TLS transport is no socket; that of the transport below it is.
    handle = ISystemHandle(getattr(tcp, "transport", tcp)).getHandle()
    if option is not None and user_timeout_s is not None and isinstance(handle, socket.socket):
        handle.setsockopt(socket.IPPROTO_TCP, option, int(user_timeout_s * MILLISECONDS))
