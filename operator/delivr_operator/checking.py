"""Checking files: everything that can be known of a ReleaseSetup without a cluster and a database."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from delivr_operator.manifest import Manifests, WrittenSetup
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
from delivr_operator.reasons import TITLES, Reason, explain, sentence
from delivr_operator.resource import InvalidSpec
from delivr_operator.settings import ProbeSettings

PASSED, REFUSED, CANNOT_TELL = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Line:
    """What was found about one part of one ReleaseSetup."""

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
            return [Line(name, "spec", PASSED, Reason.NOT_DECLARED, "Declares no integration yet.")]
        lines = await asyncio.gather(*(self._member(manifests, setup, member) for member in members))
        return [Line(name, *line) for line in lines]

    async def _member(
        self, manifests: Manifests, setup: WrittenSetup, member: Declaration | InvalidMember
    ) -> tuple[str, int, str, str]:
        if isinstance(member, InvalidMember):
            part = TITLES[member.type] if member.type else "spec"
            return (part, REFUSED, Rejection.MISCONFIGURED, " ".join(member.problems))
        kind = member.provider.type
        if kind in self.disabled:
            return (TITLES[kind], PASSED, Reason.DISABLED, sentence(kind, Reason.DISABLED))
        return _read(kind, await self._outcome(manifests, setup, member))

    async def _outcome(self, manifests: Manifests, setup: WrittenSetup, member: Declaration) -> Outcome:
        secret = manifests.secrets.get((setup.namespace, member.secret_ref.name))
        if secret is None:
            return Unknown(Doubt.SECRET_NOT_FOUND, detail=f"Secret: {member.secret_ref.name}.")
        found = read_credential(member, secret.data)
        if not isinstance(found, Credential):
            return found
        return await self.prober.prove(found, secret.allowed_hosts, self.clock())


async def check_files(settings: ProbeSettings, manifests: Manifests) -> tuple[Line, ...]:
    """Check `manifests` against the providers that `settings` name."""
    prober = Prober.open(settings)
    try:
        return await Checker(prober, settings.disabled_types, lambda: datetime.now(UTC)).check(manifests)
    finally:
        await prober.aclose()


def _read(kind: IntegrationType, outcome: Outcome) -> tuple[str, int, str, str]:
    if isinstance(outcome, Verified):
        return (TITLES[kind], PASSED, Reason.VERIFIED, sentence(kind, Reason.VERIFIED, outcome.caveats))
    reason, message = explain(kind, outcome)
    verdict = REFUSED if isinstance(outcome, Rejected | Expired) else CANNOT_TELL
    return (TITLES[kind], verdict, reason, message)


def exit_code(lines: tuple[Line, ...]) -> int:
    """Return 1 where anything is refused, else 2 where anything cannot be told, else 0."""
    verdicts = {line.verdict for line in lines}
    return next((code for code in (REFUSED, CANNOT_TELL) if code in verdicts), PASSED)


def table(lines: tuple[Line, ...]) -> Iterator[str]:
    """Yield the lines of a table for people."""
    words = {PASSED: "ok", REFUSED: "REFUSED", CANNOT_TELL: "cannot tell"}
    rows = [(line.setup, line.part, words[line.verdict], line.reason) for line in lines]
    head = ("RELEASESETUP", "PART", "VERDICT", "REASON")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(4)]
    for row, message in zip((head, *rows), ("MESSAGE", *(line.message for line in lines)), strict=True):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + f"  {message}"
