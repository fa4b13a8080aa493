"""Every row that can be is declared so that the operator would write the same; every other one is named."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from delivr_operator import adoption as adoption_module
from delivr_operator.adoption import Adopting, Adoption, Owner, WantedSecret, unproved
from delivr_operator.outcome import IntegrationType as T
from delivr_operator.outcome import VerificationStatus as S
from delivr_operator.providers.declaration import Credential, Declaration, declarations, read_credential
from delivr_operator.resource import Platform, Spec, Steps, Target, parse_spec
from delivr_operator.rows import Config, Permission, SettingsRow, StoredIntegration, TenantRecord
from delivr_operator.sealing import Sealer
from tests.unit.providers.samples import credential, data, leaks, samples

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEALER = Sealer(SecretStr("a1" * 32))
OWNER, OTHER = Owner("own_7Qx2-", "owner@example.test"), Owner("own_other", "owner2@example.test")
SETTINGS = SettingsRow(
    steps=Steps(
        github_connected=True,
        target_platforms_configured=True,
        platform_credentials_configured=True,
        cicd_configured=True,
        slack_configured=True,
    ),
    setup_complete=True,
    completed_at=datetime(2025, 1, 2, tzinfo=UTC),
    completed_by=OWNER.id,
    targets=(Target.PLAY_STORE, Target.APP_STORE),
    platforms=(Platform.ANDROID, Platform.IOS),
)
REQUIRED = {T.GITHUB, T.APP_STORE_CONNECT, T.PLAY_STORE}


def row(kind: T, config: Config | None = None, **changes: Any) -> StoredIntegration:
    stored = SEALER.seal_config(credential(kind).row_config() if config is None else config)
    found = StoredIntegration(
        type=kind,
        enabled=True,
        required=kind in REQUIRED,
        config=stored,
        configured_by=OWNER.id,
        last_verified_at=NOW,
        status=S.VALID,
    )
    return replace(found, **changes)


def tenant(settings: SettingsRow | None, rows: Mapping[T, StoredIntegration]) -> TenantRecord:
    return TenantRecord(
        exists=True,
        account_id=None,
        permission=Permission.NONE,
        settings=settings,
        integrations=rows,
        claim=None,
    )


def adopt(
    *rows: StoredIntegration,
    settings: SettingsRow | None = SETTINGS,
    owners: tuple[Owner, ...] = (OWNER, OTHER),
    allow_changes: bool = False,
) -> Adoption:
    everything = {kind: row(kind) for kind in samples()} | {one.type: one for one in rows}
    record = tenant(settings, everything)
    return Adopting("Kp3xQ7_m-Z", record, owners, SEALER, NOW, allow_changes).result()


def read_again(adoption: Adoption) -> dict[T, Credential]:
    """What the operator would read from what is applied."""
    spec = parse_spec(json.loads(json.dumps(adoption.spec)))
    assert isinstance(spec, Spec)
    secrets = {one.name: {k: v.get_secret_value() for k, v in one.values.items()} for one in adoption.secrets}
    found = {}
    for member in declarations(spec):
        assert isinstance(member, Declaration), member
        one = read_credential(member, data(secrets[member.secret_ref.name]))
        assert isinstance(one, Credential), one
        found[member.type] = one
    return found


def test_every_type_is_declared_so_that_its_row_stays_as_it_is() -> None:
    adoption = adopt()
    assert (dict(adoption.left_out), adoption.changes) == ({}, ())
    again = read_again(adoption)
    assert set(again) == set(samples())
    for kind in samples():
        assert SEALER.same_config(row(kind).config, again[kind].row_config())
    assert adoption.spec["owner"] == "owner@example.test"
    assert adoption.spec["targets"] == ["PLAY_STORE", "APP_STORE"]
    assert adoption.spec["deletionPolicy"] == "Retain"
    assert "apiToken" not in adoption.spec["jenkins"]
    assert not [kind for kind in samples() if leaks(repr(adoption) + json.dumps(adoption.spec), kind)]


def test_a_secret_names_the_host_that_it_is_for() -> None:
    hosts = {one.name: one.allowed_host for one in adopt().secrets}
    assert hosts["jenkins"] == "jenkins.acme.example"
    assert hosts["github"] is None
    assert (hosts["app-store-connect"], hosts["test-rail"]) == (None, "tests.acme.example")


def test_workflows_without_a_repository_of_their_own_go_with_githubs() -> None:
    workflows = row(T.GITHUB_ACTIONS, {"workflows": credential(T.GITHUB_ACTIONS).row_config()["workflows"]})
    adoption = adopt(workflows)
    assert adoption.left_out == {}
    assert "secretRef" not in adoption.spec["githubActions"]
    assert "github-actions" not in {one.name for one in adoption.secrets}
    orphaned = adopt(workflows, row(T.GITHUB, {"accessToken": "in clear"}))
    assert set(orphaned.left_out) == {T.GITHUB, T.GITHUB_ACTIONS}
    assert "githubActions" not in orphaned.spec


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (row(T.SLACK, enabled=False), "would change: isEnabled"),
        (row(T.SLACK, required=True), "would change: isRequired"),
        (row(T.SLACK, configured_by="own_other"), "would change: configuredByAccountId"),
        (
            row(
                T.SLACK, {k: v for k, v in credential(T.SLACK).row_config().items() if k != "notifyOnEvents"}
            ),
            "would change: config.notifyOnEvents",
        ),
        (row(T.SLACK, {**credential(T.SLACK).row_config(), "botToken": "xoxb-in-clear"}), "config.botToken"),
    ],
)
def test_a_row_that_would_change_is_left_out_unless_that_is_allowed(
    change: StoredIntegration, said: str
) -> None:
    strict = adopt(change)
    assert said in strict.left_out[T.SLACK]
    assert "slack" not in strict.spec
    assert not {"slack"} & {one.name for one in strict.secrets}
    allowed = adopt(change, allow_changes=True)
    assert allowed.left_out == {}
    assert any(
        line.startswith("SLACK: ") and said.removeprefix("would change: ") in line for line in allowed.changes
    )


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"accessToken": Sealer(SecretStr("ff" * 32)).seal(SecretStr("x")), "organization": "a"},
            "do not open",
        ),
        ({"accessToken": 7, "organization": "acme", "repoName": "app"}, "no text: accessToken"),
        ({"accessToken": SecretStr("ghp_1"), "organization": "acme"}, "spec.github.repoName"),
        (
            {"accessToken": SecretStr("g"), "organization": "a", "repoName": "b", "more": 1},
            "spec.github.more",
        ),
        (
            {"accessToken": SecretStr("g"), "organization": SecretStr("hidden-7"), "repoName": "b"},
            "organization",
        ),
        ({"organization": "acme", "repoName": "app"}, "lacks the key accessToken"),
    ],
)
def test_a_row_that_cannot_be_declared_is_named_with_the_reason(config: Config, said: str) -> None:
    adoption = adopt(row(T.GITHUB, config), allow_changes=True)
    assert said in adoption.left_out[T.GITHUB]
    assert "hidden-7" not in json.dumps(adoption.spec) + repr(adoption)


def test_a_type_that_the_operator_does_not_know_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(adoption_module._PROVIDERS, T.LINEAR)
    adoption = adopt()
    assert dict(adoption.left_out) == {T.LINEAR: "this operator has no such integration"}
    assert "linear" not in adoption.spec


def test_the_owner_is_who_configured_most_then_who_completed() -> None:
    rows = [row(kind, configured_by="own_other") for kind in samples()]
    assert adopt(*rows).spec["owner"] == "owner2@example.test"
    assert adopt(*rows).left_out == {}
    nobody = [row(kind, configured_by="gone") for kind in samples()]
    by_other = replace(SETTINGS, completed_by="own_other")
    assert adopt(*nobody, settings=by_other, allow_changes=True).spec["owner"] == "owner2@example.test"
    assert adopt(owners=(Owner("own_7Qx2-", ""),)).spec["owner"] == "own_7Qx2-"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (None, "tenant_release_settings: a row is made"),
        (replace(SETTINGS, completed_at=None), "tenant_release_settings: setupCompletedAt"),
        (replace(SETTINGS, steps=Steps()), "githubConnected"),
        (replace(SETTINGS, platforms=(Platform.ANDROID,)), "needs platform IOS"),
    ],
)
def test_what_would_change_in_the_settings_is_told(settings: SettingsRow | None, said: str) -> None:
    assert said in " ".join(adopt(settings=settings, allow_changes=True).changes)


def test_a_key_with_a_line_break_after_it_is_the_same_key() -> None:
    config = credential(T.PLAY_STORE).row_config()
    key = config["privateKey"]
    assert isinstance(key, SecretStr)
    pasted = row(T.PLAY_STORE, {**config, "privateKey": SecretStr(f"{key.get_secret_value()}\n")})
    assert adopt(pasted).left_out == {}
    token = {**credential(T.SLACK).row_config(), "botToken": SecretStr("xoxb-1\n")}
    assert "config.botToken" in adopt(row(T.SLACK, token)).left_out[T.SLACK]


def test_what_is_not_valid_is_told() -> None:
    record = tenant(None, {T.SLACK: row(T.SLACK, status=S.INVALID), T.JIRA: row(T.JIRA)})
    assert unproved(record) == (T.SLACK,)
    assert "xoxb" not in repr(WantedSecret("slack", {"botToken": SecretStr("xoxb-1")}))
