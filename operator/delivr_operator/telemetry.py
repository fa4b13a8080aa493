"""EDGE: logs of one line an outcome, and the health that comes from the queue's own progress."""

import json
import logging
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

LogFormat = Literal["json", "text"]
_STANDARD = frozenset(vars(logging.makeLogRecord({})))
_TALKATIVE = ("httpx", "httpcore", "kopf", "kubernetes", "aiohttp", "asyncio", "sqlalchemy", "urllib3")


class _Lines(logging.Formatter):
    """One line a record; an exception shows its type and places, never its text, which may hold anything."""

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """Return what the line says."""
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            # asyncio and others put the exception's text on the lines that follow.
            "message": record.getMessage().partition("\n")[0],
        }
        said |= {
            name: value
            for name, value in vars(record).items()
            if name not in _STANDARD and isinstance(value, str | int | float | bool)
        }
        if record.exc_info and record.exc_info[0]:
            said["exception"] = record.exc_info[0].__qualname__
            said["at"] = places(record.exc_info[1])
        return said


class JsonLines(_Lines):
    """For machines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object."""
        return json.dumps(self.fields(record), ensure_ascii=False)


class TextLines(_Lines):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message and then the rest as `name=value`."""
        said = self.fields(record)
        time, level = str(said.pop("time"))[11:23], str(said.pop("level"))
        message = said.pop("message")
        said.pop("logger")
        rest = " ".join(f"{name}={value}" for name, value in said.items())
        return f"{time} {level:<7} {message}" + (f"  {rest}" if rest else "")


def places(error: BaseException | None) -> str:
    """Return where an exception passed, innermost last, without a word of its text."""
    frames = traceback.extract_tb(error.__traceback__) if error else ()
    return " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)


def configure_logging(style: LogFormat, level: str = "INFO") -> None:
    """Send the operator's log to standard output, and keep the libraries from repeating what they carry."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("delivr_operator").setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


@dataclass
class Health:
    """Whether work goes on; outages of others do not count against it."""

    now: Callable[[], datetime]
    stuck_after: timedelta
    ready: bool = False
    broken: bool = False
    """Whether a part that has to run for ever came to an end."""
    _busy_since: dict[str, datetime] = field(default_factory=dict)

    def began(self, work: str) -> None:
        """Note that `work` is under way."""
        self._busy_since[work] = self.now()

    def ended(self, work: str) -> None:
        """Note that `work` came to an end, of whatever kind."""
        self._busy_since.pop(work, None)

    @property
    def alive(self) -> bool:
        """Tell whether everything that began has ended within reason."""
        if self.broken:
            return False
        oldest = min(self._busy_since.values(), default=None)
        return oldest is None or self.now() - oldest < self.stuck_after


class PortTaken(Exception):  # noqa: N818 - somebody else's choice, not a programming error
    """The port of /healthz cannot be opened, mostly because another process has it."""


async def serve_health(health: Health, page: Callable[[], bytes], port: int) -> web.AppRunner:
    """Answer /healthz, /readyz and /metrics on `port`; the runner's `cleanup` ends it.

    Raises:
        PortTaken: `port` cannot be opened.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok" if health.alive else "stuck", status=200 if health.alive else 500)

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok" if health.ready else "starting", status=200 if health.ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
    except OSError:
        await runner.cleanup()
        raise PortTaken from None
    return runner
