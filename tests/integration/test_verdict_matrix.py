"""Every row of the verdict matrix: made to happen at the simulator, judged for real, followed by passes.

Every answer holds a text that stands nowhere else, and every logger speaks at every level: neither that text
nor a value of the Secret may be found in what is said, stored or shown.
"""

import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from pydantic import SecretStr

from delivr_operator.cluster import Absent, SecretContent
from delivr_operator.conditions import Progress
from delivr_operator.outcome import IntegrationType, Outcome, Unknown, VerificationStatus, Verified
from delivr_operator.probing import Prober
from delivr_operator.probing.limits import Limits
from delivr_operator.providers import PROVIDERS, provider_of_type
from delivr_operator.report import transitions
from delivr_operator.sealing import Sealer
from delivr_operator.settings import ProbeSettings
from delivr_operator.status import Status
from dev.simulator.client import Simulator
from tests.integration.scenes import Scene, scene
from tests.leaks.needles import worth_looking_for
from tests.leaks.overheard import Overheard, overheard
from tests.leaks.planting import canary, planted
from tests.leaks.sent import credentials_of, held_by
from tests.verdict_matrix import MATRICES
from tests.verdict_matrix.page import PAGE, rendered
from tests.verdict_matrix.passing import RULES, SCHEDULE, Pass, Setup, content
from tests.verdict_matrix.row import (
    Answer,
    Cause,
    CredentialTurns,
    Fault,
    Matrix,
    MemberHolds,
    NextTry,
    Row,
    Rule,
    SecretHolds,
    Surroundings,
    TargetTurns,
    Verdict,
)

T = IntegrationType
SEALER = Sealer(SecretStr("5e" * 32))
REFUSED = (VerificationStatus.INVALID, VerificationStatus.EXPIRED)
SECOND, MINUTE, MOMENT = timedelta(seconds=1), timedelta(minutes=1), timedelta(milliseconds=1)


@pytest.fixture(scope="module")
def sim(simulator: dict[str, str]) -> Iterator[Simulator]:
    with Simulator(simulator) as client:
        yield client


@pytest.fixture(scope="module")
def heard() -> Iterator[Overheard]:
    with overheard() as found:
        yield found


@dataclass(frozen=True)
class Asker:
    """A prober, and the host that a tenant's address is moved to before it asks."""

    prober: Prober
    host: str | None = None
    names_host: bool = False
    """Whether the Secret allows the host that the tenant chose."""

    async def ask(self, setup: Setup) -> Outcome | None:
        """Return the provider's answer, or None where there is nothing to ask with.

        Only what is asked is moved, not what is declared: the host of a declared address goes away.
        """
        if setup.credential is None:
            return None
        member = moved(setup.member, self.host) if self.host else setup.member
        asked = replace(setup, member=member).credential
        assert asked is not None
        chosen = asked.declaration.provider.tenant_chosen_host(asked.declaration.config)
        allowed = frozenset({chosen} if chosen and self.names_host else ())
        return await self.prober.prove(asked, allowed, datetime.now(UTC), fresh=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def askers(sim: Simulator) -> AsyncIterator[Mapping[Surroundings, Asker]]:
    """One prober for each surroundings, shared by all rows."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        elsewhere = {
            Surroundings.NO_SUCH_NAME: "absent.invalid",
            Surroundings.NO_LISTENER: f"127.0.0.1:{held.getsockname()[1]}",
            Surroundings.BAD_CERTIFICATE: urlsplit(sim.settings["SIMULATOR_BAD_TLS_URL"]).netloc,
        }
        changes = {
            Surroundings.IMPATIENT: {"APPSTORE_CONNECT_TIMEOUT": "300", "PLAYSTORE_API_TIMEOUT": "300"},
            Surroundings.NO_TRUSTED_HOSTS: {"TRUSTED_HOSTS": ""},
            Surroundings.PRIVATE_ADDRESS: {"TRUSTED_HOSTS": ""},
        }
        async with AsyncExitStack() as stack:
            opened = {}
            for where in Surroundings:
                host = elsewhere.get(where)
                environment = {**sim.settings, **changes.get(where, {})}
                if host:
                    trusted = f"{environment['TRUSTED_HOSTS']},{host.partition(':')[0]}"
                    environment = {**moved(environment, host), "TRUSTED_HOSTS": trusted}
                read = timedelta(milliseconds=300) if where is Surroundings.IMPATIENT else Limits().read
                prober = Prober.open(ProbeSettings.from_environment(environment), Limits(read=read))
                stack.push_async_callback(prober.aclose)
                opened[where] = Asker(prober, host, where is Surroundings.PRIVATE_ADDRESS)
            yield opened


def moved(values: Mapping[str, Any], host: str) -> dict[str, Any]:
    """Return `values` with every https address in them at another host."""
    return {
        name: urlsplit(value)._replace(netloc=host).geturl()
        if isinstance(value, str) and value.startswith("https://")
        else value
        for name, value in values.items()
    }


@dataclass(frozen=True)
class Stage:
    """One row's credential and its targets."""

    sim: Simulator
    row: Row
    scene: Scene
    well: Setup

    @classmethod
    def laid(cls, sim: Simulator, matrix: Matrix, row: Row) -> "Stage":
        """Return a stage on which all is well."""
        kind, form = matrix.type, matrix.form
        ends = row.ends_in and {"expires_at": (datetime.now(UTC) + row.ends_in).isoformat()}
        given = scene(sim, kind, **form.issued, **row.issued, **(ends or {}))
        written = {**given.written, **_filled(form.written, sim.settings)}
        member = {**written, "secretRef": {"name": "credential"}}
        return cls(sim, row, given, Setup(kind, member, content(given.issued.secret)))

    @property
    def surroundings(self) -> Surroundings:
        return next((one for one in self.row.causes if isinstance(one, Surroundings)), Surroundings.USUAL)

    def turned(self) -> Setup:
        """Let everything happen that the row says; return the setup as it is then declared."""
        setup = self.well
        for cause in self.row.causes:
            setup = self._turned(setup, cause)
        return setup

    def _turned(self, setup: Setup, cause: Cause) -> Setup:
        issued, words = self.scene.issued, {**self.scene.issued.fields, **self.scene.written}
        match cause:
            case CredentialTurns():
                self.sim.change(issued, **cause.fields)
            case TargetTurns(place):
                fields = _filled({**place.group, **cause.fields}, words)
                self.sim.target(place.provider, place.kind, place.name.format(**words), **fields)
            case Fault():
                self.sim.fault(cause.kind, credential=issued.label, **cause.fields)
            case SecretHolds():
                values = {**issued.secret, **cause.keys}
                kept = {name: value for name, value in values.items() if value is not None}
                return replace(setup, secret=content(kept, "2"))
            case MemberHolds():
                return replace(setup, member={**setup.member, **_taken(cause.fields, words)})
            case Absent():
                return replace(setup, secret=cause)
            case Surroundings():
                pass
        return setup


def _filled(fields: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    return {name: v.format(**words) if isinstance(v, str) else v for name, v in fields.items()}


def _taken(fields: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with the very value of another one where `{...}` stands alone."""
    others = {f"{{{name}}}": value for name, value in words.items()}
    return {
        name: others.get(value, value) if isinstance(value, str) else value for name, value in fields.items()
    }


EVERY_ROW = [
    pytest.param(matrix, row, id=f"{matrix.name}-{row.happens}") for matrix in MATRICES for row in matrix.rows
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("matrix", "row"), EVERY_ROW)
async def test_an_answer_leads_to_one_verdict(
    sim: Simulator, askers: Mapping[Surroundings, Asker], heard: Overheard, matrix: Matrix, row: Row
) -> None:
    text = canary()
    stage = Stage.laid(sim, matrix, planted(row, text))
    proof = await askers[Surroundings.USUAL].ask(stage.well)
    assert isinstance(proof, Verified), proof
    start = datetime.now(UTC).replace(microsecond=900_000)  # a status keeps whole seconds only
    proved = stage.well.passed(Status(), proof, start)
    setup = stage.turned()
    outcome = await askers[stage.surroundings].ask(setup)

    never = setup.passed(Status(), outcome, start)
    holds(stage, setup, never, row.course.never, outcome)

    later = start + row.later if row.later else SCHEDULE.next_tick(start)
    held = setup.passed(proved.status, outcome, later)
    holds(stage, setup, held, row.course.held, outcome)

    passes = [proved, never, held]
    if row.course.repeated is not None:
        again = await askers[stage.surroundings].ask(setup)
        repeated = setup.passed(held.status, again, later + row.course.held.next_try.wait + SECOND)
        holds(stage, setup, repeated, row.course.repeated, again)
        passes.append(repeated)
    if isinstance(outcome, Unknown) and row.course.held.ready == "True":
        goes_stale(setup, proved, held, outcome)
    sim.lift(credential=stage.scene.issued.label)
    places = {**heard.taken(), **heard.offered_since(), **shown(passes, proof, outcome, setup)}
    nothing_leaks(stage, setup, text, places)


def shown(passes: list[Pass], *values: Any) -> dict[str, bytes]:
    """Return what people can read of passes, and what values say of themselves."""
    said = [repr(values), *map(str, values), *(repr(vars(one)) for one in values if hasattr(one, "__dict__"))]
    return {
        "status": json.dumps([one.status.as_json() for one in passes]).encode(),
        "events": repr([transitions(one.previous, one.status) for one in passes]).encode(),
        "values": "\n".join(said).encode(),
    }


def nothing_leaks(stage: Stage, setup: Setup, text: str, places: Mapping[str, bytes]) -> None:
    """Hold that neither what the provider said nor what the Secret holds stands in any of the places."""
    issued = stage.scene.issued
    held = {**issued.secret, **held_by(setup), "what the provider said": text}
    requests = stage.sim.requests(credential=issued.label)
    for number, request in enumerate(requests):
        held |= {f"request {number}: {name}": value for name, value in credentials_of(request).items()}
    found = worth_looking_for(held.items()).found_in(places)
    assert not found, found
    if setup.credential is not None:
        sealed = {name: held[name] for name in provider_of_type(setup.kind).sealed & held.keys()}
        row = json.dumps(SEALER.seal_config(setup.credential.row_config())).encode()
        found = worth_looking_for({**sealed, "what the provider said": text}.items()).found_in({"row": row})
        assert not found, found
    answered = [request for request in requests if request.fault and request.status is not None]
    assert all(text in str(request.answer_headers) for request in answered), "else there was nothing to find"


def holds(stage: Stage, setup: Setup, after: Pass, verdict: Verdict, outcome: Outcome | None) -> None:
    """Hold that the status says what the table says, column by column."""
    entry, ready = after.entry, after.status.condition("Ready")
    assert ready is not None
    progress = tuple(
        kind
        for kind in (Progress.RECONCILING, Progress.STALLED)
        if (found := after.status.condition(str(kind.value))) is not None and found.status == "True"
    )
    expected = () if verdict.progress is Progress.NONE else (verdict.progress,)
    said = (entry.verification_status, ready.status, progress, entry.reason)
    assert said == (verdict.status, verdict.ready, expected, verdict.reason), outcome
    assert ready.reason == ("SetupCompleted" if verdict.ready == "True" else verdict.reason)
    assert entry.message in ready.message or verdict.ready == "True"
    kept = after.caveats_before if verdict.status is VerificationStatus.VALID else ()
    assert (entry.caveats or ()) == (stage.row.caveats if verdict.reason == "Verified" else kept)
    tried_again(stage, setup, after, verdict.next_try, outcome)


def tried_again(stage: Stage, setup: Setup, after: Pass, next_try: NextTry, outcome: Outcome | None) -> None:
    """Hold that the provider is asked when the table says and not sooner, and that a pass comes then."""
    touched = replace(stage.well, secret=replace(_secret(stage.well), version="9"))
    assert touched.asks(after.status, after.now + SECOND), "a changed Secret is proved at once"
    if next_try.rule is Rule.CHANGE:
        assert outcome is None
        assert not setup.asks(after.status, after.now + timedelta(days=30))
        assert after.due == after.now + RULES.recheck
        return
    due = after.now + _pause(next_try, after.now, outcome)
    assert not setup.asks(after.status, due - MOMENT)
    assert setup.asks(after.status, due + SECOND)
    assert after.due <= due + SECOND
    told = isinstance(outcome, Unknown) and after.entry.reason == "RateLimited"
    assert setup.asks(after.status, after.now + SECOND, requested_at="now") is not told
    if next_try.rule in (Rule.BACKOFF, Rule.TOLD):
        assert isinstance(outcome, Unknown)
        backs_off(setup, after, outcome)


def _secret(setup: Setup) -> SecretContent:
    assert isinstance(setup.secret, SecretContent)
    return setup.secret


def _pause(next_try: NextTry, now: datetime, outcome: Outcome | None) -> timedelta:
    match next_try.rule:
        case Rule.TICK:
            pause = SCHEDULE.next_tick(now) - now
            assert timedelta() < pause <= SCHEDULE.interval
            return pause
        case Rule.PAUSE:
            return next_try.wait
        case Rule.BACKOFF:
            return MINUTE
        case Rule.TOLD:
            assert isinstance(outcome, Unknown)
            assert outcome.retry_after is not None
            assert next_try.wait - next_try.blur <= outcome.retry_after <= next_try.wait
            return outcome.retry_after
        case Rule.CHANGE:
            raise AssertionError(next_try)


def backs_off(setup: Setup, after: Pass, outcome: Unknown) -> None:
    """Hold that the same answer doubles the pauses up to an hour, never under what was told, and no more."""
    least = max(MINUTE, outcome.retry_after or MINUTE)
    latest, due = after, after.entry.retry_at
    for number in range(2, 10):
        assert due is not None
        latest = setup.passed(latest.status, outcome, due)
        said = (latest.entry.verification_status, latest.entry.reason)
        assert said == (after.entry.verification_status, after.entry.reason)
        whole = min(MINUTE * 2 ** (number - 1), timedelta(hours=1))
        asked, due = due, latest.entry.retry_at
        assert due is not None
        assert max(least, whole / 2 - SECOND) <= due - asked <= max(least, whole) + SECOND


def goes_stale(setup: Setup, proved: Pass, held: Pass, outcome: Unknown) -> None:
    """Hold that an outage never takes VALID away, and that Ready says after a day how old the proof is."""
    latest = held
    while latest.now <= proved.now + RULES.max_staleness:
        assert latest.status.condition("Ready").status == "True"  # type: ignore[union-attr]
        assert latest.entry.last_verified_at == proved.entry.last_verified_at
        assert latest.entry.retry_at is not None
        ends = proved.now + RULES.max_staleness + SECOND
        now = max(latest.entry.retry_at, min(latest.now + timedelta(hours=6), ends))
        latest = setup.passed(latest.status, outcome, now)
    ready = latest.status.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("Unknown", "VerificationStale")
    assert latest.entry.verification_status is VerificationStatus.VALID


@pytest.mark.parametrize("matrix", MATRICES, ids=lambda matrix: matrix.name)
def test_a_type_has_a_row_for_every_class_of_answer_or_says_why_not(matrix: Matrix) -> None:
    given, absent, alike = {row.answer for row in matrix.rows}, set(matrix.absent), matrix.form.alike
    assert given | absent | alike == set(Answer)
    assert not given & absent
    assert not (given | absent) & alike
    assert not alike or matrix.form.words
    words = [row.happens for row in matrix.rows]
    assert len(words) == len(set(words))


def test_every_type_has_a_matrix() -> None:
    asked = {provider.type for provider in PROVIDERS} - {T.CODE_SIGNING}  # which asks nobody
    assert asked <= {matrix.type for matrix in MATRICES}
    names = [matrix.name for matrix in MATRICES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", sorted({matrix.type for matrix in MATRICES}))
def test_the_page_of_a_type_tells_what_each_no_means_there(kind: T) -> None:
    page = (PAGE.parents[1] / "integrations" / f"{kind.lower().replace('_', '-')}.md").read_text()
    rows = [row for matrix in MATRICES if matrix.type is kind for row in matrix.rows]
    reasons = {row.course.never.reason for row in rows if row.course.never.status in REFUSED}
    assert {reason for reason in reasons if f"`{reason}`" not in page} == set()


def test_every_page_of_a_type_is_in_the_index() -> None:
    folder = PAGE.parents[1] / "integrations"
    index = (folder / "README.md").read_text()
    pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


def test_the_page_shows_the_table() -> None:
    assert PAGE.read_text() == rendered(MATRICES), "write it: .venv/bin/python -m tests.verdict_matrix"
