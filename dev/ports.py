"""Free ports on loopback."""

from __future__ import annotations

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """That many different ports of the loopback address which nobody listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:  # all are held until the last is known, so no port comes twice
            one.bind((LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in sockets]
