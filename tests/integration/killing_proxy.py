"""A relay before the database that kills the client at a chosen one of its messages."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

Moment = Literal["before", "after"]
"""Before the server has the message, or after it has carried it out and nobody heard of that."""


@dataclass
class KillingProxy:
    """Counts the client's messages; at number `at` the client dies."""

    server: tuple[str, int]
    at: int
    moment: Moment
    kill: Callable[[], None]
    seen: int = 0
    struck: bool = False
    _open: list[socket.socket] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[int]:
        """Relay for as long as the block runs; yield the port."""
        with socket.create_server(("127.0.0.1", 0)) as door:
            threading.Thread(target=self._accept, args=(door,), daemon=True).start()
            try:
                yield door.getsockname()[1]
            finally:
                door.shutdown(socket.SHUT_RDWR)
                for one in self._open:
                    _hang_up(one)
                    one.close()

    def _accept(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = door.accept()
                server = socket.create_connection(self.server)
                self._open += [client, server]
                threading.Thread(target=self._answers, args=(server, client), daemon=True).start()
                threading.Thread(target=self._messages, args=(client, server), daemon=True).start()

    def _messages(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                self.seen += 1
                if self.seen == self.at:
                    self.struck = True
                    if self.moment == "after":
                        server.sendall(data)  # the answer stops at `_answers`, which does the killing
                        continue
                    self.kill()
                    break
                server.sendall(data)
        _hang_up(server)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                if self.struck:
                    self.kill()
                    break
                client.sendall(data)
        _hang_up(client)


def _hang_up(one: socket.socket) -> None:
    """Closing alone would not end what another thread still reads from."""
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
