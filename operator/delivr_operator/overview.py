"""PURE: ReleaseSetups as people read them in a terminal: a table, one in full, and what to do next."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from delivr_operator.exit_codes import CANNOT_TELL, DONE, REFUSED, worst
from delivr_operator.outcome import IntegrationType, VerificationStatus
from delivr_operator.reasons import CAVEATS, TITLES, Reason
from delivr_operator.resource import ReleaseSetup
from delivr_operator.status import Entry, Status

GOOD, BAD, OPEN, PLAIN = "green", "red", "yellow", ""
"""Colours by what they say: proved, refused, cannot be told, nothing of the kind."""
_HUES = {"True": GOOD, "False": BAD, "Unknown": OPEN}
_CODES = {BAD: REFUSED, OPEN: CANNOT_TELL}
_FALLEN = {VerificationStatus.INVALID, VerificationStatus.EXPIRED}


@dataclass(frozen=True, slots=True)
class Cell:
    """A word of a table and its colour."""

    text: str
    hue: str = PLAIN


Row = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Shown:
    """One ReleaseSetup with what the operator last said of it."""

    setup: ReleaseSetup
    status: Status

    @classmethod
    def of(cls, setup: ReleaseSetup) -> "Shown":
        """Read the status that a ReleaseSetup carries."""
        return cls(setup, Status.parse(setup.raw_status))

    @property
    def is_current(self) -> bool:
        """Whether the status is about what the resource says now."""
        return self.status.observed_generation == self.setup.generation

    @property
    def ready(self) -> str:
        """True, False or Unknown."""
        condition = self.status.condition("Ready")
        return condition.status if condition and self.is_current else "Unknown"

    @property
    def reason(self) -> str:
        """Why Ready is what it is; empty while the operator has not looked."""
        condition = self.status.condition("Ready")
        return condition.reason if condition and self.is_current else ""


def age(since: datetime | None, now: datetime) -> str:
    """Return how long ago or ahead something is, in its largest unit or two, such as `3d` or `1h5m`."""
    if since is None:
        return "-"
    seconds = int(abs((now - since).total_seconds()))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days}d"
    if hours:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    return f"{minutes}m" if minutes else f"{seconds}s"


def hue_of(truth: str) -> str:
    """Return the colour of True, False or Unknown."""
    return _HUES[truth]


def rows_of_setups(setups: Sequence[Shown], now: datetime, *, namespaces: bool, wide: bool) -> Iterator[Row]:
    """Yield a table with a row for each ReleaseSetup, its head first."""
    head = ["NAME", "READY", "COMPLETE", "REASON", "AGE"]
    extra = ["TENANT", "VERIFIED", "EXPIRES", "MESSAGE"] if wide else []
    yield [Cell(word) for word in (["NAMESPACE"] if namespaces else []) + head + extra]
    for one in setups:
        key, status = one.setup.key, one.status
        row = [Cell(key.namespace)] if namespaces else []
        row += [Cell(key.name), Cell(one.ready, _HUES[one.ready]), Cell(str(status.setup_complete).lower())]
        row += [Cell(one.reason or "-"), Cell(age(one.setup.created_at, now))]
        if wide:
            row += [Cell(one.setup.tenant or "-"), Cell(age(status.last_verified_at, now))]
            row += [_end(status.next_expiry_at, now), Cell(status.message)]
        yield row


def rows_of_entries(entries: Iterable[Entry], now: datetime) -> Iterator[Row]:
    """Yield a table with a row for each integration, its head first."""
    yield [Cell(word) for word in ("INTEGRATION", "STATUS", "REASON", "VERIFIED", "EXPIRES")]
    for entry in entries:
        status = Cell(entry.verification_status, _hue(entry))
        proved = Cell(age(entry.last_verified_at, now))
        yield [Cell(TITLES[entry.type]), status, Cell(entry.reason), proved, _end(entry.expires_at, now)]


def _hue(entry: Entry) -> str:
    if entry.reason == Reason.DISABLED:
        return PLAIN
    if entry.verification_status in _FALLEN:
        return BAD
    return GOOD if entry.reason == Reason.VERIFIED else OPEN


def _end(moment: datetime | None, now: datetime) -> Cell:
    if moment is None:
        return Cell("-")
    left = moment - now
    if left < timedelta():
        return Cell(f"{age(moment, now)} ago", BAD)
    return Cell(f"in {age(moment, now)}", OPEN if left < timedelta(days=14) else PLAIN)


def next_steps(one: Shown) -> Iterator[str]:
    """Yield what a person should do, most pressing first; one sentence where that is nothing."""
    if not one.is_current:
        yield "The operator has not looked at this generation yet: wait, or see whether it runs."
        return
    steps = [entry.message for entry in one.status.integrations if _needs_somebody(entry)]
    ready = one.status.condition("Ready")
    if ready and ready.status != "True" and ready.message not in steps:
        steps.insert(0, ready.message)
    for entry in one.status.integrations:
        noted = [CAVEATS[caveat] for caveat in entry.caveats or ()]
        steps += [f"{TITLES[entry.type]}: {'; '.join(noted)}."] if noted else []
    yield from steps or ["Nothing: everything declared is proved and stored."]


def _needs_somebody(entry: Entry) -> bool:
    return bool(entry.message) and entry.reason not in (Reason.VERIFIED, Reason.DISABLED)


def exit_code(setups: Iterable[Shown]) -> int:
    """Return 1 where one is not Ready, else 2 where one cannot be told, else 0."""
    return _worst(hue_of(one.ready) for one in setups)


def exit_code_of_entries(entries: Iterable[Entry]) -> int:
    """Return 1 where one is refused, else 2 where one cannot be told, else 0; leave out what is off."""
    return _worst(map(_hue, entries))


def _worst(hues: Iterable[str]) -> int:
    return worst({_CODES.get(hue, DONE) for hue in hues})


def as_json(one: Shown) -> Mapping[str, Any]:
    """Return a ReleaseSetup for machines."""
    return {
        "namespace": one.setup.key.namespace,
        "name": one.setup.key.name,
        "tenant": one.setup.tenant,
        "ready": one.ready,
        "reason": one.reason,
        "current": one.is_current,
        "next": list(next_steps(one)),
        "status": one.status.as_json(),
    }


def rows_of_steps(found: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the plan's getSetupStatus as a table."""
    yield [Cell("STEP"), Cell("DONE")]
    for step, done in {"setupComplete": found["setupComplete"], **found["steps"]}.items():
        yield [Cell(step), Cell(str(done).lower(), GOOD if done else OPEN)]


def entries_of(one: Shown, only: IntegrationType | None) -> tuple[Entry, ...]:
    """Return all entries, or the one of a type."""
    return tuple(entry for entry in one.status.integrations if only in (None, entry.type))
