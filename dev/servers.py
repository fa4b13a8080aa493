"""The kinds of server that the development cluster knows, each started and stopped the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from dev.control_plane import ControlPlane
from dev.database_server import DatabaseServer
from dev.process import Identity
from dev.simulator_server import SimulatorServer

KINDS = ("control-plane", "mysql", "mariadb", "simulator")


class Server(Protocol):
    """Something that can be stopped and knows its processes."""

    processes: dict[str, Identity]

    def stop(self) -> None:
        """None of its processes is left."""


def start_server(
    kind: str, directory: Path, *, dies_with_parent: bool = False
) -> tuple[Server, dict[str, str]]:
    """A server of that kind answers; gives it and the record of how to reach it."""
    if kind == "control-plane":
        plane = ControlPlane(directory, dies_with_parent=dies_with_parent)
        return plane, plane.start().as_record()
    if kind == "simulator":
        simulator = SimulatorServer(directory, dies_with_parent=dies_with_parent)
        return simulator, simulator.start()
    database = DatabaseServer(kind, directory, dies_with_parent=dies_with_parent)
    return database, database.start().as_record()
