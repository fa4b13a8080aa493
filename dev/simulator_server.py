"""The provider simulator as a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from dev.process import Identity, spawn, stop, wait_until

START_SECONDS = 60.0
ROOT = Path(__file__).parent.parent


class SimulatorServer:
    """`python -m dev.simulator` in a folder, which says there how to reach it."""

    def __init__(self, directory: Path, *, dies_with_parent: bool = False) -> None:
        """Nothing runs yet."""
        self.directory = directory.absolute()
        self.processes: dict[str, Identity] = {}
        self._dies_with_parent = dies_with_parent

    def start(self) -> dict[str, str]:
        """The simulator answers; gives the environment that points the operator at it."""
        written = self.directory / "simulator.env"
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        written.unlink(missing_ok=True)
        log = self.directory / "simulator.log"
        process = spawn(
            [sys.executable, "-m", "dev.simulator", "--directory", self.directory],
            log,
            directory=ROOT,
            dies_with_parent=self._dies_with_parent,
        )
        self.processes["simulator"] = process
        try:
            wait_until(
                written.exists, name="the simulator", process=process, log=log, deadline_seconds=START_SECONDS
            )
        except BaseException:
            self.stop()
            raise
        return parse_environment(written.read_text())

    def stop(self) -> None:
        """The simulator is gone."""
        process = self.processes.pop("simulator", None)
        if process:
            stop(process)


def parse_environment(text: str) -> dict[str, str]:
    """The variables of lines such as `KEY=VALUE`; blank lines and comments are none."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {key: value for key, _, value in pairs}
