"""A synchronous client of the admin API, and a way to run the simulator for the length of a test."""

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

Json = Any
START_SECONDS = 30.0


@dataclass(frozen=True)
class Issued:
    """A credential that the simulator made: its fields for a Secret, and its label in the record."""

    provider: str
    id: str
    label: str
    secret: dict[str, str]
    fields: dict[str, Json]


@dataclass(frozen=True)
class Request:
    """A request that the simulator was asked, and its answer; the status is none while it waits."""

    number: int
    provider: str
    method: str
    path: str
    credential: str | None
    write: bool
    time: float
    headers: list[list[str]]
    body: str
    status: int | None
    fault: str | None
    answer_headers: list[list[str]]
    answer_body: str


class Simulator:
    """The admin API of a running simulator; `settings` is what its simulator.env says."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = settings
        self._http = httpx.Client(base_url=settings["SIMULATOR_ADMIN_URL"], timeout=70.0, trust_env=False)

    @classmethod
    def at(cls, directory: Path) -> Self:
        """Give the client of the simulator that runs in this directory."""
        lines = (directory / "simulator.env").read_text().splitlines()
        return cls(dict(line.split("=", 1) for line in lines))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the simulator; it runs on."""
        self._http.close()

    def seed(self) -> dict[str, dict[str, str]]:
        """Give the Secret fields of the seeded tenant, by member of the resource's spec."""
        return self._call("GET", "/seed")  # type: ignore[no-any-return]

    def sow(self) -> dict[str, dict[str, str]]:
        """Put the seed back into the world and give its Secret fields."""
        return self._call("POST", "/seed")  # type: ignore[no-any-return]

    def seeded(self) -> dict[str, Issued]:
        """Give the seeded tenant's credentials by provider, to change or to filter by."""
        found = self._call("GET", "/seed/credentials")
        return {provider: self._issued(provider, one) for provider, one in found.items()}

    def reset(self) -> None:
        """Leave the world, the faults and the record empty: not for tests that share a simulator."""
        self._call("POST", "/reset")

    def issue(self, provider: str, **fields: Json) -> Issued:
        """Make a credential, `state="VALID"` unless said otherwise."""
        return self._issued(provider, self._call("POST", f"/credentials/{provider}", fields))

    def change(self, credential: Issued, **fields: Json) -> Issued:
        """Change some fields of a credential, such as its state."""
        where = f"/credentials/{credential.provider}/{credential.id}"
        return self._issued(credential.provider, self._call("PATCH", where, fields))

    def forget_credential(self, credential: Issued) -> None:
        """Make the provider forget a credential."""
        self._call("DELETE", f"/credentials/{credential.provider}/{credential.id}")

    def target(self, provider: str, kind: str, name: str, **fields: Json) -> dict[str, Json]:
        """Make a target or change the named fields of one that is there."""
        body = {"name": name, **fields}
        return self._call("POST", f"/targets/{provider}/{kind}", body)  # type: ignore[no-any-return]

    def fault(self, kind: str, **fields: Json) -> str:
        """Put a fault in force and give its id."""
        return str(self._call("POST", "/faults", {"kind": kind, **fields})["id"])

    def lift(self, **only: str) -> int:
        """End the faults with this id, provider or credential label; tell how many there were."""
        return int(self._call("DELETE", "/faults", query=only)["ended"])

    def requests(self, *, at_least: int = 0, wait: float = 0.0, **only: Json) -> list[Request]:
        """Give recorded requests by provider, credential, path, method, write, answered, after.

        With `at_least` it returns once there are so many, or after `wait` seconds with what there is.
        """
        found = self._call("GET", "/requests", query={"at_least": at_least, "wait": wait, **only})
        return [Request(**one) for one in found]

    def forget_requests(self, **only: Json) -> int:
        """Drop recorded requests by the same filters; tell how many there were."""
        return int(self._call("DELETE", "/requests", query=only)["dropped"])

    def count(self, *, write: bool | None = None, **only: str) -> int:
        """Give how many requests came, by provider and credential; `write=True` counts writes only."""
        rows = self._call("GET", "/counts", query=dict(only))
        return sum(row["count"] for row in rows if write in (None, row["write"]))

    def _issued(self, provider: str, body: Json) -> Issued:
        return Issued(provider, body["id"], body["label"], body["secret"], body["fields"])

    def _call(self, method: str, path: str, body: Json = None, query: dict[str, Json] | None = None) -> Json:
        params = {name: value for name, value in (query or {}).items() if value is not None}
        response = self._http.request(method, path, json=body, params=params)
        if response.is_error:
            raise ValueError(f"{method} {path}: {response.status_code} {response.text}")
        return response.json()


@contextmanager
def running(directory: Path) -> Iterator[Simulator]:
    """Run a simulator of one's own in this directory and stop it afterwards."""
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command(directory), cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            await_ready(process)
            with Simulator.at(directory) as simulator:
                yield simulator
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


def command(directory: Path) -> list[str]:
    """Give the command line that runs a simulator in this directory."""
    return [sys.executable, "-m", "dev.simulator", "--directory", str(directory)]


def await_ready(process: subprocess.Popen[str]) -> None:
    """Return once the simulator has said that it is ready."""
    if process.stdout is None:
        raise RuntimeError("the simulator's output was not captured")
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    if not ready or "ready" not in process.stdout.readline():
        raise TimeoutError("the provider simulator did not start")
