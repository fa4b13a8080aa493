"""The whole product on real servers: each case ends in the right status, rows and events, and recovers."""

import json
from typing import Any

import pytest

from tests.integration.tenancy import TENANT, Tenancy, eventually

MESSAGE = "Release Management setup completed successfully"


@pytest.fixture
def quick(tenancy: Tenancy) -> Tenancy:
    """What no watch can tell of is looked at each second."""
    tenancy.extra["RECHECK_INTERVAL"] = "1s"
    return tenancy


def test_the_plans_example_request_becomes_a_complete_setup(on_either: Tenancy) -> None:
    tenancy = on_either
    tenancy.apply(tenancy.complete())
    with tenancy.operator():
        status = tenancy.await_ready("True")["status"]
    assert (status["setupComplete"], status["message"]) == (True, MESSAGE)
    assert set(status["steps"].values()) == {True}
    assert {e["verificationStatus"] for e in status["integrations"]} == {"VALID"}
    assert not {"Reconciling", "Stalled"} & {c["type"] for c in status["conditions"]}

    settings = tenancy.settings_row()
    assert settings is not None
    steps = (
        "githubConnected",
        "targetPlatformsConfigured",
        "platformCredentialsConfigured",
        "slackConfigured",
    )
    assert [settings[column] for column in ("setupComplete", "cicdConfigured", *steps)] == [1] * 6
    assert settings["setupCompletedByAccountId"] == "own_7Qx2-"
    assert settings["setupCompletedAt"].strftime("%Y-%m-%dT%H:%M:%SZ") == status["completedAt"]
    assert json.loads(settings["selectedTargets"]) == ["APP_STORE", "PLAY_STORE"]
    assert json.loads(settings["selectedPlatforms"]) == ["IOS", "ANDROID"]

    rows = tenancy.integrations()
    shapes = {kind: sorted(json.loads(row["config"])) for kind, row in rows.items()}
    assert shapes == {
        "GITHUB": ["accessToken", "organization", "repoName"],
        "APP_STORE_CONNECT": ["apiKeyId", "bundleId", "issuerId", "privateKey"],
        "PLAY_STORE": ["packageName", "privateKey", "serviceAccountEmail"],
        "GITHUB_ACTIONS": ["workflows"],
        "SLACK": ["botToken", "channels", "notifyOnEvents"],
    }
    assert {(r["verificationStatus"], r["isEnabled"], r["configuredByAccountId"]) for r in rows.values()} == {
        ("VALID", 1, "own_7Qx2-")
    }
    required = {kind for kind, row in rows.items() if row["isRequired"]}
    assert required == {"GITHUB", "APP_STORE_CONNECT", "PLAY_STORE"}
    stored = json.dumps([json.loads(row["config"]) for row in rows.values()])
    for one in tenancy.issued.values():
        clear = {v for k, v in one.secret.items() if k not in ("serviceAccountEmail", "serviceAccountKey")}
        assert not [value for value in clear if json.dumps(value)[1:-1] in stored]
    assert ("Normal", "SetupCompleted") in tenancy.events()


def test_jenkins_is_proved_at_the_address_that_the_tenant_names(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.setup(github=tenancy.github(), jenkins=tenancy.jenkins()))
    with tenancy.operator():
        tenancy.await_ready("False", "TargetsMissing")
    assert tenancy.entry("JENKINS")["verificationStatus"] == "VALID"
    config = json.loads(tenancy.integrations()["JENKINS"]["config"])
    assert sorted(config) == ["apiToken", "pipelines", "url", "username"]
    assert tenancy.get()["status"]["steps"]["cicdConfigured"] is True


def test_a_missing_secret_is_waited_for(tenancy: Tenancy) -> None:
    setup = tenancy.complete()
    tenancy.kubectl("delete", "secret", "slack")
    tenancy.apply(setup)
    with tenancy.operator():
        found = tenancy.await_ready("False", "SecretNotFound")
        conditions = {c["type"]: c["status"] for c in found["status"]["conditions"]}
        assert conditions["Reconciling"] == "True"
        assert conditions["SetupComplete"] == "True"
        assert "Stalled" not in conditions
        assert "SLACK" not in tenancy.integrations()
        tenancy.apply(tenancy.secret("slack", tenancy.issued["slack"].secret))
        tenancy.await_ready("True")
        assert tenancy.integrations()["SLACK"]["verificationStatus"] == "VALID"


def test_a_secret_that_goes_comes_again_or_changes_while_nobody_looks_is_noticed(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.complete())
    good = tenancy.secret("github", tenancy.issued["github"].secret)
    bad = tenancy.secret("github", {"accessToken": "ghp_" + "0" * 36})
    with tenancy.operator():
        tenancy.await_ready("True")
        tenancy.kubectl("delete", "secret", "github")
        found = tenancy.await_ready("False", "SecretNotFound")
        assert (
            found["status"]["setupComplete"] is True
        )  # what was proved is not taken back for want of a Secret
        tenancy.apply(good)
        tenancy.await_ready("True")
        tenancy.kubectl("delete", "secret", "github")
        tenancy.apply(bad)
        tenancy.await_ready("False", "BadCredentials")
    tenancy.apply(good)
    with tenancy.operator():
        tenancy.await_ready("True")
    tenancy.apply(bad)
    with tenancy.operator():
        tenancy.await_ready("False", "BadCredentials")


def test_a_missing_key_is_named_and_waited_for(tenancy: Tenancy) -> None:
    setup = tenancy.complete()
    token = tenancy.issued["github"].secret["accessToken"]
    tenancy.kubectl("delete", "secret", "github")
    tenancy.apply(setup, tenancy.secret("github", {"token": token}))
    with tenancy.operator():
        found = tenancy.await_ready("False", "SecretKeyMissing")
        assert "accessToken" in found["status"]["message"]
        assert "GITHUB" not in tenancy.integrations()
        setup["spec"]["github"]["secretRef"]["keys"] = {"accessToken": "token"}
        tenancy.apply(setup)
        tenancy.await_ready("True")


def test_a_broken_credential_is_refused_and_a_mended_one_recovers(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.complete())
    with tenancy.operator():
        tenancy.await_ready("True")
        completed = tenancy.settings_row()
        tenancy.apply(tenancy.secret("github", {"accessToken": "ghp_" + "0" * 36}))
        found = tenancy.await_ready("False", "BadCredentials")
        conditions = {c["type"]: c["status"] for c in found["status"]["conditions"]}
        assert conditions["Stalled"] == "True"
        assert found["status"]["setupComplete"] is False
        assert "completedAt" not in found["status"]
        eventually(
            lambda: tenancy.integrations()["GITHUB"]["verificationStatus"] == "INVALID", "the row is INVALID"
        )
        settings = tenancy.settings_row()
        assert settings is not None
        assert (settings["setupComplete"], settings["setupCompletedAt"]) == (0, None)
        assert ("Warning", "BadCredentials") in tenancy.events()
        tenancy.apply(tenancy.secret("github", tenancy.issued["github"].secret))
        tenancy.await_ready("True")
        settings = tenancy.settings_row()
        assert settings is not None
        assert completed is not None
        assert settings["setupComplete"] == 1


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        ("nobody@example.test", "OwnerNotFound"),
        ("editor@example.test", "NotOwner"),
        ("viewer@example.test", "NotOwner"),
        ("appowner@example.test", "NotOwner"),
        ("owner2@example.test", "NotOwner"),
        ("OWN_7QX2-", "OwnerNotFound"),
    ],
)
def test_only_an_owner_of_the_tenant_sets_up(quick: Tenancy, owner: str, reason: str) -> None:
    quick.apply(quick.complete(owner=owner))
    quick.simulator.forget_requests(provider="GITHUB", credential=quick.issued["github"].label)
    with quick.operator():
        quick.await_ready("False", reason)
        assert quick.integrations() == {}
        assert quick.settings_row() is None
        assert quick.simulator.count(provider="GITHUB", credential=quick.issued["github"].label) == 0
        quick.rows(
            "UPDATE collaborators SET email = %s, accountId = (SELECT id FROM accounts WHERE email = %s)"
            " WHERE tenantId = %s AND permission = 'Owner' AND appId IS NULL",
            "editor@example.test",
            "editor@example.test",
            TENANT,
        )
        if owner == "editor@example.test":
            quick.await_ready("True")
            assert quick.integrations()["GITHUB"]["configuredByAccountId"] == "edi_Kd93_"


def test_a_namespace_of_another_tenant_or_of_none_is_refused(quick: Tenancy) -> None:
    quick.apply(quick.complete())
    mark = ["annotate", "namespace", quick.namespace, "--overwrite"]
    quick.kubectl(*mark, "release.delivr.live/tenant-id=kp3xq7_m-z")
    with quick.operator():
        quick.await_ready("False", "TenantMismatch")
        quick.kubectl(*mark, "release.delivr.live/tenant-id-")
        quick.await_ready("False", "NamespaceNotBound")
        assert quick.integrations() == {}
        quick.kubectl(*mark, f"release.delivr.live/tenant-id={TENANT}")
        quick.await_ready("True")


def test_a_tenant_that_delivr_does_not_know_is_refused(quick: Tenancy) -> None:
    mark = ["annotate", "namespace", quick.namespace, "--overwrite"]
    quick.kubectl(*mark, "release.delivr.live/tenant-id=unknown1")
    quick.apply(quick.complete(tenantId="unknown1"))
    with quick.operator():
        quick.await_ready("False", "TenantNotFound")
    assert quick.rows("SELECT id FROM tenant_integrations") == []


def test_the_older_of_two_resources_wins_and_the_other_takes_over(tenancy: Tenancy) -> None:
    first = tenancy.complete()
    second = json.loads(json.dumps(first))
    second["metadata"]["name"] = "second"
    tenancy.apply(first)
    created = tenancy.get()["metadata"]["creationTimestamp"]

    def later() -> bool:
        tenancy.apply(second)
        if tenancy.get("second")["metadata"]["creationTimestamp"] != created:
            return True
        tenancy.kubectl("delete", "releasesetup", "second")
        return False

    eventually(later, "the second is created in another second than the first")
    with tenancy.operator():
        tenancy.await_ready("True")
        found = tenancy.await_ready("False", "TenantConflict", "second")
        assert f"{tenancy.namespace}/mobile-app" in found["status"]["message"]
        tenancy.kubectl("delete", "releasesetup", "mobile-app")
        tenancy.await_ready("True", name="second")
        assert len(tenancy.integrations()) == 5


def test_what_went_while_nobody_looked_holds_its_tenant_no_longer(tenancy: Tenancy) -> None:
    setup = tenancy.complete()
    tenancy.apply(setup)
    with tenancy.operator():
        tenancy.await_ready("True")
    tenancy.kubectl(
        "patch", "releasesetup", "mobile-app", "--type=merge", '--patch={"metadata":{"finalizers":null}}'
    )
    tenancy.kubectl("delete", "releasesetup", "mobile-app")
    claimed = tenancy.rows("SELECT name FROM tenant_release_claims")
    assert claimed == [{"name": "mobile-app"}]
    setup["metadata"]["name"] = "heir"
    tenancy.apply(setup)
    with tenancy.operator():
        tenancy.await_ready("True", name="heir")
    assert tenancy.rows("SELECT name FROM tenant_release_claims") == [{"name": "heir"}]
    assert len(tenancy.integrations()) == 5


def test_a_suspended_resource_is_proved_and_leaves_the_database_alone(tenancy: Tenancy) -> None:
    setup = tenancy.complete(suspend=True)
    tenancy.apply(setup)
    with tenancy.operator():
        found = tenancy.await_ready("False", "Suspended")
        assert {e["verificationStatus"] for e in found["status"]["integrations"]} == {"VALID"}
        assert tenancy.integrations() == {}
        assert tenancy.settings_row() is None
        setup["spec"]["suspend"] = False
        tenancy.apply(setup)
        tenancy.await_ready("True")
        assert len(tenancy.integrations()) == 5


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_removed_integration_and_then_the_whole_resource_go_as_the_policy_says(
    tenancy: Tenancy, policy: str
) -> None:
    tenancy.rows(
        "INSERT INTO tenant_integrations (id, tenantId, integrationType, config, configuredByAccountId)"
        " VALUES ('by_hand', %s, 'JIRA', '{\"b\": 1, \"a\": 2}', 'own_7Qx2-')",
        TENANT,
    )
    by_hand = tenancy.integrations()["JIRA"]
    setup = tenancy.complete(deletionPolicy=policy)
    tenancy.apply(setup)
    with tenancy.operator():
        tenancy.await_ready("True")
        before = tenancy.integrations()
        del setup["spec"]["slack"]
        tenancy.apply(setup)
        gone = {
            "Delete": lambda: "SLACK" not in tenancy.integrations(),
            "Retain": lambda: not _slack_enabled(tenancy),
        }
        eventually(gone[policy], "the removed integration's row went")
        tenancy.await_ready("True")
        after = tenancy.integrations()
        assert {k: v for k, v in after.items() if k != "SLACK"} == {
            k: v for k, v in before.items() if k != "SLACK"
        }
        tenancy.kubectl("delete", "releasesetup", "mobile-app", "--timeout=30s")
    left = tenancy.integrations()
    assert left["JIRA"] == by_hand
    assert set(left) == ({"JIRA"} if policy == "Delete" else set(after))
    assert (tenancy.settings_row() is None) is (policy == "Delete")


def _slack_enabled(tenancy: Tenancy) -> bool:
    return bool(tenancy.integrations()["SLACK"]["isEnabled"])


def test_a_restart_with_everything_fresh_asks_nobody_and_writes_nothing(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.complete())
    with tenancy.operator():
        tenancy.await_ready("True")
    before = (tenancy.get()["metadata"]["resourceVersion"], tenancy.integrations(), tenancy.settings_row())
    for one in tenancy.issued.values():
        tenancy.simulator.forget_requests(credential=one.label)
    other = tenancy.setup("witness", tenantId="kp3xq7_m-z", owner="owner2@example.test")
    with tenancy.operator():
        # a resource that comes after the restart has had its pass: so has the one before it
        tenancy.apply(other)
        tenancy.await_ready("False", "TenantMismatch", "witness")
    assert (
        tenancy.get()["metadata"]["resourceVersion"],
        tenancy.integrations(),
        tenancy.settings_row(),
    ) == before
    assert [tenancy.simulator.count(credential=one.label) for one in tenancy.issued.values()] == [0] * 4


def test_a_request_by_annotation_is_answered(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.complete())
    with tenancy.operator():
        tenancy.await_ready("True")
        label = tenancy.issued["github"].label
        tenancy.simulator.forget_requests(credential=label)
        asked = "2026-11-24T00:00:00Z/GITHUB"
        tenancy.kubectl("annotate", "releasesetup", "mobile-app", f"release.delivr.live/requestedAt={asked}")
        jsonpath = "--for=jsonpath={.status.lastHandledReconcileAt}=" + asked
        tenancy.kubectl("wait", "releasesetup/mobile-app", jsonpath, "--timeout=30s")
        assert tenancy.simulator.count(credential=label) > 0


def test_the_wide_table_tells_the_story(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.complete())
    with tenancy.operator():
        tenancy.await_ready("True")
    head, row = tenancy.kubectl("get", "rset", "--output=wide").splitlines()
    assert head.split()[:8] == ["NAME", "READY", "COMPLETE", "GITHUB", "STORES", "CICD", "SLACK", "REASON"]
    assert row.split()[:8] == ["mobile-app", "True", "true", "True", "True", "True", "True", "SetupCompleted"]


def test_a_type_that_is_switched_off_is_not_asked_and_holds_nothing_back(tenancy: Tenancy) -> None:
    tenancy.extra["ENABLE_SLACK_INTEGRATION"] = "false"
    tenancy.apply(tenancy.complete())
    with tenancy.operator():
        tenancy.await_ready("True")
    assert tenancy.entry("SLACK")["reason"] == "Disabled"
    row = tenancy.integrations()["SLACK"]
    assert (row["isEnabled"], row["verificationStatus"]) == (0, "NOT_VERIFIED")
    assert tenancy.simulator.count(credential=tenancy.issued["slack"].label) == 0
    assert tenancy.get()["status"]["steps"]["slackConfigured"] is False


def test_a_slow_store_is_given_its_own_time_and_no_more(tenancy: Tenancy) -> None:
    tenancy.extra["APPSTORE_CONNECT_TIMEOUT"] = "400"
    setup = tenancy.complete()
    label = tenancy.issued["appStoreConnect"].label
    tenancy.simulator.fault("NONE", provider="APP_STORE_CONNECT", credential=label, delay=5)
    tenancy.apply(setup)
    with tenancy.operator():
        found = tenancy.await_ready("False", "TimedOut")
    entry = tenancy.entry("APP_STORE_CONNECT")
    assert (entry["verificationStatus"], entry["reason"]) == ("NOT_VERIFIED", "TimedOut")
    assert "Reconciling" in {c["type"] for c in found["status"]["conditions"]}
    assert tenancy.integrations()["APP_STORE_CONNECT"]["verificationStatus"] == "NOT_VERIFIED"


def test_nothing_is_ever_written_at_a_provider(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.complete(jenkins=tenancy.jenkins()))
    with tenancy.operator():
        tenancy.await_ready("True")
    for one in tenancy.issued.values():
        assert tenancy.simulator.count(credential=one.label) > 0
        assert tenancy.simulator.count(credential=one.label, write=True) == 0


def test_secrets_are_listed_once_and_watched_once_as_metadata_only(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.complete())
    user = f"system:serviceaccount:{tenancy.namespace}:delivr-operator"

    def asked(verb: str) -> list[dict[str, Any]]:
        lines = tenancy.access.audit_log.read_text().splitlines()
        events = [json.loads(line) for line in lines if user in line and '"secrets"' in line]
        stage = "ResponseStarted" if verb == "watch" else "ResponseComplete"
        return [e for e in events if e["verb"] == verb and e["stage"] == stage]

    with tenancy.operator():
        tenancy.await_ready("True")
        eventually(lambda: asked("watch"), "the watch is open")
        tenancy.apply(tenancy.secret("github", {"accessToken": "ghp_" + "0" * 36}))
        tenancy.await_ready("False", "BadCredentials")
        tenancy.apply(tenancy.secret("github", tenancy.issued["github"].secret))
        tenancy.await_ready("True")
    assert (len(asked("list")), len(asked("watch"))) == (1, 1)


def test_without_the_right_to_watch_secrets_the_status_says_so(quick: Tenancy) -> None:
    role = json.loads(quick.kubectl("get", "role", "delivr-operator", "--output=json"))
    for rule in role["rules"]:
        if "secrets" in rule["resources"]:
            rule["verbs"] = ["get"]
    quick.apply(role)
    quick.apply(quick.complete())
    with quick.operator():
        quick.await_ready("True")
        eventually(lambda: "watching Secrets was cut" in quick.log(), "the watch was refused")
        quick.kubectl("annotate", "releasesetup", "mobile-app", "release.delivr.live/requestedAt=now")
        eventually(
            lambda: quick.condition("SecretsWatched").get("reason") == "SecretWatchForbidden", "it is said"
        )
        assert quick.condition()["status"] == "True"
