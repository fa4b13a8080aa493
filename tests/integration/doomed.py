"""An operator that a test may have die, or dawdle, at any step: the real program behind a door of the tests.

`python -m tests.integration.doomed` imports the operator once and then forks a child for each order on its
standard input, so that a start costs no imports. Nothing of the operator knows of it: the steps are wrapped
from outside, where it sends statements, writes to the API server and moves keys through its queue.
"""

import asyncio
import ctypes
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

from kubernetes.aio.client.rest import RESTClientObject

import delivr_operator.__main__
import delivr_operator.running
from delivr_operator.database import connection
from delivr_operator.database.connection import Asked
from delivr_operator.queue import WorkQueue

PR_SET_PDEATHSIG = 1


@dataclass
class Steps:
    """Counts the steps since it was last armed, writes each down, and ends the process at the named one.

    The file `arm` holds a line that differs each time and then the name and number of the step to die at; the
    name `any` counts them all.
    """

    arm: Path
    trace: Path
    dawdle: float = 0.0
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _order: str = ""

    def reach(self, names: Sequence[str]) -> int | None:
        """Take down the steps that are next; return which of them is the last."""
        with self._lock:
            order = self.arm.read_text() if self.arm.exists() else ""
            if order != self._order:
                self._order = order
                self._counts.clear()
                self._note("armed")
            for place, name in enumerate(names):
                self._counts[name] += 1
                said = f"{name} {self._counts[name]}"
                self._note(said)
                if order.partition("\n")[2] in (said, f"any {self._counts.total()}"):
                    return place
        return None

    def end(self) -> None:
        """Die as a machine dies: nothing is said to anybody."""
        self._note("died")
        os.kill(os.getpid(), signal.SIGKILL)

    def step(self, name: str) -> None:
        """Pass a step that has no parts."""
        if self.reach([name]) is not None:
            self.end()

    def pause(self) -> float:
        """Return how long to dawdle at this step."""
        return random.uniform(0, self.dawdle) if self.dawdle else 0.0  # noqa: S311 - no secret

    def _note(self, line: str) -> None:
        with self.trace.open("a") as trace:
            trace.write(f"{line}\n")


def wrap_statements(steps: Steps) -> None:
    """Every statement of a round trip is a step: the server has carried out so many and no more."""
    real = connection._exchange

    @wraps(real)
    def exchange(raw: Any, asked: Sequence[Asked]) -> Any:
        time.sleep(steps.pause())
        words = [" ".join(one.statement.text.split()[:3]) for one in asked]
        whole = words[min(1, len(words) - 1)]
        names = [f"before {whole}", *(f"{whole}, {n}: after {word}" for n, word in enumerate(words, 1))]
        if (last := steps.reach(names)) is not None:
            if last:
                real(raw, asked[:last])
            steps.end()
        answer = real(raw, asked)
        time.sleep(steps.pause())
        return answer

    connection._exchange = exchange


def wrap_requests(steps: Steps) -> None:
    """Every write to the API server is two steps: before it is sent, and after it was answered."""
    real: Callable[..., Awaitable[Any]] = RESTClientObject.request

    async def request(self: RESTClientObject, method: str, url: str, *rest: Any, **more: Any) -> Any:
        what = url.partition("?")[0].rpartition("/namespaces/")[2].split("/", 1)[-1]
        name = f"{method} {what}"
        if method in ("GET", "HEAD") or "leases" in what:
            return await real(self, method, url, *rest, **more)
        await asyncio.sleep(steps.pause())
        steps.step(f"before {name}")
        answer = await real(self, method, url, *rest, **more)
        steps.step(f"after {name}")
        return answer

    RESTClientObject.request = request  # type: ignore[method-assign]


def wrap_queue(steps: Steps) -> None:
    """Every move of a key through the queue is two steps."""

    def wrap(name: str) -> None:
        real = getattr(WorkQueue, name)

        @wraps(real)
        def moved(self: WorkQueue, *rest: Any) -> Any:
            steps.step(f"before queue.{name}")
            result = real(self, *rest)
            steps.step(f"after queue.{name}")
            return result

        setattr(WorkQueue, name, moved)

    for name in ("add", "done", "failed"):
        wrap(name)
    taken: Callable[[WorkQueue], Awaitable[Any]] = WorkQueue.take

    async def take(self: WorkQueue) -> Any:
        key = await taken(self)
        steps.step("after queue.take")
        return key

    WorkQueue.take = take  # type: ignore[method-assign]


def _operate(order: dict[str, Any]) -> None:
    """Be the operator until told, or doomed, to end."""
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(order["environment"])
    steps = Steps(Path(order["arm"]), Path(order["trace"]), order["dawdle"])
    for wrap in (wrap_statements, wrap_requests, wrap_queue):
        wrap(steps)
    sys.argv = ["delivr-operator", *order["arguments"]]
    delivr_operator.__main__.main()


def serve() -> None:
    """Fork an operator for each order, and say its process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with suppress(BaseException):
                _operate(order)
            sys.stderr.flush()
            os._exit(1)
        print(child, flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    serve()
