"""Starts operators quickly, one process each, whose end a test may choose."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.tenancy import ROOT, Tenancy

END_SECONDS = 20.0


@dataclass(frozen=True)
class Point:
    """One step of a pass, by its name and how many of that name came before it since arming."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


@dataclass
class Operator:
    """One running process of the operator."""

    pid: int
    folder: Path
    name: str
    _handle: int = field(init=False)
    _armed: int = 0

    def __post_init__(self) -> None:
        self._handle = os.pidfd_open(self.pid)

    def arm(self, point: Point | None) -> None:
        """Have it write down its steps from now on, and die at `point`."""
        self._armed += 1
        part = self._arm.with_suffix(".part")
        part.write_text(f"{self._armed}\n{point or ''}")
        part.rename(self._arm)

    def steps(self, *, armed: bool = False) -> list[Point]:
        """What it went through so far, or since it was last armed."""
        text = self.trace.read_text() if self.trace.exists() else ""
        text = text[: text.rfind("\n") + 1]  # a line that crosses a page of the file is seen in part at first
        before, found, since = text.rpartition("armed\n")
        if armed and text.count("armed\n") < self._armed:
            return []
        lines = (since if armed else before + found + since).splitlines()
        parts = (line.rpartition(" ") for line in lines if line not in ("armed", "died"))
        return [Point(name, int(number)) for name, _, number in parts]

    @property
    def died(self) -> bool:
        return self.trace.exists() and self.trace.read_text().endswith("died\n")

    @property
    def alive(self) -> bool:
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return not poll.poll(0)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this very process."""
        if self.alive:
            signal.pidfd_send_signal(self._handle, number)

    def await_end(self, seconds: float = END_SECONDS) -> None:
        """Return once the process is gone."""
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        assert poll.poll(seconds * 1000), f"{self.name} did not end; {self.log()[-2000:]}"

    def end(self) -> None:
        """End it as Kubernetes does."""
        self.send(signal.SIGTERM)
        self.await_end()

    def log(self) -> str:
        path = self.folder / f"{self.name}.log"
        return path.read_text() if path.exists() else ""

    @property
    def trace(self) -> Path:
        return self.folder / f"{self.name}.trace"

    @property
    def _arm(self) -> Path:
        return self.folder / f"{self.name}.arm"


class Forge:
    """The process that operators are forked from."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lock = threading.Lock()
        self._count = 0

    def start(
        self,
        tenancy: Tenancy,
        *arguments: str,
        dawdle: float = 0.0,
        kubeconfig: Path | None = None,
        cluster_wide: bool = False,
    ) -> Operator:
        """Start an operator of this tenancy's namespace, or of its cluster."""
        scope = [] if cluster_wide else ["--namespace", tenancy.namespace]
        with self._lock:
            self._count += 1
            operator_name = f"operator-{self._count}"
            order = {
                "environment": {
                    **tenancy.environment,
                    "KUBECONFIG": str(kubeconfig or tenancy.operator_kubeconfig(cluster_wide=cluster_wide)),
                },
                "arguments": ["run", *scope, "--health-port", "0", *arguments],
                "log": str(tenancy.folder / f"{operator_name}.log"),
                "arm": str(tenancy.folder / f"{operator_name}.arm"),
                "trace": str(tenancy.folder / f"{operator_name}.trace"),
                "dawdle": dawdle,
            }
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            pid = int(self._process.stdout.readline())
        return Operator(pid, tenancy.folder, operator_name)

    @contextmanager
    def operator(self, tenancy: Tenancy, *arguments: str, dawdle: float = 0.0) -> Iterator[Operator]:
        """An operator runs for as long as the block does."""
        operator = self.start(tenancy, *arguments, dawdle=dawdle)
        try:
            yield operator
            assert operator.alive, operator.log()[-3000:]
        finally:
            operator.end()


@contextmanager
def forge() -> Iterator[Forge]:
    """Operators can be started for as long as the block runs; none of them outlives it."""
    command: Sequence[str] = [sys.executable, "-m", "tests.integration.doomed"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Forge(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(END_SECONDS)
