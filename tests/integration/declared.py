"""What people would apply: the examples as objects, and a bound namespace to apply them in."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from dev.access import ClusterAccess

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TENANT = "Kp3xQ7_m-Z"


def documents(path: Path) -> list[dict[str, Any]]:
    """Return the objects that a file of YAML documents holds."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def example(name: str) -> dict[str, Any]:
    """Return the one ReleaseSetup of an example."""
    (found,) = (each for each in documents(EXAMPLES / f"{name}.yaml") if each["kind"] == "ReleaseSetup")
    return found


def moved(objects: list[dict[str, Any]], namespace: str) -> str:
    """Return the objects as YAML, in another namespace."""
    return yaml.safe_dump_all(
        [{**each, "metadata": {**each["metadata"], "namespace": namespace}} for each in objects]
    )


def new_namespace(
    access: ClusterAccess, tenant: str | None = TENANT, labels: dict[str, str] | None = None
) -> str:
    """Make a namespace, bound to the tenant if one is given; return its name."""
    name = f"test-{uuid4().hex[:12]}"
    annotations = {"release.delivr.live/tenant-id": tenant} if tenant else {}
    metadata = {"name": name, "annotations": annotations, "labels": labels or {}}
    access.kubectl(
        "create",
        "-f",
        "-",
        stdin=yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}),
    )
    return name
