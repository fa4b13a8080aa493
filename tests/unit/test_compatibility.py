"""Every CRD since the first release only adds, and what says so sees each way of taking away."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivr_operator.status import Status
from tests.compatibility.narrowings import of_definitions

ROOT = Path(__file__).parents[2]
RELEASED = sorted(path for path in (ROOT / "tests" / "data" / "released").iterdir() if path.is_dir())
GONE = object()


@cache
def definition(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def newest() -> dict[str, Any]:
    return definition(ROOT / "crds" / "releasesetups.release.delivr.live.yaml")


def test_something_was_released() -> None:
    assert RELEASED[0].name == "v0.1.0"


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.name)
def test_the_newest_definition_takes_nothing_away(release: Path) -> None:
    assert list(of_definitions(definition(release / "crd.yaml"), newest())) == []


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.name)
def test_an_old_status_is_read_and_kept_as_it_was(release: Path) -> None:
    objects = list(yaml.safe_load_all((release / "objects.yaml").read_text()))
    for one in objects:
        status = Status.parse(one["status"])
        assert one["status"].items() <= status.as_json().items(), one["metadata"]["name"]


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.name)
def test_every_field_of_a_release_stands_in_one_of_its_objects(release: Path) -> None:
    objects = list(yaml.safe_load_all((release / "objects.yaml").read_text()))
    (version,) = definition(release / "crd.yaml")["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]
    for part in ("spec", "status"):
        missing = set(paths(schema[part])) - {path for one in objects for path in used(one[part])}
        assert not missing, missing


def paths(schema: Mapping[str, Any], at: str = "") -> list[str]:
    """Every field that a schema has."""
    if "items" in schema:
        return paths(schema["items"], f"{at}[]")
    found = [at] if at else []
    for name, inner in schema.get("properties", {}).items():
        found += paths(inner, f"{at}.{name}")
    return found


def used(value: Any, at: str = "") -> list[str]:
    """Every field that an object has."""
    if isinstance(value, list):
        return [path for one in value for path in used(one, f"{at}[]")]
    found = [at] if at else []
    if isinstance(value, Mapping):
        found += [path for name, inner in value.items() for path in used(inner, f"{at}.{name}")]
    return found


SPEC = "spec.versions.0.schema.openAPIV3Schema.properties.spec"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.scope", "Cluster"),
        ("spec.names.shortNames", []),
        ("spec.versions.0.served", False),
        ("spec.versions.0.name", "v2"),
        ("spec.versions.0.subresources", GONE),
        ("spec.versions.0.selectableFields", []),
        ("spec.versions.0.additionalPrinterColumns.0.name", "State"),
        (f"{SPEC}.properties.owner", GONE),
        (f"{SPEC}.properties.owner.type", "integer"),
        (f"{SPEC}.properties.owner.maxLength", 10),
        (f"{SPEC}.properties.owner.minLength", 5),
        (f"{SPEC}.properties.owner.pattern", "^a"),
        (f"{SPEC}.properties.owner.format", "email"),
        (f"{SPEC}.properties.owner.enum", ["me"]),
        (f"{SPEC}.properties.owner.x-kubernetes-odd", True),
        (f"{SPEC}.properties.interval.default", "2h"),
        (f"{SPEC}.properties.suspend.default", GONE),
        (f"{SPEC}.properties.targets.items.enum", ["PLAY_STORE"]),
        (f"{SPEC}.properties.targets.maxItems", 1),
        (f"{SPEC}.properties.targets.x-kubernetes-list-type", "atomic"),
        (f"{SPEC}.properties.github.properties.secretRef.properties.name", GONE),
        (f"{SPEC}.properties.github.required", ["organization", "repoName", "secretRef", "apiUrl"]),
        (
            f"{SPEC}.properties.jenkins.properties.pipelines.items.required",
            ["name", "jobPath", "platform", "target"],
        ),
        (f"{SPEC}.properties.owner.x-kubernetes-validations", [{"rule": "self != 'root'"}]),
    ],
)
def test_each_way_of_taking_away_is_seen(path: str, value: Any) -> None:
    changed = with_change(newest(), path, value)
    assert list(of_definitions(newest(), changed)), path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{SPEC}.properties.fresh", {"type": "string"}),
        (f"{SPEC}.properties.owner.maxLength", 4096),
        (f"{SPEC}.properties.owner.description", "In other words."),
        (f"{SPEC}.properties.targets.items.enum", ["APP_STORE", "PLAY_STORE", "HUAWEI"]),
        (f"{SPEC}.properties.github.required", ["organization"]),
        ("spec.names.shortNames", ["rset", "rs"]),
    ],
)
def test_what_only_adds_is_let_through(path: str, value: Any) -> None:
    assert list(of_definitions(newest(), with_change(newest(), path, value))) == []


@pytest.mark.parametrize(("field", "found"), [("fresh", 0), ("owner", 1)])
def test_a_new_rule_may_be_about_a_new_field_only(field: str, found: int) -> None:
    changed = with_change(newest(), f"{SPEC}.properties.fresh", {"type": "string"})
    spec = changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["x-kubernetes-validations"].append({"rule": f"!has(self.{field}) || self.{field} != ''"})
    assert len(list(of_definitions(newest(), changed))) == found


def with_change(definition: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    made = deepcopy(dict(definition))
    place: Any = made
    *parents, last = path.split(".")
    for parent in parents:
        place = place[int(parent) if parent.isdigit() else parent]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return made
