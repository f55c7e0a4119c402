"""A TCP door to a Unix socket at which everything waits a while: `delay.py SOCKET MILLISECONDS` prints its port.

The whole round trip is put on the way there; each connection has a thread for either direction.
"""

import queue
import socket
import sys
import threading
import time

PIECE_OCTETS = 1 << 16


def main() -> None:
    """Serve until killed."""
    target, delay_s = sys.argv[1], float(sys.argv[2]) / 1000
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = socket.socket(socket.AF_UNIX)
        server.connect(target)
        threading.Thread(target=_late, args=(client, server, delay_s), daemon=True).start()
        threading.Thread(target=_at_once, args=(server, client), daemon=True).start()


def _late(source: socket.socket, sink: socket.socket, delay_s: float) -> None:
    pieces: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
    threading.Thread(target=_send, args=(pieces, sink), daemon=True).start()
    piece = b"-"
    while piece:
        piece = source.recv(PIECE_OCTETS)
        pieces.put((time.monotonic() + delay_s, piece))


def _send(pieces: "queue.SimpleQueue[tuple[float, bytes]]", sink: socket.socket) -> None:
    while True:
        due, piece = pieces.get()
        time.sleep(max(0.0, due - time.monotonic()))
        if not piece:
            sink.shutdown(socket.SHUT_WR)
            return
        sink.sendall(piece)


def _at_once(source: socket.socket, sink: socket.socket) -> None:
    while piece := source.recv(PIECE_OCTETS):
        sink.sendall(piece)
    sink.close()


if __name__ == "__main__":
    main()
