"""EDGE: logs of one line an outcome, each line saying whom it is about."""

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["json", "text"]
_STANDARD = frozenset(vars(logging.makeLogRecord({})))
_TALKATIVE = ("httpx", "httpcore", "kopf", "kubernetes", "aiohttp", "asyncio", "sqlalchemy", "urllib3")


Plain = str | int | float | bool
_ABOUT: ContextVar[dict[str, Plain] | None] = ContextVar("about", default=None)


@contextmanager
def about(**said: Plain) -> Iterator[None]:
    """Have every line that is written inside say this too, and what `note` adds meanwhile."""
    token = _ABOUT.set({**(_ABOUT.get() or {}), **said})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def note(**said: Plain) -> None:
    """Have the lines that follow in the innermost `about` say this too; outside of one nothing is noted."""
    line = _ABOUT.get()
    if line is not None:
        line.update(said)


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
        said |= _ABOUT.get() or {}
        said |= {
            name: value
            for name, value in vars(record).items()
            if name not in _STANDARD and isinstance(value, Plain)
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
