from datetime import UTC, datetime

import pytest

from delivr_operator.database.reading import (
    find_account,
    highest_permission,
    parse_claim,
    parse_integrations,
    parse_settings,
)
from delivr_operator.outcome import IntegrationType, VerificationStatus
from delivr_operator.resource import Platform, Target
from delivr_operator.rows import Permission

TENANT = "Kp3xQ7_m-Z"


def account(key: str, email: str) -> dict[str, str]:
    return {"id": key, "email": email}


@pytest.mark.parametrize(
    ("owner", "found", "expected"),
    [
        ("own_1", [account("own_1", "a@x.test")], "own_1"),
        ("OWN_1", [account("own_1", "a@x.test")], None),
        ("a@x.test", [account("own_1", "a@x.test")], "own_1"),
        ("A@X.test", [account("own_1", "a@x.test")], "own_1"),
        ("ä@x.test", [account("own_1", "a@x.test")], None),
        ("a@x.test ", [account("own_1", "a@x.test")], None),
        ("a@x.test", [account("own_1", "A@x.test"), account("own_2", "a@x.test")], "own_2"),
        ("a@X.test", [account("own_1", "A@x.test"), account("own_2", "a@x.test")], None),
        ("own_1", [account("own_2", "own_1"), account("own_1", "a@x.test")], "own_1"),
        ("a@x.test", [account("own_1", "a@x.test"), account("own_1", "a@x.test")], "own_1"),
        ("a@x.test", [], None),
    ],
)
def test_an_owner_is_found_by_exact_id_or_by_email_in_any_case(
    owner: str, found: list[dict[str, str]], expected: str | None
) -> None:
    assert find_account(owner, found) == expected


def member(permission: str | None, key: str = "own_1", tenant: str = TENANT) -> dict[str, str | None]:
    return {"id": key, "email": "a@x.test", "tenantId": tenant, "permission": permission}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([], Permission.NONE),
        ([member(None)], Permission.NONE),
        ([member("Collaborator")], Permission.VIEWER),
        ([member("Viewer"), member("Owner"), member("Editor")], Permission.OWNER),
        ([member("Viewer"), member("Editor")], Permission.EDITOR),
        ([member("Owner", key="own_2"), member("Viewer")], Permission.VIEWER),
        ([member("Owner", tenant=TENANT.lower())], Permission.NONE),
    ],
)
def test_the_highest_permission_in_this_very_tenant_counts(
    members: list[dict[str, str | None]], expected: Permission
) -> None:
    assert highest_permission(TENANT, "own_1", members) is expected


def test_nobody_has_no_permission() -> None:
    assert highest_permission(TENANT, None, [member("Owner")]) is Permission.NONE


def test_a_settings_row_with_nothing_in_it_is_all_false() -> None:
    steps = ("github", "targetPlatforms", "platformCredentials", "cicd", "slack")
    names = (
        *("setupComplete", "setupCompletedAt", "setupCompletedByAccountId", "selectedTargets"),
        *("selectedPlatforms", "githubConnected", "slackConnected", "cicdConfigured", "slackConfigured"),
        *("targetPlatformsConfigured", "platformCredentialsConfigured"),
    )
    row = parse_settings(dict.fromkeys(names))
    assert not any(dict(row.steps).values())
    assert len(dict(row.steps)) == len(steps)
    assert (row.setup_complete, row.completed_at, row.targets, row.platforms) == (False, None, (), ())


def test_a_settings_row_is_read_whole() -> None:
    row = parse_settings(
        {
            "setupComplete": 1,
            "setupCompletedAt": datetime(2025, 11, 9, 15, 30),  # noqa: DTZ001 - as the driver gives it
            "setupCompletedByAccountId": "own_1",
            "githubConnected": 1,
            "targetPlatformsConfigured": 0,
            "platformCredentialsConfigured": 1,
            "cicdConfigured": 0,
            "slackConfigured": 1,
            "selectedTargets": '["PLAY_STORE", "GALAXY_STORE"]',
            "selectedPlatforms": '["ANDROID"]',
        }
    )
    assert row.completed_at == datetime(2025, 11, 9, 15, 30, tzinfo=UTC)
    assert (row.targets, row.platforms) == ((Target.PLAY_STORE,), (Platform.ANDROID,))
    assert list(dict(row.steps).values()) == [True, False, True, False, True]


def integration(**columns: object) -> dict[str, object]:
    return {
        "integrationType": "SLACK",
        "isEnabled": None,
        "isRequired": None,
        "config": '{"channels": ["a"]}',
        "configuredByAccountId": "own_1",
        "lastVerifiedAt": None,
        "verificationStatus": None,
        **columns,
    }


def test_a_row_that_someone_else_left_half_empty_is_read() -> None:
    (row,) = parse_integrations([integration()]).values()
    assert (row.enabled, row.required, row.status) == (False, False, VerificationStatus.NOT_VERIFIED)
    assert row.config == {"channels": ["a"]}


def test_a_type_that_nobody_here_knows_is_left_out() -> None:
    rows = parse_integrations([integration(integrationType="CIRCLE_CI"), integration()])
    assert set(rows) == {IntegrationType.SLACK}


@pytest.mark.parametrize("config", ["[]", '"text"', "null"])
def test_a_config_that_is_no_object_is_an_empty_one(config: str) -> None:
    (row,) = parse_integrations([integration(config=config)]).values()
    assert row.config == {}


def test_a_claim_is_read() -> None:
    claim = parse_claim(
        {
            "resourceUid": "u",
            "namespace": "falcon",
            "name": "mobile-app",
            "resourceCreatedAt": datetime(2025, 11, 9),  # noqa: DTZ001 - as the driver gives it
            "generation": 3,
            "integrationTypes": '["SLACK"]',
        }
    )
    assert claim.created_at == datetime(2025, 11, 9, tzinfo=UTC)
    assert claim.types == {IntegrationType.SLACK}
