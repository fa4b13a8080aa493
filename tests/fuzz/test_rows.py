"""Whatever others wrote into a tenant's rows is read, compared, re-sealed and exported, or told of."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import yaml
from hypothesis import example
from hypothesis import strategies as st
from pydantic import SecretStr

from delivr_operator.adoption import Adopting, Owner
from delivr_operator.database.connection import Wire
from delivr_operator.database.reading import parse_claim, parse_integrations, parse_settings, parsed_json
from delivr_operator.database.rotation import Resealer
from delivr_operator.database.sync import Comparison, Stored
from delivr_operator.exporting import Exported, Place
from delivr_operator.outcome import IntegrationType, VerificationStatus
from delivr_operator.resealing import Resealed, Rotation, Turn
from delivr_operator.resource import Steps
from delivr_operator.rows import Claim, DesiredIntegration, DesiredRows, Permission, SettingsRow, TenantRecord
from delivr_operator.sealing import CannotOpen, Envelope, Sealer, looks_sealed
from tests.fuzz.garbage import CANARY, documents, leaves, texts, thrown
from tests.unit.providers.samples import credential

SEALER = Sealer(SecretStr("5e" * 32))
UTC_NOW = datetime(2026, 5, 1, tzinfo=UTC)

JSON_TEXTS = (
    documents().map(json.dumps)
    | st.text(max_size=30)
    | st.sampled_from(
        ["9" * 5000, "[" * 5000, "1e999", "NaN", "", "null", '"\\ud800"', '{"accessToken": "\\ud800"}']
    )
)
TIMES = st.none() | st.datetimes() | st.just("0000-00-00 00:00:00")
FLAGS = st.none() | st.integers(-128, 127)
WORDS = st.none() | texts | st.sampled_from([*VerificationStatus, *IntegrationType])
DESIRED = DesiredIntegration(
    type=IntegrationType.GITHUB,
    enabled=True,
    required=True,
    config={"accessToken": SecretStr(CANARY), "organization": "acme", "nested": {"key": SecretStr(CANARY)}},
    configured_by="own",
    last_verified_at=UTC_NOW,
    status=VerificationStatus.VALID,
)
COLUMNS = ("isEnabled", "isRequired", "configuredByAccountId", "lastVerifiedAt", "verificationStatus")


@st.composite
def integration_rows(draw: st.DrawFn) -> Mapping[str, Any]:
    return {
        "integrationType": draw(st.sampled_from([*IntegrationType]) | texts),
        "isEnabled": draw(FLAGS),
        "isRequired": draw(FLAGS),
        "config": draw(JSON_TEXTS | st.none()),
        "configuredByAccountId": "own_7Qx2-",
        "lastVerifiedAt": draw(TIMES),
        "verificationStatus": draw(WORDS),
    }


ROW = dict.fromkeys(COLUMNS) | {"integrationType": "GITHUB", "config": "{}"}


@thrown(row=integration_rows())
@example(row=ROW | {"lastVerifiedAt": "0000-00-00 00:00:00"})
@example(row=ROW | {"config": '{"x": ' + "9" * 5000 + "}"})
@example(row=ROW | {"config": "[" * 100_000})
@example(row=ROW | {"verificationStatus": "WHAT"})
@example(row=ROW | {"config": '{"accessToken": "\\ud800", "organization": "acme", "nested": {"key": 1}}'})
def test_a_row_of_somebody_else_is_read_and_compared(row: Mapping[str, Any]) -> None:
    found = parse_integrations([row])
    assert CANARY not in repr(found.values())
    claim = Claim("u", "ns", "n", UTC_NOW, 1, frozenset())
    desired = DesiredRows("t", claim, None, (DESIRED,))
    comparison = Comparison(desired, Stored(claim, None, {"GITHUB": row}), SEALER)
    writes = list(comparison.writes())
    assert len(writes) == 1
    assert CANARY not in repr([dict(one.values) for one in writes])


SETTINGS_COLUMNS = (
    *("githubConnected", "targetPlatformsConfigured", "platformCredentialsConfigured", "cicdConfigured"),
    *("slackConfigured", "setupComplete"),
)


@thrown(flags=FLAGS, moment=TIMES, targets=JSON_TEXTS | st.none(), by=st.none() | texts)
def test_a_settings_row_of_somebody_else_is_read_and_compared(
    flags: Any, moment: Any, targets: Any, by: Any
) -> None:
    row = dict.fromkeys(SETTINGS_COLUMNS, flags) | {"setupCompletedAt": moment, "selectedTargets": targets}
    row |= {"selectedPlatforms": targets, "setupCompletedByAccountId": by}
    assert isinstance(parse_settings(row), SettingsRow)
    claim = Claim("u", "ns", "n", UTC_NOW, 1, frozenset())
    wanted = SettingsRow(Steps(), True, UTC_NOW, "own", (), ())  # noqa: FBT003 - positional as in the table
    comparison = Comparison(DesiredRows("t", claim, wanted, ()), Stored(claim, row, {}), SEALER)
    assert len(list(comparison.writes())) == 1


@thrown(types=JSON_TEXTS)
def test_a_claim_lists_known_types_only(types: str) -> None:
    row = {"resourceUid": "u", "namespace": "a", "name": "b", "resourceCreatedAt": datetime(2026, 1, 1)}  # noqa: DTZ001
    claim = parse_claim(row | {"generation": 1, "integrationTypes": types})
    assert claim.types <= set(IntegrationType)


@thrown(text=JSON_TEXTS)
def test_json_is_read_or_counts_as_nothing(text: str) -> None:
    parsed_json(text)


SEALED = SEALER.seal(SecretStr(CANARY))


@st.composite
def altered(draw: st.DrawFn) -> str:
    start = draw(st.integers(0, len(SEALED)))
    end = draw(st.integers(start, len(SEALED)))
    return SEALED[:start] + draw(st.text("0123456789abcdefg:", max_size=6)) + SEALED[end:]


@thrown(text=texts | altered() | st.text(alphabet="0123456789abcdef:=+/\u0660", max_size=200))
def test_only_what_was_sealed_opens(text: str) -> None:
    try:
        opened = SEALER.open(text)
    except CannotOpen as error:
        assert len(text) < len(CANARY) or text not in str(error)
    else:
        assert opened.get_secret_value() == CANARY
        assert text.lower() == SEALED
    looks_sealed(text)


@thrown(text=st.text())
def test_what_is_sealed_opens_to_itself(text: str) -> None:
    sealed = SEALER.seal(SecretStr(text))
    assert looks_sealed(sealed)
    assert SEALER.open(sealed).get_secret_value() == text


@thrown(stored=documents(st.sampled_from(["accessToken", "organization", "nested", "key"])), leaf=leaves)
def test_comparing_with_any_stored_config_ends(stored: Any, leaf: Any) -> None:
    for found in (stored, {"accessToken": leaf, "organization": leaf, "nested": stored}):
        try:
            assert DESIRED.config is not None
            assert SEALER.same_config(found, DESIRED.config) is False
        except CannotOpen as error:
            assert CANARY not in str(error)


def test_the_other_envelope_is_told_apart() -> None:
    other = Sealer(SecretStr("5e" * 32), SecretStr("p" * 32), Envelope.PBKDF2)
    with pytest.raises(CannotOpen):
        SEALER.open(other.seal(SecretStr("x")))


def nested(depth: int) -> str:
    return '{"accessToken": ' + "[" * depth + "]" * depth + "}"


HALF = '{"accessToken": "\\ud800", "organization": "acme"}'
UNREADABLE = [
    "[" * 100_000,
    '{"x": ' + "9" * 5000 + "}",
    nested(300),
    nested(900),
    HALF,
    "{",
    "\0",
    "[NaN]",
    "1e999",
]
CONFIGS = JSON_TEXTS | documents(st.sampled_from(["accessToken", "organization", "repoName"])).map(json.dumps)
FORMER, NEW = Sealer(SecretStr("ab" * 32)), Sealer(SecretStr("cd" * 32))
SEALED_FIELDS = frozenset({"accessToken", "key"})


@pytest.mark.parametrize("text", UNREADABLE, ids=lambda text: f"{text[:12]} {len(text)}")
def test_what_cannot_be_read_is_no_config_that_may_be_forgotten(text: str) -> None:
    assert parsed_json(text) is None
    assert turned(NEW, FORMER, "GITHUB", text).turn is Turn.UNOPENABLE


def turned(new: Sealer, old: Sealer, kind: str, text: str | None) -> Resealed:
    resealer = Resealer(cast("Wire", None), Rotation(new, (old,), seal_clear=True), lambda _: SEALED_FIELDS)
    return resealer._row("t", {"integrationType": kind, "config": cast("str", text)}).result


@thrown(text=CONFIGS | st.none(), kind=texts)
@example(text=nested(90), kind="GITHUB")
def test_any_config_is_sealed_anew_or_told_of(text: str | None, kind: str) -> None:
    result = turned(NEW, FORMER, kind, text)
    assert CANARY not in repr(result)
    if result.turn is Turn.MOVED:
        again = turned(NEW, FORMER, kind, json.dumps(result.config))
        assert again.turn is Turn.STANDS
        assert again.in_clear == ()


OWNED = TenantRecord(
    exists=True,
    account_id=None,
    permission=Permission.NONE,
    settings=SettingsRow(Steps(), True, UTC_NOW, "own", (), ()),  # noqa: FBT003 - positional as in the table
    integrations={},
    claim=None,
)


NAMES = st.sampled_from(
    [*("accessToken", "token", "url", "projectId", "ios", "channels", "pipelines", "certificateP12"), "name"]
)
"""Names of a row's fields are told of; only values never are."""


@thrown(
    kind=st.sampled_from([*IntegrationType]),
    changes=st.dictionaries(
        NAMES | st.text(max_size=8),
        documents(NAMES) | st.just(SEALED),
        max_size=4,
    ),
    text=documents(NAMES | st.text(max_size=8)).map(json.dumps) | st.none(),
    changed=st.booleans(),
    anyhow=st.booleans(),
)
def test_any_row_is_exported_or_left_out(
    kind: IntegrationType, changes: dict[str, Any], text: str | None, changed: bool, anyhow: bool
) -> None:
    good = SEALER.seal_config(credential(kind).row_config())
    config = json.dumps({**good, **changes}) if changed else text
    record = replace(
        OWNED, integrations=parse_integrations([ROW | {"integrationType": kind, "config": config}])
    )
    found = Adopting("t", record, (Owner("own", "o@example.test"),), SEALER, UTC_NOW, anyhow).result()
    exported = Exported(found, record, "t", Place(None))
    assert CANARY not in repr(exported)
    told = list(exported.report())
    assert all(line.isprintable() and CANARY not in line for line in told), told
    for with_secrets in (True, False):
        list(yaml.safe_load_all(exported.documents(with_secrets=with_secrets)))
