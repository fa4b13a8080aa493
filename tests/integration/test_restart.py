"""An operator of a whole cluster that starts again: what is at rest is left alone, what changed is found."""

from dataclasses import dataclass, replace

import pytest

from tests.integration.operating import Operating, operating
from tests.integration.tenancy import Tenancy, eventually

COUNT = 6


@dataclass(frozen=True)
class Neighbour:
    """A tenant of the same operator and database, with one integration."""

    world: Tenancy
    tenant: str

    @classmethod
    def settle(cls, whole: Tenancy, number: int) -> "Neighbour":
        world = replace(whole, namespace=f"{whole.namespace}-{number}", issued={})
        found = cls(world, f"neighbour-{number}")
        annotations = {"release.delivr.live/tenant-id": found.tenant}
        metadata = {"name": world.namespace, "annotations": annotations}
        world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        world.rows(
            "INSERT INTO tenants (id, displayName, createdBy, createdAt, updatedAt)"
            " VALUES (%s, 'Neighbour', 'own_7Qx2-', NOW(), NOW())",
            found.tenant,
        )
        world.rows(
            "INSERT INTO collaborators"
            " (email, accountId, tenantId, permission, isCreator, createdAt, updatedAt)"
            " VALUES ('owner@example.test', 'own_7Qx2-', %s, 'Owner', 1, NOW(), NOW())",
            found.tenant,
        )
        world.apply(world.setup(tenantId=found.tenant, github=world.github(), interval="24h"))
        return found

    @property
    def version(self) -> str:
        return str(self.world.get()["metadata"]["resourceVersion"])

    def has(self, reason: str) -> bool:
        return bool(self.world.entry("GITHUB").get("reason") == reason)

    def asked(self) -> int:
        return len(self.world.simulator.requests(credential=self.world.issued["github"].label))


def shown(operator: Operating) -> int:
    """How many resources it knows: each was looked at, or is left alone."""
    return sum(line.startswith("delivr_setup_ready{") for line in operator.ask("/metrics")[1].splitlines())


@pytest.mark.timeout(300)
def test_a_start_looks_at_what_changed_while_nobody_looked_and_at_nothing_else(whole: Tenancy) -> None:
    neighbours = [Neighbour.settle(whole, number) for number in range(COUNT)]
    with operating(whole, cluster_wide=True):
        eventually(lambda: all(one.has("Verified") for one in neighbours), "all are verified")
    changed, gone, asked, declared, *resting = neighbours
    versions, asked_before = [one.version for one in resting], [one.asked() for one in resting]
    lines_before = len((whole.folder / "operator.log").read_text().splitlines())
    changed.world.apply(changed.world.secret("github", {"accessToken": "ghp_" + "0" * 36}))
    gone.world.kubectl("delete", "secret", "github")
    asked.world.kubectl("annotate", "releasesetup/mobile-app", "release.delivr.live/requestedAt=now")
    declared.world.kubectl(
        *("patch", "releasesetup", "mobile-app", "--type=merge"),
        *("--patch", '{"spec": {"github": {"repoName": "no-such-app"}}}'),
    )
    with operating(whole, cluster_wide=True) as operator:
        eventually(lambda: changed.has("BadCredentials"), "the changed Secret is found")
        eventually(lambda: gone.has("SecretNotFound"), "the lost Secret is found")
        eventually(lambda: declared.has("TargetNotFound"), "the changed spec is found")
        eventually(
            lambda: asked.world.get()["status"].get("lastHandledReconcileAt") == "now", "the request is found"
        )
        eventually(lambda: shown(operator) == COUNT, "all are known")
        eventually(lambda: operator.metric("delivr_queue_depth") == 0, "nobody waits")
        passes = [one for one in operator.lines()[lines_before:] if one["message"] == "reconciled"]
    assert {one["namespace"] for one in passes} == {
        one.world.namespace for one in (changed, gone, asked, declared)
    }
    assert [one.version for one in resting] == versions
    assert [one.asked() for one in resting] == asked_before
