"""A listener where nobody may connect: it counts those who did, and answers nobody."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Listener:
    """Listens on one port of both loopback addresses, and of nothing else."""

    sockets: tuple[socket.socket, ...]

    @property
    def port(self) -> int:
        return int(self.sockets[0].getsockname()[1])

    def connections(self) -> int:
        """How many have connected since this was last asked: the kernel completes them without our help."""
        return sum(_drained(one) for one in self.sockets)


def _drained(listening: socket.socket) -> int:
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            connection, _ = listening.accept()
            connection.close()
            count += 1
    return count


@contextlib.contextmanager
def listener(address: str = "127.0.0.1", port: int = 0) -> Iterator[Listener]:
    """While the block runs the listener counts; with the usual address it listens on ::1 too."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(_listening(socket.AF_INET, address, port))
        sockets = [first]
        if address == "127.0.0.1" and socket.has_ipv6:
            second = _listening(socket.AF_INET6, "::1", first.getsockname()[1])
            sockets.append(stack.enter_context(second))
        yield Listener(tuple(sockets))


@contextlib.contextmanager
def _listening(family: socket.AddressFamily, address: str, port: int) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_STREAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen(64)
        made.settimeout(0)
        yield made
