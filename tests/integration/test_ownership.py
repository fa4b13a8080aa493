"""Whoever loses the right to set up loses it at the next look, and regains everything by itself."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.tenancy import TENANT, Tenancy

TWIN = "kp3xq7_m-z"
EVENTS = ("release_started", "build_completed")
HERS = f"accountId = 'own_7Qx2-' AND tenantId = '{TENANT}' AND appId IS NULL"
ROW = (  # a template of ours
    "INSERT INTO collaborators (email, accountId, appId, tenantId, permission, createdAt, updatedAt) "  # noqa: S608
    f"VALUES ('owner@example.test', 'own_7Qx2-', NULL, '{TENANT}', '{{}}', UTC_TIMESTAMP(), UTC_TIMESTAMP())"
)
CHANGE = f"UPDATE collaborators SET {{}} WHERE {HERS}"  # noqa: S608 - a template of ours
Act = Callable[[Tenancy], object]


def sql(*statements: str) -> Act:
    return lambda tenancy: [tenancy.rows(one) for one in statements]


def bound_to(tenant: str | None) -> Act:
    value = "release.delivr.live/tenant-id" + (f"={tenant}" if tenant else "-")
    return lambda tenancy: tenancy.kubectl("annotate", "namespace", tenancy.namespace, "--overwrite", value)


@dataclass(frozen=True)
class Loss:
    """One way to lose the right, and the way back."""

    name: str
    happens: Act
    reason: str
    mended: Act
    says: str = "is no Owner of this tenant"
    in_tables: bool = True


BOUND = bound_to(TENANT)
RESTORED = sql(
    f"DELETE FROM collaborators WHERE accountId = 'own_7Qx2-' AND tenantId = '{TENANT}'",  # noqa: S608
    *(ROW.format(permission) for permission in ("Viewer", "Owner", "Editor")),
)
"""Several rows for one person: the highest counts."""
LOSSES = (
    Loss("made an Editor", sql(CHANGE.format("permission = 'Editor'")), "NotOwner", RESTORED),
    Loss("made a Viewer", sql(CHANGE.format("permission = 'Viewer'")), "NotOwner", RESTORED),
    Loss("made a Collaborator", sql(CHANGE.format("permission = 'Collaborator'")), "NotOwner", RESTORED),
    Loss("no permission", sql(CHANGE.format("permission = NULL")), "NotOwner", RESTORED),
    Loss("owner of one app only", sql(CHANGE.format("appId = 'app_ios1'")), "NotOwner", RESTORED),
    Loss("owner of the case twin", sql(CHANGE.format(f"tenantId = '{TWIN}'")), "NotOwner", RESTORED),
    Loss("removed", sql(f"DELETE FROM collaborators WHERE {HERS}"), "NotOwner", RESTORED),  # noqa: S608
    Loss(
        "an account by another address",
        sql("UPDATE accounts SET email = 'gone@example.test' WHERE id = 'own_7Qx2-'"),
        "OwnerNotFound",
        sql("UPDATE accounts SET email = 'owner@example.test' WHERE id = 'own_7Qx2-'"),
        "knows no account",
    ),
    Loss("unbound", bound_to(None), "NamespaceNotBound", BOUND, "is bound to no tenant", in_tables=False),
    Loss(
        "bound elsewhere",
        bound_to("other"),
        "TenantMismatch",
        BOUND,
        "is bound to another tenant",
        in_tables=False,
    ),
    Loss(
        "bound to the case twin",
        bound_to(TWIN),
        "TenantMismatch",
        BOUND,
        "is bound to another tenant",
        in_tables=False,
    ),
)


def stored(tenancy: Tenancy) -> list[dict[str, Any]]:
    """Every byte of the rows, whoever's they are."""
    tables = ("tenant_release_settings", "tenant_integrations", "tenant_release_claims")
    return [row for table in tables for row in tenancy.rows(f"SELECT * FROM {table} ORDER BY 1")]  # noqa: S608


def meaning(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows less the times that move while nothing changes."""
    return [{k: v for k, v in row.items() if k not in {"updatedAt", "lastVerifiedAt"}} for row in rows]


def of_others(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same less what a change to Slack may change: its own row, and which generation was written."""
    kept = [row for row in meaning(rows) if row.get("integrationType") != "SLACK"]
    return [{k: v for k, v in row.items() if k != "generation"} for row in kept]


def losses(tenancy: Tenancy) -> list[Loss]:
    """All of them once, and on the other database those that it has a part in."""
    return [one for one in LOSSES if one.in_tables or tenancy.database.kind == "mysql"]


def conditions(found: dict[str, Any]) -> dict[str, str]:
    return {one["type"]: one["status"] for one in found["status"]["conditions"]}


@pytest.mark.timeout(500)
def test_a_right_that_is_lost_later_stops_everything_and_comes_back_by_itself(on_either: Tenancy) -> None:
    tenancy = on_either
    tenancy.extra |= {"RECHECK_INTERVAL": "1s", "DRIFT_INTERVAL": "1s"}
    setup = tenancy.complete()
    tenancy.apply(setup)
    with tenancy.operator():
        await_path(tenancy, READY, "SetupCompleted")
        tried, events = set[str](), list[str]()
        for number, loss in enumerate(losses(tenancy)):
            rightful = stored(tenancy)
            loss.happens(tenancy)
            found = await_path(tenancy, READY, loss.reason)
            assert loss.says in found["status"]["message"], loss.name
            assert conditions(found)["Stalled"] == "True", loss.name
            assert conditions(found)["Synced"] == "False", loss.name
            if loss.reason not in tried:
                events = [EVENTS[len(tried) % 2]]
                setup["spec"]["slack"]["notifyOnEvents"] = events
                assert_powerless(tenancy, setup, f"asked-{number}")
                tried.add(loss.reason)
            assert meaning(stored(tenancy)) == meaning(rightful), loss.name
            loss.mended(tenancy)
            await_path(tenancy, READY, "SetupCompleted")
            assert of_others(stored(tenancy)) == of_others(rightful), loss.name
            assert json.loads(tenancy.integrations()["SLACK"]["config"])["notifyOnEvents"] == events


def assert_powerless(tenancy: Tenancy, setup: dict[str, Any], asked: str) -> None:
    """Neither a change nor a request makes the operator ask a provider."""
    labels = [one.label for one in tenancy.issued.values()]
    for label in labels:
        tenancy.simulator.forget_requests(credential=label)
    annotations = {"release.delivr.live/requestedAt": asked}
    tenancy.apply({**setup, "metadata": {**setup["metadata"], "annotations": annotations}})
    await_path(tenancy, "{.status.lastHandledReconcileAt}", asked)
    assert [tenancy.simulator.count(credential=label) for label in labels] == [0] * len(labels)


READY = '{.status.conditions[?(@.type=="Ready")].reason}'


def await_path(tenancy: Tenancy, path: str, value: str) -> dict[str, Any]:
    """The resource as soon as it says so, by one process that watches: many that look are slow."""
    told = ("wait", "releasesetup/mobile-app", f"--for=jsonpath={path}={value}", "--timeout=60s")
    found: dict[str, Any] = json.loads(tenancy.kubectl(*told, "--output=json"))
    return found


def test_tenants_that_differ_in_case_only_have_owners_and_rows_of_their_own(on_either: Tenancy) -> None:
    tenancy = on_either
    tenancy.extra["RECHECK_INTERVAL"] = "1s"
    tenancy.apply(tenancy.complete())
    with tenancy.operator():
        tenancy.await_ready("True")
        before = stored(tenancy)
        bound_to(TWIN)(tenancy)
        twin = tenancy.setup("twin", tenantId=TWIN, github=tenancy.github())
        tenancy.apply(twin)
        tenancy.await_ready("False", "NotOwner", "twin")
        assert stored(tenancy) == before
        twin["spec"]["owner"] = "owner2@example.test"
        tenancy.apply(twin)
        tenancy.await_ready("False", "TargetsMissing", "twin")
    rows = tenancy.rows("SELECT tenantId, configuredByAccountId FROM tenant_integrations")
    assert rows.count({"tenantId": TWIN, "configuredByAccountId": "own_other"}) == 1
    assert [row for row in stored(tenancy) if row["tenantId"] == TENANT] == before
