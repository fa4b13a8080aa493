"""Upgrades on a real API server: what a release stored stays valid, and as it was, under every later CRD.

The CRD is the cluster's, and other tests use today's: each of these gives it a group of its own.
"""

import json
import subprocess
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from dev.access import ClusterAccess
from tests.integration.declared import ROOT
from tests.integration.tenancy import eventually

GROUP = "release.delivr.live"
RELEASES = sorted(path for path in (ROOT / "tests" / "data" / "released").iterdir() if path.is_dir())
NEWEST = ROOT / "crds" / f"releasesetups.{GROUP}.yaml"
Json = dict[str, Any]


def loaded(path: Path) -> Json:
    found: Json = yaml.safe_load(path.read_text())
    return found


def schema_of(definition: Json) -> Json:
    found: Json = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


@dataclass(frozen=True)
class Upgraded:
    """A namespace and a group of its own, whose CRD comes and goes as releases do."""

    access: ClusterAccess
    group: str
    namespace: str

    @property
    def plural(self) -> str:
        return f"releasesetups.{self.group}"

    def kubectl(self, *arguments: str, stdin: Json | None = None) -> str:
        return self.access.kubectl(
            "--namespace", self.namespace, *arguments, stdin=yaml.safe_dump(stdin) if stdin else None
        )

    def install(self, definition: Json) -> None:
        """This CRD is the one that the API server holds objects to."""
        own = deepcopy(definition)
        own["metadata"] = {"name": self.plural}
        own["spec"] |= {"group": self.group}
        own["spec"]["names"] |= {"shortNames": [], "categories": []}
        marker = f"marker {uuid4().hex}"
        schema_of(own)["description"] = marker
        self.access.kubectl(
            "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump(own)
        )
        eventually(lambda: marker in self._served(), "the CRD is in force")

    def _served(self) -> str:
        try:
            return self.access.kubectl("get", "--raw", f"/openapi/v3/apis/{self.group}/v1")
        except subprocess.CalledProcessError:
            return ""

    def store(self, one: Json) -> Json:
        """The object is stored as a tenant and the operator would; gives what the API server has of it."""
        mine = {**one, "apiVersion": f"{self.group}/v1"}
        name = one["metadata"]["name"]
        eventually(self._is_served, "the kind is served")
        self.kubectl(
            "create", "--validate=strict", "-f", "-", stdin={k: v for k, v in mine.items() if k != "status"}
        )
        patch = json.dumps([{"op": "add", "path": "/status", "value": one["status"]}])
        self.kubectl("patch", self.plural, name, "--subresource=status", "--type=json", f"--patch={patch}")
        return self.get(name)

    def _is_served(self) -> bool:
        try:
            self.kubectl("get", self.plural)
        except subprocess.CalledProcessError:
            return False
        return True

    def get(self, name: str) -> Json:
        found: Json = json.loads(self.kubectl("get", self.plural, name, "--output=json"))
        return found

    def all(self) -> dict[str, Json]:
        found = json.loads(self.kubectl("get", self.plural, "--output=json"))["items"]
        return {one["metadata"]["name"]: one for one in found}

    def refused(self, act: Callable[[], object]) -> str:
        with pytest.raises(subprocess.CalledProcessError) as refusal:
            act()
        return str(refusal.value.stderr)


@pytest.fixture
def upgraded(control_plane: ClusterAccess) -> Any:
    name = f"u{uuid4().hex[:10]}"
    control_plane.kubectl("create", "namespace", name)
    found = Upgraded(control_plane, f"{name}.{GROUP}", name)
    yield found
    control_plane.kubectl("delete", "crd", found.plural, "--wait=false", "--ignore-not-found")


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_what_a_release_stored_outlives_the_upgrade_and_the_way_back(
    upgraded: Upgraded, release: Path
) -> None:
    objects = list(yaml.safe_load_all((release / "objects.yaml").read_text()))
    upgraded.install(loaded(release / "crd.yaml"))
    stored = {one["metadata"]["name"]: upgraded.store(one) for one in objects}
    for one in objects:
        kept = stored[one["metadata"]["name"]]
        assert one["spec"].items() <= kept["spec"].items()
        assert kept["status"] == one["status"]

    upgraded.install(loaded(NEWEST))
    after = upgraded.all()
    assert after == stored

    for name, one in after.items():
        same = {key: one[key] for key in ("apiVersion", "kind", "metadata", "spec", "status")}
        upgraded.kubectl("replace", "--validate=strict", "-f", "-", stdin=same)
        assert upgraded.get(name)["metadata"]["resourceVersion"] == one["metadata"]["resourceVersion"]
        upgraded.kubectl("label", self_name(upgraded, name), "touched=yes")
        status = {**one["status"], "message": "What is said now."}
        patch = json.dumps([{"op": "add", "path": "/status", "value": status}])
        upgraded.kubectl(
            "patch", upgraded.plural, name, "--subresource=status", "--type=json", f"--patch={patch}"
        )
        now = upgraded.get(name)
        assert (now["spec"], now["status"]) == (one["spec"], status)
        assert now["metadata"]["generation"] == one["metadata"]["generation"]
    for one in objects:  # what a repository holds can be applied anew, under another name
        metadata = {"name": f"{one['metadata']['name']}-again"}
        again = {
            "apiVersion": f"{upgraded.group}/v1",
            "kind": one["kind"],
            "metadata": metadata,
            "spec": one["spec"],
        }
        upgraded.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=again)

    upgraded.install(loaded(release / "crd.yaml"))
    assert {name: one["spec"] for name, one in upgraded.all().items()} == {
        n: o["spec"] for n, o in stored.items()
    }


def self_name(upgraded: Upgraded, name: str) -> str:
    return f"{upgraded.plural}/{name}"


def test_a_bound_that_grew_tighter_by_mistake_stops_nothing_but_a_change_of_that_field(
    upgraded: Upgraded,
) -> None:
    """Kubernetes ratchets: it is why a slip in a later release could be mended without a tenant noticing."""
    upgraded.install(loaded(NEWEST))
    one = {
        "kind": "ReleaseSetup",
        "metadata": {"name": "app"},
        "spec": {"tenantId": "Kp3xQ7_m-Z", "owner": "a-rather-long-name@example.test"},
        "status": {"observedGeneration": 1, "message": "What was said then."},
    }
    before = upgraded.store(one)
    tighter = loaded(NEWEST)
    schema_of(tighter)["properties"]["spec"]["properties"]["owner"]["maxLength"] = 10
    upgraded.install(tighter)
    assert upgraded.get("app") == before
    upgraded.kubectl("label", self_name(upgraded, "app"), "touched=yes")
    upgraded.kubectl("patch", upgraded.plural, "app", "--type=merge", '--patch={"spec":{"suspend":true}}')
    said = upgraded.refused(
        lambda: upgraded.kubectl(
            "patch",
            upgraded.plural,
            "app",
            "--type=merge",
            '--patch={"spec":{"owner":"another-long@name.test"}}',
        )
    )
    assert "spec.owner" in said
    assert upgraded.get("app")["spec"]["owner"] == one["spec"]["owner"]  # type: ignore[index]
