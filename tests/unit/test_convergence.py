"""Whatever happened before, a resource ends as a new one would: the pure core through random histories.

The world below holds values only: a spec, Secrets, what each provider would say, and what was persisted: the
status as JSON, and the rows. A pass reads it, decides and persists in the order of reconcile.py, and may die
after each step. What an operator remembers on purpose is left out of the end, not of the way there: a verdict
outlives its Secret and any outage, so every history ends with all Secrets there and providers that answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from pydantic import SecretBytes, SecretStr

from delivr_operator.observed import DatabaseFault, Declared, Observed, Rules
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
from delivr_operator.outcome import VerificationStatus as S
from delivr_operator.plan import Decision, choose, decide
from delivr_operator.providers.declaration import Credential, Declaration, declarations, read_credential
from delivr_operator.reasons import Reason
from delivr_operator.report import (
    Committed,
    Synced,
    Withheld,
    conclude,
    next_pass,
    setup_status,
    transitions,
    worth_writing,
)
from delivr_operator.resource import Key, ReleaseSetup, Spec
from delivr_operator.rows import Config, DesiredRows, Permission, StoredIntegration, TenantRecord
from delivr_operator.status import Entry, Status
from tests.unit.providers.samples import key_file, samples

T = IntegrationType
TYPES = (T.GITHUB, T.PLAY_STORE, T.SLACK, T.LINEAR)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = Rules()
OUTAGE = DatabaseFault(Reason.DATABASE_UNAVAILABLE, "The database cannot be reached.")
SETTLED = timedelta(hours=9)
"""Longer than the longest rest after a refusal, with the longest pause and the longest interval after it."""


class Content(Enum):
    """What a Secret may hold; two good credentials, and three ways to be of no use."""

    ONE = "1"
    OTHER = "2"
    FLAWED = "flawed"
    EMPTY = "empty"
    ABSENT = "absent"


GOOD = (Content.ONE, Content.OTHER)


@cache
def read(kind: IntegrationType, content: Content) -> Credential | Rejected | Unknown:
    """One declaration with one Secret, as the observer reads them."""
    sample = samples()[kind]
    (declared,) = declarations(parsed({sample.member: sample.written}))
    assert isinstance(declared, Declaration)
    if content is Content.ABSENT:
        return Unknown(Doubt.SECRET_NOT_FOUND)
    if content is Content.EMPTY:
        return read_credential(declared, {})
    if content is Content.FLAWED:
        return read_credential(declared, {name: SecretBytes(b"\xff") for name in sample.secret})
    if kind is T.PLAY_STORE:
        one = {"serviceAccountKey": key_file(private_key_id=content.value)}
    else:
        one = {name: value + content.value for name, value in sample.secret.items()}
    return read_credential(declared, {name: SecretBytes(value.encode()) for name, value in one.items()})


def parsed(members: Mapping[str, Any], **spec: Any) -> Spec:
    given = {"tenantId": "Kp3xQ7_m-Z", "owner": "owner@example.test", "platforms": ["IOS", "ANDROID"]}
    found = Spec.model_validate({**given, **members, **spec})
    assert isinstance(found, Spec)
    return found


YES: list[Outcome] = [Verified(), Verified(expires_at=NOW + timedelta(days=3650))]
NO: list[Outcome] = [
    Rejected(Rejection.BAD_CREDENTIALS, http_status=401),
    Rejected(Rejection.TARGET_NOT_FOUND, http_status=404),
    Rejected(Rejection.INSUFFICIENT_PERMISSION, http_status=403),
    Expired(),
]
CANNOT_TELL: list[Outcome] = [
    Unknown(Doubt.TIMED_OUT),
    Unknown(Doubt.UPSTREAM_ERROR, http_status=503),
    Unknown(Doubt.RATE_LIMITED, retry_after=timedelta(minutes=90)),
]

OWNED = TenantRecord(
    exists=True,
    account_id="own_7Qx2-",
    permission=Permission.OWNER,
    settings=None,
    integrations={},
    claim=None,
)


class Death(Enum):
    """Where a pass ends: after its last step, or earlier, with all that was not persisted lost."""

    NEVER = "after its report"
    ASKED = "after the providers were asked"
    SYNCED = "after the rows were committed"


@dataclass
class World:
    """Everything outside the operator, as values."""

    now: datetime
    members: frozenset[IntegrationType] = frozenset(TYPES)
    targets: tuple[str, ...] = ("PLAY_STORE",)
    suspend: bool = False
    generation: int = 1
    requested_at: str | None = None
    secrets: dict[IntegrationType, tuple[Content, int]] = field(
        default_factory=lambda: dict.fromkeys(TYPES, (Content.ONE, 1))
    )
    truth: dict[IntegrationType, Outcome] = field(default_factory=lambda: dict.fromkeys(TYPES, YES[0]))
    database: bool = True
    status: dict[str, Any] = field(default_factory=dict)
    record: TenantRecord = OWNED
    reported: TenantRecord = OWNED
    """The rows as the last pass that lived to report them left them: all that is known in an outage."""
    proved: set[str | None] = field(default_factory=set)
    """The fingerprints that their provider ever said yes to."""
    due: datetime = NOW

    def declare(self, members: frozenset[IntegrationType], *, store: bool, suspend: bool) -> None:
        self.members = members
        self.targets = ("PLAY_STORE",) if store else ()
        self.suspend = suspend
        self.generation += 1

    def live_until(self, end: datetime) -> None:
        while self.now < end:
            self.run()
            self.now = self.due

    def setup(self) -> ReleaseSetup:
        members = {samples()[kind].member: samples()[kind].written for kind in self.members}
        return ReleaseSetup(
            key=Key("falcon", "mobile-app"),
            uid="u1",
            generation=self.generation,
            created_at=NOW,
            requested_at=self.requested_at,
            spec=parsed(members, targets=self.targets, suspend=self.suspend),
            raw_status=self.status,
        )

    def observed(self) -> Observed:
        setup = self.setup()
        assert isinstance(setup.spec, Spec)
        return Observed(
            setup=setup,
            spec=setup.spec,
            previous=Status.parse(self.status),
            namespace_tenant=setup.spec.tenant_id,
            rivals=(),
            holder=None,
            record=self.record if self.database else OUTAGE,
            declared=tuple(
                self.declared(one.type) for one in declarations(setup.spec) if isinstance(one, Declaration)
            ),
        )

    def declared(self, kind: IntegrationType) -> Declared:
        content, version = self.secrets[kind]
        found = read(kind, content)
        if content is Content.ABSENT:
            return Declared(kind, found)
        fingerprint = f"{kind}/{content.value}" if isinstance(found, Credential) else None
        return Declared(kind, found, fingerprint, str(version))

    def run(self, death: Death = Death.NEVER) -> None:
        """One pass, in the order of reconcile.py."""
        observed, before = self.observed(), Status.parse(self.status)
        outcomes = {one.type: self.truth[one.type] for one in choose(observed, RULES, self.now)}
        self.proved |= {
            one.fingerprint for one in observed.declared if isinstance(outcomes.get(one.type), Verified)
        }
        if death is Death.ASKED:
            return
        decision = decide(observed, RULES, outcomes, self.now)
        synced = self.sync(decision)
        if death is Death.SYNCED:
            return
        status = conclude(observed, RULES, decision, synced, self.now)
        if worth_writing(before, status, RULES, in_rows=isinstance(synced, Committed)):
            self.status = status.as_json()
        self.reported = self.record if self.database else self.reported
        self.due = next_pass(observed, decision, RULES, synced, self.now)
        self._hold(observed, outcomes, status)

    def sync(self, decision: Decision) -> Synced:
        if not self.database:
            return OUTAGE
        if decision.rows is None:
            return Withheld()
        if not decision.rows.is_empty or self.record.claim is not None:
            self.record = written(self.record, decision.rows)
        return Committed()

    def _hold(self, observed: Observed, outcomes: Mapping[IntegrationType, Outcome], status: Status) -> None:
        """What has to be true after every whole pass."""
        ready = status.condition("Ready")
        assert ready is not None
        assert self.due > self.now
        if ready.status == "True":
            assert {entry.verification_status for entry in status.integrations} == {S.VALID}
            assert {entry.type for entry in status.integrations} == self.members
            assert self._rows_agree(self.record if self.database else self.reported)
        for declared, entry in zip(observed.declared, status.integrations, strict=True):
            was, outcome = observed.before(declared, self.now), outcomes.get(entry.type)
            if entry.verification_status is S.VALID:
                assert entry.fingerprint in self.proved
            if was and was.fingerprint == entry.fingerprint and isinstance(outcome, Unknown):
                assert entry.verification_status is was.verification_status
                assert was.verification_status in (S.VALID, S.NOT_VERIFIED) or entry.reason == was.reason

    def _rows_agree(self, record: TenantRecord) -> bool:
        claim = record.claim
        stored = {kind: row.status for kind, row in record.integrations.items() if row.enabled}
        return (
            claim is not None
            and claim.generation == self.generation
            and stored == dict.fromkeys(self.members, S.VALID)
            and all(
                record.integrations[kind].config == stored_config(kind, self.secrets[kind][0])
                for kind in self.members
            )
        )

    def end(self) -> dict[str, Any]:
        """What is to be the same for every history: all but times."""
        status = Status.parse(self.status)
        settings_row = self.record.settings
        return {
            "entries": {
                e.type: (e.verification_status, e.reason, e.message, e.fingerprint, e.caveats, known_end(e))
                for e in status.integrations
            },
            "conditions": {c.type: (c.status, c.reason, c.message) for c in status.conditions},
            "generations": {c.observed_generation for c in status.conditions} | {status.observed_generation},
            "steps": (status.steps, status.setup_complete, status.message),
            "rows": {k: replace(r, last_verified_at=None) for k, r in self.record.integrations.items()},
            "plan": setup_status(settings_row),
            # A tenant with nothing declared has rows that say so, or none yet; the plan reads both the same.
            "settings": replace(settings_row, completed_at=None) if settings_row and self.members else None,
            "claim": self.record.claim if self.members else None,
        }


def written(record: TenantRecord, rows: DesiredRows) -> TenantRecord:
    """The rows after one sync, by the words of DesiredRows."""
    held = {kind: row for kind, row in record.integrations.items() if kind not in rows.removed}
    for kind in rows.disabled & held.keys():
        held[kind] = replace(held[kind], enabled=False)
    for row in rows.integrations:
        if row.config is None and row.type not in held:
            continue
        config = held[row.type].config if row.config is None else opened(row.config)
        held[row.type] = StoredIntegration(
            row.type, row.enabled, row.required, config, row.configured_by, row.last_verified_at, row.status
        )
    return replace(record, settings=rows.settings or record.settings, integrations=held, claim=rows.claim)


def known_end(entry: Entry) -> datetime | None:
    """When a proved credential ends; a refused one keeps the end that was told while it was good."""
    return entry.expires_at if entry.verification_status is S.VALID else None


def opened(config: Config) -> dict[str, Any]:
    return {n: v.get_secret_value() if isinstance(v, SecretStr) else v for n, v in config.items()}


def stored_config(kind: IntegrationType, content: Content) -> dict[str, Any]:
    found = read(kind, content)
    return opened(found.row_config()) if isinstance(found, Credential) else {}


PAUSES = st.sampled_from([timedelta(seconds=s) for s in (0, 1, 59, 61, 3600, 7 * 3600, 30 * 3600)])
DEATHS = st.sampled_from([Death.NEVER, Death.NEVER, Death.NEVER, Death.ASKED, Death.SYNCED])
ANSWERS = st.one_of(st.sampled_from(YES), st.sampled_from(NO), st.sampled_from(CANNOT_TELL))


class Histories(RuleBasedStateMachine):
    """Users, providers, outages and deaths in any order; a pass comes some time after each."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(NOW)
        self.turns = 0

    def then(self, pause: timedelta, death: Death) -> None:
        self.turns += 1
        self.world.now += pause
        self.world.run(death)

    @rule(
        members=st.frozensets(st.sampled_from(TYPES)),
        store=st.booleans(),
        suspend=st.booleans(),
        death=DEATHS,
    )
    def the_spec_changes(
        self, members: frozenset[IntegrationType], store: bool, suspend: bool, death: Death
    ) -> None:
        self.world.declare(members, store=store, suspend=suspend)
        self.then(timedelta(seconds=1), death)

    @rule(
        kind=st.sampled_from(TYPES),
        content=st.one_of(st.sampled_from(GOOD), st.sampled_from(Content)),
        answer=ANSWERS,
        pause=PAUSES,
        death=DEATHS,
    )
    def a_secret_changes(
        self, kind: IntegrationType, content: Content, answer: Outcome, pause: timedelta, death: Death
    ) -> None:
        self.world.secrets[kind] = (content, 2 + self.turns)
        self.world.truth[kind] = answer
        self.then(pause, death)

    @rule(kind=st.sampled_from(TYPES), answer=ANSWERS, pause=PAUSES, death=DEATHS, asked=st.booleans())
    def a_provider_thinks_otherwise(
        self, kind: IntegrationType, answer: Outcome, pause: timedelta, death: Death, asked: bool
    ) -> None:
        self.world.truth[kind] = answer
        if asked:
            self.world.requested_at = f"{self.turns}/{kind}"
        self.then(pause, death)

    @rule(up=st.booleans(), pause=PAUSES, death=DEATHS)
    def the_database_comes_or_goes(self, up: bool, pause: timedelta, death: Death) -> None:
        self.world.database = up
        self.then(pause, death)

    @rule(only=st.sampled_from(["", "/nobody"]), death=DEATHS)
    def somebody_asks(self, only: str, death: Death) -> None:
        self.world.requested_at = f"{self.turns}{only}"
        self.then(timedelta(seconds=1), death)

    @rule(death=DEATHS)
    def the_next_pass_is_due(self, death: Death) -> None:
        self.then(max(timedelta(), self.world.due - self.world.now), death)

    @rule()
    def a_second_pass_finds_nothing_to_do(self) -> None:
        self.world.run()
        before, record = Status.parse(self.world.status), self.world.record
        observed = self.world.observed()
        assert choose(observed, RULES, self.world.now) == ()
        decision = decide(observed, RULES, {}, self.world.now)
        synced = self.world.sync(decision)
        again = conclude(observed, RULES, decision, synced, self.world.now)
        in_rows = isinstance(synced, Committed)
        assert not worth_writing(before, again, RULES, in_rows=in_rows)
        assert transitions(before, again) == ()
        assert self.world.record == record

    @rule(
        members=st.frozensets(st.sampled_from(TYPES)),
        store=st.booleans(),
        contents=st.lists(st.sampled_from(GOOD), min_size=len(TYPES), max_size=len(TYPES)),
        answers=st.lists(st.sampled_from(YES + NO), min_size=len(TYPES), max_size=len(TYPES)),
    )
    def in_the_end_it_is_as_if_it_were_new(
        self,
        members: frozenset[IntegrationType],
        store: bool,
        contents: list[Content],
        answers: list[Outcome],
    ) -> None:
        """Not the last step of every history: what comes after a long quiet time counts too."""
        world = self.world
        world.declare(members, store=store, suspend=False)
        world.database = True
        world.secrets = {k: (c, 2 + self.turns) for k, c in zip(TYPES, contents, strict=True)}
        world.truth = dict(zip(TYPES, answers, strict=True))
        new = replace(
            world, requested_at=None, status={}, record=OWNED, reported=OWNED, proved=set(), due=world.now
        )
        for one in (world, new):
            one.live_until(one.now + SETTLED)
        assert world.end() == new.end()
        for kind, row in world.record.integrations.items():
            if row.status is S.VALID:
                assert row.last_verified_at is not None
                assert world.now - row.last_verified_at <= timedelta(hours=2), kind


Histories.TestCase.settings = settings(max_examples=200, stateful_step_count=12, deadline=None)
TestHistories = Histories.TestCase
