"""The command line of the development cluster."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from dev.binaries import binaries
from dev.cluster import DevelopmentCluster, tell_how_to_use
from dev.database_server import prepare
from dev.node import node_command
from dev.process import StartError
from dev.progress import say

ROOT = Path(__file__).parent.parent
DATABASES = ("mysql", "mariadb")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command has been carried out, or the reason why not is on standard error; gives the exit code."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an ended `up` must clean up like a Ctrl-C
    cluster = DevelopmentCluster(chosen.directory)
    try:
        if chosen.command == "build":
            build(controller_manager=chosen.controller_manager)
        elif chosen.command == "up":
            _up(cluster, chosen.database, controller_manager=chosen.controller_manager)
        elif chosen.command == "down":
            stopped = cluster.down()
            say(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
        elif chosen.command == "env":
            return _print_environment(cluster)
        else:
            return _print_status(cluster)
    except StartError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 0


def build(*, controller_manager: bool = False) -> None:
    """Everything that is slow to make is in the cache."""
    for kind in DATABASES:  # before the build: they fail in seconds where they fail
        prepare(kind)
    node_command()
    binaries(controller_manager)


def _up(cluster: DevelopmentCluster, database: str, *, controller_manager: bool) -> None:
    if not cluster.up(database, controller_manager=controller_manager):
        say("already up")
    tell_how_to_use(cluster)


def _print_environment(cluster: DevelopmentCluster) -> int:
    if not cluster.environment_file.exists():
        say("nothing is up: `make up` first")
        return 1
    print(cluster.environment_file.read_text(), end="")
    return 0


def _print_status(cluster: DevelopmentCluster) -> int:
    processes = cluster.processes()
    for process in processes:
        state = "running" if process.identity.alive() else "gone"
        print(f"{process.name:<26} {process.identity.pid:>8} {state}")
    if not processes:
        say("nothing is up")
    alive = [process.identity.alive() for process in processes]
    return 0 if alive and all(alive) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev", description=__doc__)
    parser.add_argument("--directory", type=Path, default=ROOT / ".dev", help="where the cluster lives")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the control plane, a database and the provider simulator")
    up.add_argument("--database", choices=DATABASES, default="mysql")
    for one in (
        up,
        commands.add_parser("build", help="fetch and build all that is slow, without starting it"),
    ):
        one.add_argument("--controller-manager", action="store_true", help="with kube-controller-manager")
    commands.add_parser("down", help="stop what `up` started, and nothing else")
    commands.add_parser("env", help="print the shell variables of the running cluster")
    commands.add_parser("status", help="print the processes and whether they run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
