"""Everything that an operator leaves behind where somebody may read it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import httpx

from dev.ports import free_ports
from tests.integration.tenancy import Tenancy, end, eventually

LOUD = Path(__file__).parent / "loud"
LEAKING = Path(__file__).parent / "leaking"
FAILING = Path(__file__).parent / "failing"
KINDS = "releasesetups,events,events.events.k8s.io,configmaps,leases,serviceaccounts,pods"


@dataclass
class Evidence:
    """One operator after another in one tenancy, and every trace of them."""

    tenancy: Tenancy
    pages: list[bytes] = field(default_factory=list)
    processes: list[bytes] = field(default_factory=list)
    runs: int = 0
    log_format: str = "json"

    @contextmanager
    def operator(
        self, behaviour: Path = LOUD, environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """An operator runs in development mode, at DEBUG, with `behaviour` laid over it, and has watched."""
        tenancy, port = self.tenancy, free_ports(1)[0]
        token = tenancy.access.service_account_token(tenancy.namespace, "delivr-operator")
        kubeconfig = tenancy.access.kubeconfig_for(
            "delivr-operator", token, tenancy.folder / "operator.kubeconfig"
        )
        self.runs += 1
        scope = ["--namespace", tenancy.namespace, "--health-port", str(port), "--log-level", "DEBUG"]
        scope += ["--log-format", self.log_format]
        development = ["-X", "dev", "-X", "faulthandler"]
        command = [sys.executable, *development, "-m", "delivr_operator", "run", *scope]
        own = {"KUBECONFIG": str(kubeconfig), "PYTHONPATH": str(behaviour)}
        with self._output("stdout") as out, self._output("stderr") as err:
            process = subprocess.Popen(
                command,
                env={**tenancy.environment, **own, **(environment or {})},
                stdout=out,
                stderr=err,
                cwd=tenancy.folder,
            )
            try:
                eventually(lambda: self._reads(port, process), "the operator is ready", patience=150)
                yield process
                self._reads(port, process)
            finally:
                end(process, 20)

    def _output(self, name: str) -> BinaryIO:
        return (self.tenancy.folder / f"{self.runs}.{name}").open("wb")

    def _reads(self, port: int, process: subprocess.Popen[bytes]) -> bool:
        """Keep what /metrics and the process table show now; tell whether the operator is ready."""
        if process.poll() is not None:
            return True
        self.processes.extend(_process_table(process.pid))
        try:
            self.pages.append(httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).content)
            ready = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
        except httpx.TransportError:
            return False
        return ready.status_code == httpx.codes.OK

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Every version of every object of the tenant, Secrets apart, is kept as it passes by."""
        watchers = []
        for kind in ("releasesetups", "events"):
            with (self.tenancy.folder / f"watch.{kind}").open("wb") as out:
                command = [str(self.tenancy.access.kubectl_program), "--namespace", self.tenancy.namespace]
                shown = ["get", kind, "--watch", "--output=json", "--show-managed-fields"]
                environment = {**os.environ, "KUBECONFIG": str(self.tenancy.access.kubeconfig)}
                watchers.append(subprocess.Popen([*command, *shown], stdout=out, env=environment))
        try:
            yield
        finally:
            for watcher in watchers:
                watcher.terminate()
                watcher.wait()

    def places(self) -> dict[str, bytes]:
        """Return everything but the database, by where it stands."""
        folder = self.tenancy.folder
        found = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        left = {name: data for name, data in found.items() if name != "operator.kubeconfig"}
        audit = self.tenancy.access.audit_log
        about = self.tenancy.namespace.encode()
        lines = audit.read_bytes().splitlines() if audit.exists() else []
        objects = self.tenancy.kubectl("get", KINDS, "--output=json", "--show-managed-fields")
        namespace = self.tenancy.kubectl("get", "namespace", self.tenancy.namespace, "--output=json")
        return {
            **left,
            "objects": (objects + namespace).encode(),
            "metrics": b"\n".join(self.pages),
            "processes": b"\n".join(self.processes),
            "audit": b"\n".join(line for line in lines if about in line),
        }

    def rows(self) -> bytes:
        """Return every column of every table of the tenant's database, as a dump would hold it."""
        tables = [next(iter(row.values())) for row in self.tenancy.rows("SHOW TABLES")]
        dump = {table: self.tenancy.rows(f"SELECT * FROM `{table}`") for table in tables}  # noqa: S608 - names
        return json.dumps(dump, default=str).encode()


def _process_table(pid: int) -> list[bytes]:
    """Return the command lines of a process and its children, and the environments of the children."""
    seen, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        home = Path("/proc") / str(one)
        try:
            seen.append((home / "cmdline").read_bytes())
            if one != pid:
                seen.append((home / "environ").read_bytes())
            for task in (home / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except OSError:  # it has just ended
            continue
    return seen
