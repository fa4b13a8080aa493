"""A provider's answers read from a script, and a record of what was asked."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from delivr_operator.providers.exchange import Endpoints, Found, Request, Response

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


def answer(
    status: int,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    *,
    at: datetime = NOW,
    skew: timedelta = timedelta(),
) -> Response:
    """Give an answer; bytes stay as they are, anything else goes out as JSON."""
    kind = "text/html" if isinstance(body, bytes) else "application/json; charset=utf-8"
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    date = format_datetime(at + skew, usegmt=True)
    return Response(status, {"content-type": kind, "date": date, **(headers or {})}, raw, at)


class Scripted:
    """Answers in the order of the script; a script that runs out is a failure of the test."""

    def __init__(self, answers: Iterable[Response | Exception], endpoints: Endpoints | None = None) -> None:
        self.endpoints = endpoints or Endpoints()
        self.now = NOW
        self.asked: list[Request] = []
        self._answers = iter(answers)

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        found = next(self._answers, None)
        assert found is not None, f"one question too many: {request.method} {request.url}"
        if isinstance(found, Exception):
            raise found
        return found

    async def aside(self, work: Callable[[], Found]) -> Found:
        return work()

    @property
    def paths(self) -> list[str]:
        return [request.url for request in self.asked]


class Always(Scripted):
    """Answers every question the same way, or as a function of it says."""

    def __init__(self, reply: Response | Callable[[Request], Response]) -> None:
        super().__init__(())
        self._reply = reply

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        return self._reply(request) if callable(self._reply) else self._reply
