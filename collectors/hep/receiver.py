"""The process that empties the socket: `python -m collectors.hep.receiver SOCKET_FD PIPE_FD QUEUE_BYTES`.

It does nothing but receive, so that no work of the service (decoding, diagnosis, a pause to collect garbage)
lets the buffer of the kernel run over. It writes records to the pipe: 4 bytes length, then the packet;
the length 0xFFFFFFFF announces one of counts: 8 bytes each for received, dropped by the kernel, dropped here
because the service was too slow. When standard input closes it empties what is there and ends.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time
from collections import deque

COUNTS = 0xFFFF_FFFF
LENGTH = struct.Struct(">I")
NUMBERS = struct.Struct(">QQQ")
_BATCH_BYTES = 60_000
_ROUND = 512
_LAST_ROUNDS = 100  # senders that never stop must not keep the service from stopping
_REPORT_S = 0.5


def kernel_drops(sock: socket.socket) -> int:
    """Return how many datagrams the kernel dropped at this socket (proc(5), /proc/net/udp)."""
    inode = str(os.fstat(sock.fileno()).st_ino)
    name = "udp6" if sock.family == socket.AF_INET6 else "udp"
    try:
        with open(f"/proc/self/net/{name}", encoding="ascii") as table:  # noqa: PTH123 - pathlib costs its import
            rows = [line.split() for line in table]
    except OSError:
        return 0
    return next((int(row[-1]) for row in rows if len(row) > 12 and row[9] == inode), 0)


class Receiver:
    """Socket to pipe, with a bounded queue between them."""

    def __init__(self, sock: socket.socket, pipe: int, queue_bytes: int) -> None:
        self._sock, self._pipe, self._limit = sock, pipe, queue_bytes
        self._queue: deque[memoryview] = deque()
        self._waiting = 0
        self._buffer = bytearray(65_536)
        self.received = self.dropped = 0
        self._reported_at = 0.0

    def run(self, stop: int) -> None:
        """Work until `stop` (a file descriptor) closes."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(stop, select.POLLIN | select.POLLHUP)
        while True:
            poll.register(self._pipe, select.POLLOUT if self._queue else 0)
            events = dict(poll.poll(int(_REPORT_S * 1000)))
            self._receive()
            self._write()
            if time.monotonic() - self._reported_at >= _REPORT_S:
                self._report()
            if stop in events:
                self._finish()
                return

    def _receive(self) -> int:
        """Take what is there, at most one round of it."""
        buffer, receive = self._buffer, self._sock.recvfrom_into
        batch, taken = bytearray(), 0
        for _ in range(_ROUND):
            try:
                size, _peer = receive(buffer)
            except BlockingIOError:
                break
            taken += 1
            if self._waiting + len(batch) > self._limit:
                self.dropped += 1
                continue
            batch += LENGTH.pack(size)
            batch += memoryview(buffer)[:size]
            if len(batch) > _BATCH_BYTES:
                self._put(batch)
                batch = bytearray()
        self._put(batch)
        self.received += taken
        return taken

    def _put(self, batch: bytearray) -> None:
        if batch:
            self._queue.append(memoryview(batch))
            self._waiting += len(batch)

    def _write(self) -> None:
        while self._queue:
            try:
                written = os.write(self._pipe, self._queue[0])
            except BlockingIOError:
                return
            self._waiting -= written
            if written < len(self._queue[0]):
                self._queue[0] = self._queue[0][written:]
                return
            self._queue.popleft()

    def _report(self) -> None:
        self._reported_at = time.monotonic()
        counts = NUMBERS.pack(self.received, kernel_drops(self._sock), self.dropped)
        self._put(bytearray(LENGTH.pack(COUNTS) + counts))

    def _finish(self) -> None:
        """Empty the socket and the queue; the reader of the pipe is still there."""
        for _ in range(_LAST_ROUNDS):
            if not self._receive():
                break
            self._write()
        self._report()
        os.set_blocking(self._pipe, True)
        self._write()


def main(arguments: list[str]) -> None:
    """Run as a process."""
    socket_fd, pipe, queue_bytes = (int(argument) for argument in arguments)
    sock = socket.socket(fileno=socket_fd)
    sock.setblocking(False)
    os.set_blocking(pipe, False)
    try:
        Receiver(sock, pipe, queue_bytes).run(sys.stdin.fileno())
    except BrokenPipeError:
        # The service is gone; nobody is left to hand packets to.
        return


if __name__ == "__main__":
    main(sys.argv[1:])
