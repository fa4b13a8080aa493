"""A whole pass in values: what is proved, what the status says, what the rows should hold."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretBytes, SecretStr

from delivr_operator.admission import conflict, refusal
from delivr_operator.observed import DatabaseFault, Declared, Observed, Rules
from delivr_operator.outcome import (
    Doubt,
    Expired,
    Outcome,
    Rejected,
    Rejection,
    Unknown,
    Verified,
)
from delivr_operator.outcome import IntegrationType as T
from delivr_operator.outcome import VerificationStatus as S
from delivr_operator.plan import choose, decide, is_to_be_held, pauses
from delivr_operator.providers.declaration import Credential, Declaration, declarations, read_credential
from delivr_operator.reasons import Reason
from delivr_operator.report import (
    Committed,
    Synced,
    Withheld,
    conclude,
    next_pass,
    transitions,
    unreadable,
    worth_writing,
)
from delivr_operator.resource import InvalidSpec, Key, ReleaseSetup, Spec
from delivr_operator.rows import Claim, Permission, StoredIntegration, TenantRecord
from delivr_operator.status import Status

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = Rules()
TENANT = "Kp3xQ7_m-Z"
GITHUB = {"organization": "acme", "repoName": "mobile-app", "secretRef": {"name": "github"}}
SLACK = {"channels": ["releases"], "notifyOnEvents": ["release_started"], "secretRef": {"name": "slack"}}
DATA = {"github": {"accessToken": "ghp_" + "a" * 36}, "slack": {"botToken": "xoxb-1-2-abc"}}
OWNER = TenantRecord(
    exists=True,
    account_id="own_7Qx2-",
    permission=Permission.OWNER,
    settings=None,
    integrations={},
    claim=None,
)

OUTAGE = DatabaseFault(Reason.DATABASE_UNAVAILABLE, "The database cannot be reached.")


def resource(spec: Mapping[str, Any] | None = None, uid: str = "u1", **metadata: Any) -> ReleaseSetup:
    given = {
        "tenantId": TENANT,
        "owner": "owner@example.test",
        "github": GITHUB,
        "slack": SLACK,
        **(spec or {}),
    }
    return ReleaseSetup.parse(
        {
            "metadata": {
                "name": "mobile-app",
                "namespace": "falcon",
                "uid": uid,
                "generation": 3,
                "creationTimestamp": "2026-01-01T00:00:00Z",
                **metadata,
            },
            "spec": {name: value for name, value in given.items() if value is not None},
        }
    )


def observe(
    setup: ReleaseSetup | None = None,
    record: TenantRecord | DatabaseFault = OWNER,
    previous: Status | None = None,
    data: Mapping[str, Mapping[str, str]] = DATA,
    version: str = "7",
) -> Observed:
    setup = setup or resource()
    assert isinstance(setup.spec, Spec)
    return Observed(
        setup=setup,
        spec=setup.spec,
        previous=previous or Status(),
        namespace_tenant=TENANT,
        rivals=(),
        holder=None,
        record=record,
        declared=tuple(declared(member, data, version) for member in declarations(setup.spec)),
    )


def declared(member: object, data: Mapping[str, Mapping[str, str]], version: str) -> Declared:
    assert isinstance(member, Declaration)
    if member.secret_ref.name not in data:
        return Declared(member.type, Unknown(Doubt.SECRET_NOT_FOUND, detail="Secret."))
    secret = {key: SecretBytes(value.encode()) for key, value in data[member.secret_ref.name].items()}
    found = read_credential(member, secret)
    if not isinstance(found, Credential):
        return Declared(member.type, found, secret_version=version)
    fingerprint = f"{hash(found.fingerprint_text()):x}"
    return Declared(member.type, found, fingerprint, f"was-{fingerprint}", version)


def run(
    observed: Observed,
    outcomes: Mapping[T, Outcome] | None = None,
    synced: Synced | None = None,
    now: datetime = NOW,
    rules: Rules = RULES,
) -> Status:
    answers: Mapping[T, Outcome] = (
        {d.type: Verified() for d in observed.declared} if outcomes is None else outcomes
    )
    chosen = {d.type for d in choose(observed, rules, now)} if refusal(observed) is None else set()
    decision = decide(observed, rules, {kind: o for kind, o in answers.items() if kind in chosen}, now)
    became = synced or (Committed() if decision.rows else Withheld())
    return conclude(observed, rules, decision, became, now)


def kinds(chosen: tuple[Declared, ...]) -> list[T]:
    return [one.type for one in chosen]


def test_a_new_resource_has_everything_proved() -> None:
    assert kinds(choose(observe(), RULES, NOW)) == [T.GITHUB, T.SLACK]


def test_credentials_that_did_not_open_are_said_until_something_is_proved_anew() -> None:
    first = run(observe(), synced=Committed(frozenset({T.SLACK, T.GITHUB})))
    said = first.condition("Synced")
    assert said is not None
    assert (said.status, said.reason) == ("True", "RowsCommitted")
    assert "credentials of GitHub and Slack did not open" in said.message
    again = observe(previous=first)
    kept = run(again, now=NOW + timedelta(seconds=1)).condition("Synced")
    assert kept is not None
    assert kept.message == said.message
    after = run(again, now=again.schedule.next_tick(NOW)).condition("Synced")
    assert after is not None
    assert after.message == "Delivr's tables say what this resource says."


def test_what_is_not_shown_in_todays_delivr_is_said_of_each_pass_beside_the_sealing() -> None:
    gone, sealing = Committed(missing_tables=("store_credentials",)), "Not shown in tables that are missing"
    resealed = Committed(frozenset({T.SLACK}), ("store_credentials",))
    first = run(observe(), synced=resealed)
    again = observe(previous=first)

    def message(synced: Committed) -> str:
        said = run(again, synced=synced, now=NOW + timedelta(seconds=1)).condition("Synced")
        assert said is not None
        return said.message

    assert "credentials of Slack did not open" in message(gone)
    assert message(gone).endswith(f"{sealing} or have another shape: store_credentials.")
    assert "credentials of Slack did not open" in message(Committed())
    assert sealing not in message(Committed())


def test_what_is_fresh_is_not_proved_again_until_it_is_due() -> None:
    status = run(observe())
    again = observe(previous=status)
    assert choose(again, RULES, NOW + timedelta(seconds=1)) == ()
    due = again.schedule.next_tick(NOW)
    assert kinds(choose(again, RULES, due)) == [T.GITHUB, T.SLACK]


def test_a_second_pass_without_news_changes_nothing() -> None:
    status = run(observe())
    second = run(observe(previous=status), now=NOW + timedelta(seconds=30))
    assert not worth_writing(status, second, RULES, in_rows=True)
    assert transitions(status, second) == ()


def test_a_new_secret_version_is_proved_and_another_content_starts_from_nothing() -> None:
    status = run(observe())
    touched = observe(previous=status, version="8")
    assert kinds(choose(touched, RULES, NOW)) == [T.GITHUB, T.SLACK]
    assert run(touched, {}).integrations[0].verification_status is S.VALID
    other = observe(previous=status, data={**DATA, "github": {"accessToken": "ghp_" + "b" * 36}})
    assert kinds(choose(other, RULES, NOW)) == [T.GITHUB]
    down: Mapping[T, Outcome] = {T.GITHUB: Unknown(Doubt.NETWORK_ERROR)}
    assert run(other, down).integrations[0].verification_status is S.NOT_VERIFIED


@pytest.mark.parametrize(
    ("minutes", "heartbeat", "in_rows", "written"),
    [
        (10, timedelta(hours=1), True, False),
        (59, timedelta(hours=1), True, False),
        (60, timedelta(hours=1), True, True),
        (600, timedelta(), True, False),
        (10, timedelta(hours=1), False, True),
        (10, timedelta(), False, True),
    ],
)
def test_a_newer_proof_of_the_same_is_written_once_a_heartbeat_or_where_no_row_holds_it(
    minutes: int, heartbeat: timedelta, in_rows: bool, written: bool
) -> None:
    status, later = run(observe()), NOW + timedelta(minutes=minutes)
    entries = tuple(e.model_copy(update={"last_verified_at": later}) for e in status.integrations)
    newer = status.model_copy(update={"integrations": entries, "last_verified_at": later})
    assert worth_writing(status, newer, Rules(heartbeat=heartbeat), in_rows=in_rows) is written


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("2026-03-01T12:00:00Z", [T.GITHUB, T.SLACK]),
        ("2026-03-01T12:00:00Z/SLACK", [T.SLACK]),
        ("2026-03-01T12:00:00Z/JENKINS", []),
        ("now", [T.GITHUB, T.SLACK]),
    ],
)
def test_a_request_proves_all_or_the_named_type_and_is_answered_once(asked: str, expected: list[T]) -> None:
    status = run(observe())
    setup = resource(annotations={"release.delivr.live/requestedAt": asked})
    observed = observe(setup, previous=status)
    assert kinds(choose(observed, RULES, NOW)) == expected
    answered = run(observed)
    assert answered.last_handled_reconcile_at == asked
    assert choose(observe(setup, previous=answered), RULES, NOW) == ()


def test_a_provider_that_said_wait_is_not_asked_on_request() -> None:
    limited: Mapping[T, Outcome] = {
        T.GITHUB: Unknown(Doubt.RATE_LIMITED, retry_after=timedelta(hours=2)),
        T.SLACK: Verified(),
    }
    status = run(observe(), limited)
    setup = resource(annotations={"release.delivr.live/requestedAt": "now"})
    observed = observe(setup, previous=status)
    assert kinds(choose(observed, RULES, NOW + timedelta(hours=1))) == [T.SLACK]
    assert kinds(choose(observed, RULES, NOW + timedelta(hours=2))) == [T.GITHUB, T.SLACK]


def test_a_pause_that_a_provider_told_is_kept_for_its_credential_until_it_is_over() -> None:
    told: Mapping[T, Outcome] = {
        T.GITHUB: Unknown(Doubt.RATE_LIMITED, retry_after=timedelta(hours=2)),
        T.SLACK: Unknown(Doubt.TIMED_OUT),
    }
    status = run(observe(), told)
    held = [(one.type, left) for one, left in pauses(observe(previous=status), NOW + timedelta(hours=1))]
    assert held == [(T.GITHUB, timedelta(hours=1))]
    assert list(pauses(observe(previous=status), NOW + timedelta(hours=2))) == []
    other = {**DATA, "github": {"accessToken": "ghp_" + "b" * 36}}
    assert list(pauses(observe(previous=status, data=other), NOW)) == []
    assert list(pauses(observe(previous=status, data={}), NOW)) == []


def test_a_switched_off_type_is_not_proved_and_its_row_is_not_enabled() -> None:
    rules = Rules(disabled=frozenset({T.SLACK}))
    observed = observe()
    assert kinds(choose(observed, rules, NOW)) == [T.GITHUB]
    rows = decide(observed, rules, {T.GITHUB: Verified()}, NOW).rows
    assert rows is not None
    assert {row.type: row.enabled for row in rows.integrations} == {T.GITHUB: True, T.SLACK: False}
    status = run(observed, {T.GITHUB: Verified()}, rules=rules)
    entry = status.entry(T.SLACK)
    assert entry is not None
    assert entry.reason == "Disabled"
    back = observe(previous=status)
    assert kinds(choose(back, RULES, NOW)) == [T.SLACK]


def test_the_rows_are_the_plans() -> None:
    rows = decide(observe(), RULES, {T.GITHUB: Verified(), T.SLACK: Verified()}, NOW).rows
    assert rows is not None
    github = rows.integrations[0]
    assert github.config is not None
    assert dict(github.config) == {
        "accessToken": SecretStr("ghp_" + "a" * 36),
        "organization": "acme",
        "repoName": "mobile-app",
    }
    assert (github.required, rows.integrations[1].required) == (True, False)
    assert (github.status, github.last_verified_at, github.configured_by) == (S.VALID, NOW, "own_7Qx2-")
    assert rows.settings is not None
    assert rows.settings.steps.github_connected
    assert not rows.settings.setup_complete
    assert rows.claim == Claim(
        "u1", "falcon", "mobile-app", datetime(2026, 1, 1, tzinfo=UTC), 3, frozenset({T.GITHUB, T.SLACK})
    )


def test_a_missing_secret_makes_no_row_and_nothing_at_all_makes_no_settings() -> None:
    partly = decide(observe(data={"github": DATA["github"]}), RULES, {T.GITHUB: Verified()}, NOW).rows
    assert partly is not None
    assert [row.type for row in partly.integrations] == [T.GITHUB]
    nothing = decide(observe(data={}), RULES, {}, NOW).rows
    assert nothing is not None
    assert (nothing.settings, nothing.integrations) == (None, ())


def claimed(types: set[T], *, uid: str = "u1") -> TenantRecord:
    claim = Claim(uid, "falcon", "mobile-app", datetime(2026, 1, 1, tzinfo=UTC), 3, frozenset(types))
    return replace(OWNER, claim=claim)


def test_what_was_written_and_is_no_longer_declared_goes_or_is_disabled_and_nothing_else() -> None:
    record = claimed({T.GITHUB, T.SLACK, T.JENKINS})
    rows = decide(observe(record=record), RULES, {}, NOW).rows
    assert rows is not None
    assert (set(rows.removed), set(rows.disabled)) == ({T.JENKINS}, set())
    kept = decide(observe(resource({"deletionPolicy": "Retain"}), record=record), RULES, {}, NOW).rows
    assert kept is not None
    assert (set(kept.removed), set(kept.disabled)) == (set(), {T.JENKINS})
    foreign = decide(observe(record=claimed({T.JENKINS}, uid="other")), RULES, {}, NOW).rows
    assert foreign is not None
    assert (foreign.removed, foreign.disabled) == (frozenset(), frozenset())


def test_a_later_proof_in_the_row_counts_and_a_strangers_row_does_not() -> None:
    status, later = run(observe()), NOW + timedelta(minutes=50)
    row = StoredIntegration(T.GITHUB, True, True, {}, "own_7Qx2-", later, S.VALID)  # noqa: FBT003
    own = replace(claimed({T.GITHUB}), integrations={T.GITHUB: row})
    other = replace(claimed({T.GITHUB}, uid="other"), integrations={T.GITHUB: row})
    of_own, of_other = observe(record=own, previous=status), observe(record=other, previous=status)
    assert [of.before(of.declared[0], later).last_verified_at for of in (of_own, of_other)] == [later, NOW]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"namespace_tenant": None}, Reason.NAMESPACE_NOT_BOUND),
        ({"namespace_tenant": "kp3xq7_m-z"}, Reason.TENANT_MISMATCH),
        ({"record": replace(OWNER, exists=False)}, Reason.TENANT_NOT_FOUND),
        ({"record": replace(OWNER, account_id=None, permission=Permission.NONE)}, Reason.OWNER_NOT_FOUND),
        ({"record": replace(OWNER, permission=Permission.EDITOR)}, Reason.NOT_OWNER),
        ({"record": replace(OWNER, permission=Permission.VIEWER)}, Reason.NOT_OWNER),
        ({"record": replace(OWNER, permission=Permission.NONE)}, Reason.NOT_OWNER),
        (
            {"rivals": (resource(uid="u0", name="older"),)},
            Reason.TENANT_CONFLICT,
        ),
        (
            {"holder": Claim("u0", "else", "where", datetime(2025, 1, 1, tzinfo=UTC), 1, frozenset())},
            Reason.TENANT_CONFLICT,
        ),
    ],
)
def test_a_refused_resource_writes_nothing_and_says_why(change: dict[str, Any], reason: Reason) -> None:
    observed = replace(observe(), **change)
    found = refusal(observed)
    assert found is not None
    assert found.reason == reason
    decision = decide(observed, RULES, {}, NOW)
    assert decision.rows is None
    status = conclude(observed, RULES, decision, Withheld(), NOW)
    states = {c.type: (c.status, c.reason) for c in status.conditions}
    assert states["Ready"] == states["Synced"] == ("False", reason)
    assert states["Stalled"] == ("True", reason)
    assert next_pass(observed, decision, RULES, Withheld(), NOW) == NOW + timedelta(minutes=1)


def test_the_older_of_two_rivals_is_not_refused() -> None:
    younger = resource(uid="u2", name="younger")
    latest = resource(uid="u0", name="latest", creationTimestamp="2026-02-01T00:00:00Z")
    assert refusal(replace(observe(), rivals=(younger, latest))) is None


def test_a_conflict_that_only_the_database_knows_of_is_said_the_same_way() -> None:
    observed = observe()
    status = run(observed, synced=conflict(Key("else", "where")))
    ready = status.condition("Ready")
    assert ready is not None
    assert ready.reason == "TenantConflict"
    assert status.committed_generation is None


@pytest.fixture(scope="module")
def play() -> dict[str, dict[str, str]]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {**DATA, "play": {"serviceAccountEmail": "sa@p.iam.gserviceaccount.com", "privateKey": pem}}


def test_completion_is_noted_once_kept_and_cleared(play: dict[str, dict[str, str]]) -> None:
    store = {"packageName": "com.acme.app", "secretRef": {"name": "play"}}
    spec = {"targets": ["PLAY_STORE"], "platforms": ["ANDROID"], "playStore": store}
    setup = resource(spec)
    first = decide(observe(setup, data=play), RULES, dict.fromkeys(T, Verified()), NOW)
    assert first.completed_at == NOW
    assert first.rows is not None
    assert first.rows.settings is not None
    assert first.rows.settings.completed_by == "own_7Qx2-"

    stands = replace(OWNER, account_id="own_other", settings=first.rows.settings)
    later = NOW + timedelta(days=1)
    kept = decide(observe(setup, stands, data=play), RULES, dict.fromkeys(T, Verified()), later)
    assert kept.completed_at == NOW
    assert kept.rows is not None
    assert kept.rows.settings == first.rows.settings

    for silent in (resource({**spec, "suspend": True}), setup):
        record: TenantRecord | DatabaseFault = OUTAGE if silent is setup else OWNER
        once = run(observe(silent, record, data=play), synced=OUTAGE if silent is setup else None)
        assert once.completed_at == NOW
        again = observe(silent, record, previous=once, data=play)
        second = run(again, synced=OUTAGE if silent is setup else None, now=NOW + timedelta(minutes=1))
        assert not worth_writing(once, second, RULES, in_rows=False)

    lost = decide(
        observe(setup, stands, data=play),
        RULES,
        {**dict.fromkeys(T, Verified()), T.PLAY_STORE: Rejected(Rejection.REVOKED)},
        later,
    )
    assert lost.completed_at is None
    assert lost.rows is not None
    assert lost.rows.settings is not None
    assert lost.rows.settings.completed_by is None
    assert {row.type for row in lost.rows.integrations if row.required} == {T.GITHUB, T.PLAY_STORE}


@pytest.mark.parametrize(
    ("edit", "by"),
    [
        ({"setup_complete": False}, "own_other"),
        ({"completed_at": NOW - timedelta(days=900)}, "own_other"),
        ({"setup_complete": False, "completed_at": None, "completed_by": None}, "own_7Qx2-"),
        ({"completed_by": None}, None),  # the account is gone, and so is what it did
    ],
)
def test_a_completion_that_was_edited_in_the_row_is_put_right(
    play: dict[str, dict[str, str]], edit: dict[str, Any], by: str | None
) -> None:
    store = {"packageName": "com.acme.app", "secretRef": {"name": "play"}}
    spec = {"targets": ["PLAY_STORE"], "platforms": ["ANDROID"], "playStore": store}
    setup, answers = resource(spec), dict.fromkeys(T, Verified())
    first = decide(observe(setup, data=play), RULES, answers, NOW)
    assert first.rows is not None
    assert first.rows.settings is not None
    row = replace(first.rows.settings, **({"completed_by": "own_other"} | edit))
    record = replace(OWNER, settings=row, claim=first.rows.claim)
    status = run(observe(setup, data=play))

    mended = decide(
        observe(setup, record, previous=status, data=play), RULES, answers, NOW + timedelta(days=1)
    )
    assert mended.completed_at == NOW
    assert mended.rows is not None
    assert mended.rows.settings is not None
    assert (mended.rows.settings.setup_complete, mended.rows.settings.completed_at) == (True, NOW)
    assert mended.rows.settings.completed_by == by


def test_a_verdict_under_the_previous_key_stands_and_is_noted_under_the_new_one() -> None:
    proved = run(observe())
    former = tuple(
        entry.model_copy(update={"fingerprint": f"was-{entry.fingerprint}"}) for entry in proved.integrations
    )
    observed = observe(previous=proved.model_copy(update={"integrations": former}))
    assert choose(observed, RULES, NOW) == ()
    again = run(observed)
    assert again.integrations == proved.integrations
    assert worth_writing(observed.previous, again, RULES, in_rows=True)
    stranger = tuple(entry.model_copy(update={"fingerprint": "0" * 16}) for entry in proved.integrations)
    changed = observe(previous=proved.model_copy(update={"integrations": stranger}))
    assert kinds(choose(changed, RULES, NOW)) == [T.GITHUB, T.SLACK]


@pytest.mark.parametrize("drift", [timedelta(), timedelta(seconds=5)])
def test_rows_are_looked_at_within_an_interval_and_sooner_where_that_is_set(drift: timedelta) -> None:
    rules, observed = replace(RULES, drift=drift), observe()
    decision = decide(observed, rules, dict.fromkeys(T, Verified()), NOW)
    longest = drift or observed.spec.interval
    assert NOW < next_pass(observed, decision, rules, Committed(), NOW) <= NOW + longest
    withheld = next_pass(observed, decision, rules, Withheld(), NOW)
    assert withheld > NOW + timedelta(seconds=5)


def test_an_outage_of_the_database_is_said_and_verification_goes_on() -> None:
    observed = observe(record=OUTAGE)
    assert kinds(choose(observed, RULES, NOW)) == [T.GITHUB, T.SLACK]
    status = run(observed, synced=OUTAGE)
    synced = status.condition("Synced")
    assert synced is not None
    assert (synced.status, synced.reason) == ("False", "DatabaseUnavailable")
    assert {entry.verification_status for entry in status.integrations} == {S.VALID}


LINEAR = {"teamId": "MOB", "secretRef": {"name": "linear"}}
BAD: Outcome = Rejected(Rejection.BAD_CREDENTIALS)


@pytest.mark.parametrize(
    ("at_commit", "secret_at_commit"),
    [
        pytest.param({}, {"linear": {"apiKey": "lin_api_a"}}, id="nothing changed"),
        pytest.param(
            {T.LINEAR: BAD}, {"linear": {"apiKey": "lin_api_a"}}, id="a type of no step was refused"
        ),
        pytest.param({T.GITHUB: BAD}, {"linear": {"apiKey": "lin_api_a"}}, id="a step was not done"),
        pytest.param({}, {"linear": {"apiKey": "lin_api_b"}}, id="another credential"),
    ],
)
def test_an_outage_of_the_database_leaves_ready_only_what_the_rows_already_say(
    play: dict[str, dict[str, str]],
    at_commit: dict[T, Outcome],
    secret_at_commit: dict[str, dict[str, str]],
) -> None:
    store = {"packageName": "com.acme.app", "secretRef": {"name": "play"}}
    setup = resource(
        {"targets": ["PLAY_STORE"], "platforms": ["ANDROID"], "playStore": store, "linear": LINEAR}
    )
    good = dict.fromkeys(T, Verified())
    asked = setup.model_copy(update={"requested_at": "now"})
    then = {**play, **secret_at_commit}
    status = run(observe(setup, data=then), {**good, **at_commit})
    now = {**play, "linear": {"apiKey": "lin_api_a"}}
    for minute in (1, 2, 3):
        observed = observe(asked, OUTAGE, previous=status, data=now)
        status = run(observed, good, OUTAGE, NOW + timedelta(minutes=minute))
        assert {entry.verification_status for entry in status.integrations} == {S.VALID}
        ready = status.condition("Ready")
        assert ready is not None
        same = not at_commit and then == now
        assert ready.status == ("True" if same else "False")
        assert same or ready.reason == "DatabaseUnavailable"
    back = run(observe(asked, previous=status, data=now), good, now=NOW + timedelta(minutes=4))
    assert back.condition("Ready").status == "True"  # type: ignore[union-attr]


def test_selected_targets_are_worth_a_settings_row_of_their_own() -> None:
    spec = {"targets": ["PLAY_STORE"], "platforms": ["ANDROID"], "github": None, "slack": None}
    rows = decide(observe(resource(spec)), RULES, {}, NOW).rows
    assert rows is not None
    assert rows.settings is not None
    assert rows.settings.steps.target_platforms_configured
    nothing = decide(observe(resource({"github": None, "slack": None})), RULES, {}, NOW).rows
    assert nothing is not None
    assert nothing.is_empty


def test_a_suspended_resource_is_proved_and_writes_no_row() -> None:
    observed = observe(resource({"suspend": True}))
    assert decide(observed, RULES, {}, NOW).rows is None
    status = run(observed)
    assert [
        c.type for c in status.conditions if c.status == "True" and c.type in ("Reconciling", "Stalled")
    ] == ["Stalled"]  # no target is selected, which only a person can change
    assert {entry.verification_status for entry in status.integrations} == {S.VALID}


def test_an_unreadable_spec_keeps_what_was_known() -> None:
    before = run(observe())
    setup = resource().model_copy(update={"raw_status": before.as_json(), "generation": 4})
    status = unreadable(setup, InvalidSpec(problems=("spec.owner: Field required",)), NOW)
    assert status.observed_generation == 4
    assert status.integrations == before.integrations
    assert "spec.owner: Field required" in status.message


def test_the_status_survives_its_own_json() -> None:
    status = run(observe())
    assert Status.parse(status.as_json()) == status


OUTCOMES = st.sampled_from(
    [
        Verified(),
        Verified(expires_at=NOW + timedelta(days=3)),
        Rejected(Rejection.BAD_CREDENTIALS),
        Rejected(Rejection.TARGET_NOT_FOUND),
        Expired(),
        Unknown(Doubt.TIMED_OUT),
        Unknown(Doubt.RATE_LIMITED, retry_after=timedelta(minutes=5)),
    ]
)


@settings(max_examples=200, deadline=None)  # a busy machine is no finding
@given(st.lists(st.tuples(OUTCOMES, st.integers(1, 7200), st.booleans()), min_size=1, max_size=12))
def test_whatever_happens_the_status_keeps_its_shape(history: list[tuple[Outcome, int, bool]]) -> None:
    status, now = Status(), NOW
    for outcome, seconds, database in history:
        now += timedelta(seconds=seconds)
        record = OWNER if database else OUTAGE
        observed = observe(record=record, previous=status)
        was = status.entry(T.GITHUB)
        status = run(
            observed, {T.GITHUB: outcome, T.SLACK: outcome}, Committed() if database else OUTAGE, now
        )
        entry = status.entry(T.GITHUB)
        assert entry is not None
        if was and was.verification_status is S.VALID and isinstance(outcome, Unknown):
            assert entry.verification_status is S.VALID
        types = {c.type for c in status.conditions}
        assert not {"Reconciling", "Stalled"} <= types
        assert {c.observed_generation for c in status.conditions} == {3}
        assert Status.parse(status.as_json()) == status.model_copy(
            update={"conditions": Status.parse(status.as_json()).conditions}
        )
        decision = decide(observed, RULES, {}, now)
        assert next_pass(observed, decision, RULES, Committed(), now) > now


def events(before: Status, after: Status) -> list[tuple[bool, str]]:
    return [(one.normal, one.reason) for one in transitions(before, after)]


def test_events_tell_of_flips_and_of_an_end_that_comes_near_once() -> None:
    refused = run(replace(observe(), namespace_tenant=None))
    assert events(Status(), refused) == [(False, "NamespaceNotBound")]
    soon: Mapping[T, Outcome] = {T.GITHUB: Verified(expires_at=NOW + timedelta(days=13)), T.SLACK: Verified()}
    proved = run(observe(previous=refused), soon)
    assert events(refused, proved) == [(False, "ExpiresSoon"), (False, "TargetsMissing")]
    assert transitions(refused, proved)[-1].message.startswith("GitHub, Slack are verified. ")
    due = NOW + timedelta(hours=2)
    again = run(observe(previous=proved), soon, now=due)
    assert events(proved, again) == []
    revoked: Mapping[T, Outcome] = {T.GITHUB: Expired(), T.SLACK: Verified()}
    lost = run(observe(previous=again), revoked, now=due + timedelta(hours=2))
    assert events(again, lost) == [(False, "CredentialExpired"), (False, "CredentialExpired")]


def test_the_finalizer_stands_exactly_while_rows_are_written_that_a_deletion_would_delete() -> None:
    held = claimed({T.GITHUB})
    assert is_to_be_held(observe()) is True
    assert is_to_be_held(observe(record=OUTAGE)) is None, "nobody knows whether there are rows"
    assert is_to_be_held(replace(observe(), namespace_tenant=None)) is False
    assert is_to_be_held(replace(observe(record=held), namespace_tenant=None)) is True
    assert is_to_be_held(observe(resource({"suspend": True}))) is False
    assert is_to_be_held(observe(resource({"suspend": True}), held)) is True
    assert is_to_be_held(observe(resource({"deletionPolicy": "Retain"}))) is False
    assert is_to_be_held(observe(resource({"deletionPolicy": "Retain"}), held)) is False


def test_what_has_nothing_to_say_yet_is_left_as_it_is() -> None:
    waiting = observe(resource({"targets": []}), data={})
    assert is_to_be_held(waiting) is None
    rows = decide(waiting, RULES, {}, NOW).rows
    assert rows is not None
    assert rows.is_empty
    assert is_to_be_held(observe(resource({"targets": ["APP_STORE"], "platforms": ["IOS"]}), data={})) is True
