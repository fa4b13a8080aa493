"""What a process says by its log while something happens in it, whatever level its loggers have."""

import contextlib
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from delivr_operator.telemetry import TextLines, configure_logging


@dataclass
class Overheard:
    """What the operator's own handlers wrote, in both formats, and all that was offered to them."""

    as_json: io.StringIO = field(default_factory=io.StringIO)
    as_text: io.StringIO = field(default_factory=io.StringIO)
    offered: io.StringIO = field(default_factory=io.StringIO)

    def taken(self) -> dict[str, bytes]:
        """Return what was written since the last time."""
        return {"log (json)": _emptied(self.as_json), "log (text)": _emptied(self.as_text)}

    def offered_since(self) -> dict[str, bytes]:
        """Return what everybody, libraries too, has told any logger since the last time."""
        return {"log (all that was offered)": _emptied(self.offered)}


def _emptied(stream: io.StringIO) -> bytes:
    text = stream.getvalue()
    stream.seek(0)
    stream.truncate()
    return text.encode()


def _always(self: logging.Logger, level: int) -> bool:
    return True


@contextlib.contextmanager
def overheard() -> Iterator[Overheard]:
    """Log as `run --log-level DEBUG` does, in both formats, and have every logger speak at every level."""
    heard, root = Overheard(), logging.getLogger()
    before, speaks = root.handlers[:], logging.Logger.isEnabledFor
    root.handlers = []  # configure_logging closes what it replaces, which pytest still needs
    with contextlib.redirect_stdout(heard.as_json):
        configure_logging("json", "DEBUG")
    (machines,) = root.handlers
    people = logging.StreamHandler(heard.as_text)
    people.setFormatter(TextLines())
    for one in machines.filters:
        people.addFilter(one)
    root.handlers = [machines, people, logging.StreamHandler(heard.offered)]
    logging.Logger.isEnabledFor = _always  # type: ignore[method-assign]
    try:
        yield heard
    finally:
        logging.Logger.isEnabledFor = speaks  # type: ignore[method-assign]
        logging.captureWarnings(capture=False)
        root.handlers = before
