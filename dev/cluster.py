"""The development cluster of a working copy: started and stopped as one, by what its state file remembers."""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.access import ClusterAccess
from dev.binaries import binaries
from dev.cache import locked
from dev.control_plane import ControlPlane
from dev.database_server import DatabaseAccess, DatabaseServer, prepare
from dev.private_file import write_private
from dev.process import Identity, StartError, stop
from dev.progress import say, step
from dev.servers import Server
from dev.simulator_server import SimulatorServer

DATABASE = "delivr"
FOLDERS = ("control-plane", "database", "simulator")


@dataclass(frozen=True)
class Process:
    """A process that the cluster started."""

    name: str
    identity: Identity


@dataclass(frozen=True)
class Connections:
    """How to reach what runs, for a program; `env` says the same to a shell."""

    cluster: ClusterAccess
    database: DatabaseAccess
    variables: Mapping[str, str]


class DevelopmentCluster:
    """A control plane, a database and the provider simulator under one folder."""

    def __init__(self, directory: Path) -> None:
        """Nothing is touched yet."""
        self.directory = directory.absolute()
        self.environment_file = self.directory / "env"
        self._state_file = self.directory / "state.json"

    def up(self, database: str = "mysql", *, controller_manager: bool = False) -> bool:
        """All servers answer and `env` says how to reach them; False when they already did."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.directory / "lock"):
            if self._is_up(database, controller_manager=controller_manager):
                return False
            self._stop_all()
            for name in FOLDERS:
                shutil.rmtree(self.directory / name, ignore_errors=True)
            self._start_all({"database": database, "controllerManager": controller_manager})
        return True

    def down(self) -> list[str]:
        """None of the recorded processes is left; gives the names of those that were still there."""
        if not self.directory.is_dir():
            return []
        with locked(self.directory / "lock"):
            return self._stop_all()

    def processes(self) -> list[Process]:
        """What the last `up` started, alive or not."""
        recorded: Mapping[str, Any] = self._state().get("processes", {})
        return [Process(name, Identity(**identity)) for name, identity in recorded.items()]

    def connections(self) -> Connections:
        """How to reach the servers that the last `up` started."""
        state = self._state()
        if "variables" not in state:
            raise StartError("no cluster is up")
        return Connections(
            ClusterAccess.from_record(state["cluster"]),
            DatabaseAccess.from_record(state["server"]),
            state["variables"],
        )

    def _is_up(self, database: str, *, controller_manager: bool) -> bool:
        processes = self.processes()
        if not processes or not self.environment_file.exists():
            return False
        if not all(process.identity.alive() for process in processes):
            return False
        wanted = {"database": database, "controllerManager": controller_manager}
        running = self._state().get("settings")
        if running != wanted:
            raise StartError(f"a cluster with other settings is up ({running}): `make down` first")
        return True

    def _start_all(self, settings: Mapping[str, Any]) -> None:
        prepare(str(settings["database"]))  # before the build: it fails in seconds where it fails
        binaries(controller_manager=bool(settings["controllerManager"]))
        plane = ControlPlane(
            self.directory / "control-plane", controller_manager=bool(settings["controllerManager"])
        )
        server = DatabaseServer(str(settings["database"]), self.directory / "database")
        simulator = SimulatorServer(self.directory / "simulator")
        try:
            with step("starting the API server"):
                access = plane.start()
            self._remember(plane, settings)
            with step(f"starting {server.kind}"):
                database = server.start()
            self._remember(server, settings)
            database.create_database(DATABASE, "utf8mb4")
            with step("starting the provider simulator"):
                providers = simulator.start()
            self._remember(simulator, settings)
            self._write_environment(access, database, providers)
        except BaseException:
            for one in (simulator, server, plane):
                one.stop()
            self._stop_all()
            raise

    def _stop_all(self) -> list[str]:
        self.environment_file.unlink(missing_ok=True)
        stopped = []
        for process in reversed(self.processes()):
            if process.identity.alive():
                stop(process.identity)
                stopped.append(process.name)
        self._state_file.unlink(missing_ok=True)
        return stopped

    def _remember(self, server: Server, settings: Mapping[str, Any]) -> None:
        processes = {**self._state().get("processes", {})}
        processes.update({name: vars(identity) for name, identity in server.processes.items()})
        self._write_state({"settings": settings, "processes": processes})

    def _write_state(self, state: Mapping[str, Any]) -> None:
        write_private(self._state_file, json.dumps(state, indent=2))

    def _state(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads(self._state_file.read_text())
        except FileNotFoundError:
            return {}
        return content

    def _write_environment(
        self, access: ClusterAccess, database: DatabaseAccess, providers: Mapping[str, str]
    ) -> None:
        variables = {
            "KUBECONFIG": str(access.kubeconfig),
            "DATABASE_URL": database.url(DATABASE),
            "INTEGRATION_ENCRYPTION_KEY": self._encryption_key(),
            **providers,
        }
        self._write_state(
            {
                **self._state(),
                "cluster": access.as_record(),
                "server": database.as_record(),
                "variables": variables,
            }
        )
        built = shutil.which("kubectl") != str(access.kubectl_program)
        write_private(
            self.environment_file, shell_exports(variables, access.kubectl_program.parent if built else None)
        )

    def _encryption_key(self) -> str:
        # Stable while the folder exists: rows sealed by an earlier cluster's operator stay readable.
        path = self.directory / "encryption-key"
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        return path.read_text()


def shell_exports(variables: Mapping[str, str], first_in_path: Path | None = None) -> str:
    """Lines that a POSIX shell reads with `.`, whatever the values hold."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    if first_in_path:
        folder = shlex.quote(str(first_in_path))
        lines.append(f'case ":$PATH:" in *:{folder}:*) ;; *) export PATH={folder}:"$PATH" ;; esac')
    return "\n".join(lines) + "\n"


def tell_how_to_use(cluster: DevelopmentCluster) -> None:
    """The reader knows what to type next."""
    try:
        shown = cluster.environment_file.relative_to(Path.cwd())
    except ValueError:
        shown = cluster.environment_file
    say(f"Ready. In your shell:  . {shown}; kubectl get namespaces")
    say("Stop it with:          make down")
