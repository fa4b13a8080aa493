"""How long a probe and its parts may take, and how much an answer may weigh."""

from dataclasses import dataclass
from datetime import timedelta

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one probe; `read` is the longest silence, `overall` holds whatever happens."""

    connect: timedelta = timedelta(seconds=5)
    read: timedelta = timedelta(seconds=15)
    overall: timedelta = timedelta(seconds=45)
    body: int = MEBIBYTE
    redirects: int = 3
