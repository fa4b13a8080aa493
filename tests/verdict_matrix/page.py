"""Renders the matrix as the page that explains verdicts to tenants."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from delivr_operator.conditions import Progress
from delivr_operator.reasons import TITLES
from tests.verdict_matrix.row import Answer, Course, Matrix, Row, Verdict

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "verdicts.md"

_INTRODUCTION = """\
# Verdicts

What each answer of a provider does to your ReleaseSetup. Look for the integration, then for what happens or
for the `reason` that its entry in `.status.integrations` shows; [reasons.md](reasons.md) says what to do.

Each answer leads to one verdict, which depends only on what was known before:

- **Never proved**: the integration is new, or its spec or its credential has changed.
- **Was VALID**: it was proved before. A definite "no" counts only when it comes a second time, at least a
  minute after the first; until then Ready stays True and the entry says `RefusalUnconfirmed`. (Code signing
  is read and not asked about, so that its "no" counts at once.) "Cannot tell" never takes VALID away; after
  24 hours of it (the platform team's `MAX_STALENESS`) Ready becomes Unknown, `VerificationStale`.

"Asked again" is when the operator asks by itself. Whatever the table says, a changed Secret or spec is proved
at once, and so is what the annotation `release.delivr.live/requestedAt` asks for, except for `RateLimited`:
nothing is sent before the provider allows it. The interval is `spec.interval`, or else an hour.

The tables are written from the operator's own tests, which make each of these answers happen.
"""
_HEAD = (
    "| What happens | Reason | Never proved | Was VALID | Asked again |",
    "| --- | --- | --- | --- | --- |",
)


def rendered(matrices: Iterable[Matrix]) -> str:
    """Return the whole page."""
    sections = ("\n".join(_section(matrix)) for matrix in matrices)
    return "\n".join((_INTRODUCTION, *sections))


def _section(matrix: Matrix) -> Iterator[str]:
    other = matrix.form.words
    yield f"### {TITLES[matrix.type]}: {other}" if other else f"## {TITLES[matrix.type]} (`{matrix.type}`)"
    yield ""
    yield from _HEAD
    order = list(Answer)
    yield from (_line(row) for row in sorted(matrix.rows, key=lambda row: order.index(row.answer)))
    yield ""
    if matrix.absent:
        yield f"Cannot happen here: {'; '.join(dict.fromkeys(matrix.absent.values()))}."
        yield ""
    if other:
        yield f"All else is as under `{matrix.type}`."
        yield ""


def _line(row: Row) -> str:
    never = row.course.never
    reasons = ", ".join(f"`{word}`" for word in (never.reason, *row.caveats))
    cells = (row.happens, reasons, _state(never), _held(row.course), never.next_try.words)
    return f"| {' | '.join(cells)} |"


def _held(course: Course) -> str:
    """Write what differs from the course of what was never proved, in the order in which it comes."""
    first = _state(course.held)
    if course.held.reason != course.never.reason:
        first += f", `{course.held.reason}`"
    if course.held.next_try != course.never.next_try:
        first += f", asked again {course.held.next_try.words}"
    if course.repeated is None:
        return first
    return f"first {first}; then {_state(course.repeated)}"


def _state(verdict: Verdict) -> str:
    progress = "" if verdict.progress is Progress.NONE else f", {verdict.progress.value}"
    return f"{verdict.status}, Ready {verdict.ready}{progress}"
