"""An operator process whose own door is known: its health, its metrics, its lines, its end."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dev.ports import free_ports
from tests.integration.tenancy import PROGRAM, Tenancy, eventually


@dataclass(frozen=True)
class Operating:
    """One running operator."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def ask(self, path: str) -> tuple[int, str]:
        """What it answers on its own port; 0 where it does not."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5, trust_env=False)
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text

    def await_healthy(self) -> None:
        eventually(lambda: self.ask("/readyz")[0] == 200, "the operator is ready")

    def metric(self, start: str) -> float:
        """The sum of the samples whose line begins like this."""
        lines = [line for line in self.ask("/metrics")[1].splitlines() if line.startswith(start)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def stop(self) -> tuple[int, float]:
        """Tell it to stop as the kubelet does; its exit code and how long that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40), time.monotonic() - began

    def text(self) -> str:
        return self.log.read_text()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@contextmanager
def operating(
    tenancy: Tenancy, *arguments: str, kubeconfig: Path | None = None, cluster_wide: bool = False
) -> Iterator[Operating]:
    """The operator runs for this tenancy's namespace, or for all, and ends with the block at the latest."""
    home = "delivr-system" if cluster_wide else tenancy.namespace
    token = tenancy.access.service_account_token(home, "delivr-operator")
    path = kubeconfig or tenancy.access.kubeconfig_for(
        "delivr-operator", token, tenancy.folder / "operator.kubeconfig"
    )
    (port,) = free_ports(1)
    scope = [] if cluster_wide else ["--namespace", tenancy.namespace]
    command = [PROGRAM, "run", *scope, "--health-port", str(port), *arguments]
    log = tenancy.folder / "operator.log"
    environment = {**tenancy.environment, "KUBECONFIG": os.fspath(path)}
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    found = Operating(process, port, log)
    try:
        found.await_healthy()
        yield found
    finally:
        if process.poll() is None:
            found.stop()
