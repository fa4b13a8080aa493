"""Checking files: everything that can be known of a ReleaseSetup without a cluster and a database."""

import asyncio
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from click import style

from delivr_operator.exit_codes import CANNOT_TELL, DONE, REFUSED, worst
from delivr_operator.manifest import Manifests, WrittenSetup, printable
from delivr_operator.outcome import (
    Doubt,
    Expired,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    Verified,
)
from delivr_operator.probing import Prober
from delivr_operator.providers.declaration import (
    Credential,
    Declaration,
    InvalidMember,
    declarations,
    read_credential,
)
from delivr_operator.reasons import CAVEATS, TITLES, Reason, explain, sentence
from delivr_operator.resource import InvalidSpec
from delivr_operator.settings import ProbeSettings


@dataclass(frozen=True, slots=True)
class Line:
    """What was found about one part of one ReleaseSetup; a message says what to do or what to know."""

    setup: str
    part: str
    verdict: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Checker:
    """Proves what files declare, with the same parts that the operator uses."""

    prober: Prober
    disabled: frozenset[IntegrationType]
    clock: Callable[[], datetime]
    told: Callable[[str], None] = lambda _: None
    """Told of each part when its verdict is there."""

    async def check(self, manifests: Manifests) -> tuple[Line, ...]:
        """Return a line for each integration of each ReleaseSetup, in the order of the files."""
        found = await asyncio.gather(*(self._setup(manifests, setup) for setup in manifests.setups))
        return tuple(line for lines in found for line in lines)

    async def _setup(self, manifests: Manifests, setup: WrittenSetup) -> list[Line]:
        name = f"{setup.namespace}/{setup.name}"
        if isinstance(setup.spec, InvalidSpec):
            return [
                Line(name, "spec", REFUSED, Reason.INVALID_SPEC, problem) for problem in setup.spec.problems
            ]
        members = declarations(setup.spec)
        if not members:
            return [Line(name, "spec", DONE, Reason.NOT_DECLARED, "Declares no integration yet.")]
        lines = await asyncio.gather(*(self._told(manifests, setup, member) for member in members))
        return [Line(name, *line) for line in lines]

    async def _told(
        self, manifests: Manifests, setup: WrittenSetup, member: Declaration | InvalidMember
    ) -> tuple[str, int, str, str]:
        found = await self._member(manifests, setup, member)
        self.told(found[0])
        return found

    async def _member(
        self, manifests: Manifests, setup: WrittenSetup, member: Declaration | InvalidMember
    ) -> tuple[str, int, str, str]:
        if isinstance(member, InvalidMember):
            problems = "; ".join(member.problems)
            if member.type is None:
                return ("spec", REFUSED, Reason.INVALID_SPEC, problems)
            return (TITLES[member.type], REFUSED, Rejection.MISCONFIGURED, problems)
        kind = member.provider.type
        if kind in self.disabled:
            return (TITLES[kind], DONE, Reason.DISABLED, sentence(kind, Reason.DISABLED))
        return _read(kind, await self._outcome(manifests, setup, member))

    async def _outcome(self, manifests: Manifests, setup: WrittenSetup, member: Declaration) -> Outcome:
        place = (setup.namespace, member.secret_ref.name)
        secret = manifests.secrets.get(place)
        if secret is None:
            detail = f"No file holds Secret {'/'.join(place)}: give the file that does, too."
            return Unknown(Doubt.SECRET_NOT_FOUND, detail)
        found = read_credential(member, secret.data)
        if not isinstance(found, Credential):
            return found
        return await self.prober.prove(found, secret.allowed_hosts, self.clock())


def parts(manifests: Manifests) -> int:
    """Return how many parts there are to be told of."""
    specs = (setup.spec for setup in manifests.setups if not isinstance(setup.spec, InvalidSpec))
    return sum(len(declarations(spec)) for spec in specs)


async def check_files(
    settings: ProbeSettings, manifests: Manifests, told: Callable[[str], None]
) -> tuple[Line, ...]:
    """Check `manifests` against the providers that `settings` name; `told` hears of each part's end."""
    prober = Prober.open(settings)
    try:
        checker = Checker(prober, settings.disabled_types, lambda: datetime.now(UTC), told)
        return await checker.check(manifests)
    finally:
        await prober.aclose()


def _read(kind: IntegrationType, outcome: Outcome) -> tuple[str, int, str, str]:
    if isinstance(outcome, Verified):
        notes = "; ".join(CAVEATS[caveat] for caveat in outcome.caveats)
        return (TITLES[kind], DONE, Reason.VERIFIED, f"Note: {notes}." if notes else "")
    reason, message = explain(kind, outcome)
    verdict = REFUSED if isinstance(outcome, Rejected | Expired) else CANNOT_TELL
    return (TITLES[kind], verdict, reason, message)


def exit_code(lines: tuple[Line, ...]) -> int:
    """Return 1 where anything is refused, else 2 where anything cannot be told, else 0."""
    return worst({line.verdict for line in lines})


_WORDS = {DONE: "ok", REFUSED: "REFUSED", CANNOT_TELL: "cannot tell"}
_HUES = {DONE: "green", REFUSED: "red", CANNOT_TELL: "yellow"}
_INDENT = "  "


def table(lines: tuple[Line, ...], width: int | None = None) -> Iterator[str]:
    """Yield a table for people: a block for each ReleaseSetup, messages under their rows, a sum.

    Args:
        lines: what was found.
        width: columns of the terminal; None leaves colours out and messages whole, so that `grep` finds them.
    """
    first, second = (max(len(word) for word in words) for words in (_WORDS.values(), {x.part for x in lines}))
    indent = _INDENT + " " * (first + 2)
    for setup, found in groupby(lines, lambda line: line.setup):
        yield setup
        for line in found:
            word = f"{_WORDS[line.verdict]:<{first}}"
            word = word if width is None else style(word, fg=_HUES[line.verdict])
            yield f"{_INDENT}{word}  {line.part:<{second}}  {line.reason}"
            yield from _broken(printable(line.message), indent, width)
        yield ""
    yield _sum(lines)


def _broken(message: str, indent: str, width: int | None) -> list[str]:
    if width is None:
        return [indent + message] if message else []
    room = max(width - len(indent), 40)
    broken = textwrap.wrap(message, room, break_long_words=False, break_on_hyphens=False)
    return [indent + part for part in broken]


def _sum(lines: tuple[Line, ...]) -> str:
    counts = [
        f"{sum(line.verdict == verdict for line in lines)} {word.lower()}" for verdict, word in _WORDS.items()
    ]
    advice = {
        DONE: "nothing stands in the way.",
        REFUSED: "mend what is refused and check again.",
        CANNOT_TELL: "nothing is refused; check again when what is missing is there.",
    }
    return f"{', '.join(counts)}: {advice[exit_code(lines)]}"
