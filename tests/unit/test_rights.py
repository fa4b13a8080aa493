"""The comparison of the operator's rights with what it asked: both ways, and never silently left out."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rights import LEDGER, Installation, Right, asked, faults, granted

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(600)  # runs of their own, on a machine that may be busy
WIDE, NARROW = Installation.CLUSTER_WIDE, Installation.NAMESPACED


def event(verb: str, resource: str, home: str = "t1", **changes: Any) -> str:
    return json.dumps(
        {
            "verb": verb,
            "user": {"username": f"system:serviceaccount:{home}:delivr-operator"},
            "objectRef": {"resource": resource, "namespace": "t1"},
            **changes,
        }
    )


def test_the_log_tells_who_asked_for_what() -> None:
    group = {"apiGroup": "release.delivr.live", "apiVersion": "v1"}
    status = {"resource": "releasesetups", "subresource": "status", **group}
    found = asked(
        [
            event("get", "secrets"),
            event("list", "secrets", "delivr-system"),
            event("patch", "", objectRef=status),
            event("get", "pods", user={"username": "admin"}),
            event("get", "pods", impersonatedUser={"username": "x"}),
            event("get", "", objectRef=None),
            event("get", "nodes", user={"username": "system:serviceaccount:x:other:delivr-operator-not"}),
        ]
    )
    assert found[NARROW] == {
        Right("secrets", "get"),
        Right("releasesetups/status", "patch", "release.delivr.live"),
    }
    assert found[WIDE] == {Right("secrets", "list")}


def test_the_roles_of_both_installations_are_read() -> None:
    given = granted()
    assert Right("namespaces", "watch") in given[WIDE] - given[NARROW]
    assert Right("leases", "update", "coordination.k8s.io") in given[WIDE] & given[NARROW]
    assert Right("releasesetups/status", "patch", "release.delivr.live") in given[WIDE] & given[NARROW]
    assert not any(right.resource == "releasesetups" and right.verb == "create" for right in given[WIDE])


def test_a_role_counts_where_it_is_bound_and_one_at_home_in_both_installations(tmp_path: Path) -> None:
    def role(kind: str, name: str, verb: str, *subjects: str, home: str = "falcon") -> str:
        api = "apiVersion: rbac.authorization.k8s.io/v1"
        rules = f"rules: [{{apiGroups: [''], resources: [pods], verbs: [{verb}]}}]"
        account = ", ".join(f"{{kind: ServiceAccount, name: {subject}}}" for subject in subjects)
        binding = f"roleRef: {{kind: {kind}, name: {name}}}\nsubjects: [{account}]"
        return (
            f"{api}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {home}}}\n{rules}\n---\n"
            f"{api}\nkind: {kind}Binding\nmetadata: {{name: {name}}}\n{binding}\n"
        )

    written = {
        "base/wide.yaml": role("ClusterRole", "any-name", "get", "other", "delivr-operator"),
        "base/others.yaml": role("ClusterRole", "delivr-operator", "delete", "other"),
        "overlays/role.yaml": role("Role", "delivr-operator", "list", "delivr-operator"),
        "components/more/role.yaml": role("Role", "more", "watch", "delivr-operator", home="delivr-system"),
    }
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert granted(tmp_path) == {
        WIDE: {Right("pods", "get"), Right("pods", "watch")},
        NARROW: {Right("pods", "list"), Right("pods", "watch")},
    }


def test_what_is_used_and_granted_is_no_fault() -> None:
    given = granted()
    assert faults(given, given, whole=True) == []


@pytest.mark.parametrize("each", Installation)
def test_a_right_that_nobody_used_is_a_fault_of_a_whole_run(each: Installation) -> None:
    used = granted()
    extra = Right("secrets", "delete")
    given = {**used, each: used[each] | {extra}}
    assert faults(given, used, whole=True) == [f"{each}: granted and never used: delete secrets"]
    assert faults(given, used, whole=False) == []


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("each", Installation)
def test_a_right_that_is_asked_and_not_granted_is_a_fault_of_any_run(each: Installation, whole: bool) -> None:
    used = granted()
    status = Right("releasesetups/status", "patch", "release.delivr.live")
    given = {**used, each: used[each] - {status}}
    expected = [f"{each}: asked for and not granted: patch releasesetups/status.release.delivr.live"]
    assert faults(given, used, whole=whole) == expected


def test_a_whole_run_without_an_operator_is_a_fault() -> None:
    nothing = dict.fromkeys(Installation, frozenset[Right]())
    assert f"{WIDE}: no operator was seen at work" in faults(granted(), nothing, whole=True)


# The plugin in runs of its own


def run(folder: Path, body: str, *arguments: str) -> tuple[int, str]:
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["tests_of_it"]\n')
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.rights_plugin"]\n')
    tests = folder / "tests_of_it"
    tests.mkdir(exist_ok=True)
    (tests / "test_it.py").write_text(body)
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", LEDGER))}
        | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return answer.returncode, answer.stdout


def writing(rights: dict[Installation, frozenset[Right]]) -> str:
    content = json.dumps({k: [[r.resource, r.verb, r.group] for r in v] for k, v in rights.items()})
    return (
        "import os, pathlib\n"
        "def test_one():\n"
        f"    pathlib.Path(os.environ['{LEDGER}'], 'asked.json').write_text({content!r})\n"
        "def test_two(): pass\n"
    )


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_whole_run_compares_at_its_end(tmp_path: Path, workers: str) -> None:
    used = dict(granted())
    code, said = run(tmp_path, writing(used), workers)
    assert (code, "\ncompared\n" in said) == (0, True), said
    used = {each: rights - {Right("events", "create")} for each, rights in used.items()}
    code, said = run(tmp_path, writing(used), workers)
    assert code == 1, said
    assert "FAILED cluster-wide: granted and never used: create events" in said
    code, said = run(tmp_path, "def test_nothing(): pass", workers)
    assert code == 1
    assert "FAILED namespaced: no operator was seen at work" in said


@pytest.mark.parametrize(
    "arguments",
    [("-k", "one"), ("tests_of_it/test_it.py",), ("--deselect", "tests_of_it/test_it.py::test_two")],
)
def test_a_narrowed_run_says_that_it_does_not_look_for_unused_rights(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    nothing = dict.fromkeys(Installation, frozenset[Right]())
    code, said = run(tmp_path, writing(nothing), *arguments)
    assert code == 0, said
    assert "not compared for unused rights: the run was narrowed by" in said
    foreign = {**nothing, NARROW: frozenset({Right("pods", "list")})}
    code, said = run(tmp_path, writing(foreign), *arguments)
    assert code == 1
    assert "FAILED namespaced: asked for and not granted: list pods" in said


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_part_that_is_said_to_use_everything_is_compared_with_what_any_server_logged(
    tmp_path: Path, workers: str
) -> None:
    def logging(given: dict[Installation, frozenset[Right]]) -> str:
        lines = [
            event(
                right.verb,
                "",
                "delivr-system" if each is WIDE else "t1",
                objectRef={
                    **dict(zip(("resource", "subresource"), right.resource.split("/"), strict=False)),
                    "apiGroup": right.group,
                },
            )
            for each, rights in given.items()
            for right in rights
        ]
        log = "\n".join(lines) + "\n"
        return (
            "def test_one(tmp_path):\n"
            "    (tmp_path / 'plane').mkdir()\n"
            f"    (tmp_path / 'plane' / 'audit-1.log').write_text({log!r})\n"
        )

    used = dict(granted())
    part = (workers, "--compare-rights", "tests_of_it/test_it.py")
    code, said = run(tmp_path, logging(used), *part)
    assert (code, "\ncompared\n" in said) == (0, True), said
    status = Right("releasesetups/status", "patch", "release.delivr.live")
    code, said = run(tmp_path, logging({each: rights - {status} for each, rights in used.items()}), *part)
    assert code == 1, said
    assert said.count("granted and never used: patch releasesetups/status.release.delivr.live") == 2
