"""EDGE: logs of one line an outcome, each line saying whom it is about."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO

from delivr_operator.last_words import places

LogFormat = Literal["json", "text"]
_OWN = "delivr_operator"
_STANDARD = frozenset(vars(logging.makeLogRecord({})))
_TALKATIVE = ("httpx", "httpcore", "kopf", "kubernetes", "aiohttp", "asyncio", "sqlalchemy", "urllib3")
_UNREPEATED = "a library warns; its words are left out"
_KNOWN_WORDS = (
    "Not enough permissions to list namespaces",
    "Not enough permissions to watch for namespaces",
    "Not enough permissions to watch for resources",
    "Unresolved resources cannot be served (try creating their CRDs)",
    "Non-watchable resources will not be served",
    "Event processing has failed with an unrecoverable error",
    "Request attempt",
    "Throttling for",
    "Task exception was never retrieved",
    "Exception in callback",
    "Unclosed client session",
    "Unclosed connector",
    "Error handling request",
    "Exception during reset or similar",
)
"""How libraries begin what people should read; what follows may hold an exception's text, or a value."""


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
        own = _is_own(record)
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage().partition("\n")[0] if own else _known_words(record),
        }
        said |= _ABOUT.get() or {}
        if own:
            said |= {
                name: value
                for name, value in vars(record).items()
                if name not in _STANDARD and isinstance(value, Plain)
            }
        if record.exc_info and record.exc_info[0]:
            said["exception"] = record.exc_info[0].__qualname__
            said["at"] = places(record.exc_info[1])
        elif not own:
            said["at"] = f"{record.filename}:{record.lineno}"
        return said


def _is_own(record: logging.LogRecord) -> bool:
    return record.name == _OWN or record.name.startswith(f"{_OWN}.")


def _known_words(record: logging.LogRecord) -> str:
    """Return how a library's message begins, if that is known; it may put anything behind."""
    pattern = str(record.msg)
    return next((words for words in _KNOWN_WORDS if pattern.startswith(words)), _UNREPEATED)


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Hold libraries to warnings whatever level their loggers have: below, they tell what they carry."""
    return _is_own(record) or record.levelno >= logging.WARNING


class _Output(logging.StreamHandler[TextIO]):
    """Standard output; a line that cannot be written is dropped, where logging would print what it held."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging calls
        """Say nothing."""


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
        if _is_own(record):
            said.pop("logger")
        rest = " ".join(f"{name}={value}" for name, value in said.items())
        return f"{time} {level:<7} {message}" + (f"  {rest}" if rest else "")


def configure_logging(style: LogFormat, level: str = "INFO") -> None:
    """Send the operator's log to standard output, and keep the libraries from repeating what they carry."""
    handler = _Output(sys.stdout)
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    handler.addFilter(_worth_a_line)
    logging.captureWarnings(capture=True)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(_OWN).setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
