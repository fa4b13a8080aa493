"""Ids that tell who made a row, and the addresses that people would open."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from delivr_operator.outcome import IntegrationType as T
from delivr_operator.outcome import VerificationStatus
from delivr_operator.projection import Category, Projected, is_own, own_id
from delivr_operator.rows import Claim, Clear, Config, DesiredIntegration, DesiredRows
from delivr_operator.showing import project

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def projected(stored: dict[T, Config] | None = None, /, **configs: Config | None) -> list[Projected]:
    rows = tuple(
        DesiredIntegration(
            type=T[name],
            enabled=True,
            required=False,
            config=config,
            configured_by="own",
            last_verified_at=NOW,
            status=VerificationStatus.VALID,
        )
        for name, config in configs.items()
    )
    claim = Claim("uid", "falcon", "setup", NOW, 1, frozenset())
    return list(project(DesiredRows("tenant", claim, None, rows), stored or {}))


@given(st.text(max_size=40), st.sampled_from(Category), st.text(max_size=40), st.text(max_size=40))
def test_an_id_tells_that_the_operator_made_the_row_and_for_whom(
    tenant: str, table: Category, slot: str, other: str
) -> None:
    made = own_id(tenant, table, slot)
    assert (len(made), made.isalnum(), made.lower()) == (21, True, made)
    assert is_own(tenant, made)
    assert not is_own(tenant, f"xx{made[2:]}")
    assert is_own(other, made) is (other == tenant)
    assert own_id(tenant, table, slot) == made
    assert (own_id(tenant, table, other) == made) is (slot == other)


@pytest.mark.parametrize("made", ["", "rs", "V1StGXR8_Z5jdHi6B-myT", "rsaaaaaaaaaaaaaaaaaaa"])
def test_ids_of_others_are_not_taken_for_the_operators(made: str) -> None:
    assert not is_own("tenant", made)


@pytest.mark.parametrize(
    ("kind", "config", "url"),
    [
        ("GITHUB", {"organization": "a", "repoName": "b"}, "https://github.com/a/b"),
        (
            "GITHUB",
            {"organization": "a", "repoName": "b", "apiUrl": "https://ghe.test:8443/api/v3"},
            "https://ghe.test:8443/a/b",
        ),
        (
            "GITHUB",
            {"organization": "a", "repoName": "b", "apiUrl": "https://api.github.com"},
            "https://github.com/a/b",
        ),
        ("GITLAB", {"projectId": "g/s/p", "apiUrl": "https://gitlab.com/api/v4"}, "https://gitlab.com/g/s/p"),
        ("GITLAB", {"projectId": "42", "apiUrl": "https://gitlab.com/api/v4"}, "https://gitlab.com/42"),
        ("BITBUCKET", {"workspace": "w", "repoSlug": "r"}, "https://bitbucket.org/w/r"),
        ("BITBUCKET", {"workspace": "P", "repoSlug": "r", "url": "https://bb.test"}, "https://bb.test/P/r"),
    ],
)
def test_a_repository_is_shown_where_people_open_it(kind: str, config: dict[str, Any], url: str) -> None:
    (one,) = projected(**{kind: config})
    assert one.columns["repositoryUrl"] == url


def test_workflows_without_a_repository_of_their_own_are_githubs() -> None:
    workflow: dict[str, Clear] = {
        "name": "ios",
        "workflowPath": ".github/workflows/ios.yml",
        "platform": "IOS",
    }
    github: Config = {"organization": "a", "repoName": "b", "accessToken": SecretStr("ghp")}
    _, head, flow = projected(GITHUB=github, GITHUB_ACTIONS={"workflows": [workflow]})
    assert (head.credentials["apiToken"].get_secret_value(), head.whole) == ("ghp", True)
    assert flow.columns["workflowUrl"] == "https://github.com/a/b/actions/workflows/ios.yml"
    own: Config = {
        "organization": "c",
        "repoName": "d",
        "accessToken": SecretStr("own"),
        "workflows": [workflow],
    }
    _, head, flow = projected(GITHUB=github, GITHUB_ACTIONS=own)
    assert head.credentials["apiToken"].get_secret_value() == "own"
    assert flow.columns["workflowUrl"] == "https://github.com/c/d/actions/workflows/ios.yml"


def test_without_the_credential_what_is_stored_in_clear_is_shown_and_no_row_is_made() -> None:
    stored: dict[T, Config] = {T.GITHUB: {"organization": "a", "repoName": "b", "accessToken": "sealed"}}
    (one,) = projected(stored, GITHUB=None)
    assert (one.columns["owner"], one.credentials, one.whole) == ("a", {}, False)
    assert projected(GITHUB=None) == []


def test_no_secret_shows_in_what_is_projected() -> None:
    shown = projected(
        PLAY_STORE={"serviceAccountEmail": "e", "privateKey": SecretStr("canary7Zq"), "packageName": "p"},
        JIRA={"url": "u", "apiToken": SecretStr("canary7Zq"), "projectKey": "K"},
    )
    assert "canary7Zq" not in repr(shown)
    assert {one.type for one in shown} == {T.PLAY_STORE, T.JIRA}
