"""What the operator's roles grant, and what the API servers' audit logs say that it asked, held together.

Both ways: nothing is granted that no test has the operator use, and nothing is asked that its role does not
grant.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from dev.cache import locked

MANIFESTS = Path(__file__).parents[1] / "manifests"
LEDGER = "DELIVR_TEST_RIGHTS"
"""Names the folder in which the workers of one run write down what they saw."""
HOME = "delivr-system"
ACCOUNT = "delivr-operator"
_USER = f":{ACCOUNT}"


class Installation(StrEnum):
    """How the operator is installed."""

    CLUSTER_WIDE = "cluster-wide"
    NAMESPACED = "namespaced"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource, a subresource with its slash."""

    resource: str
    verb: str
    group: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''}"


Rights = Mapping[Installation, frozenset[Right]]


def granted(manifests: Path = MANIFESTS) -> Rights:
    """Return what the roles that are bound to the operator's account grant.

    A ClusterRole is for the whole cluster, a Role for one namespace, but for one in the operator's home: that
    is for either installation.
    """
    objects = [
        one
        for path in sorted(manifests.rglob("*.yaml"))
        for one in yaml.safe_load_all(path.read_text())
        if one and str(one.get("apiVersion", "")).startswith("rbac.authorization.k8s.io/")
    ]
    bound = {
        (one["roleRef"]["kind"], one["roleRef"]["name"])
        for one in objects
        if any(s["kind"] == "ServiceAccount" and s["name"] == ACCOUNT for s in one.get("subjects", ()))
    }
    found: dict[Installation, set[Right]] = {each: set() for each in Installation}
    for one in objects:
        if (one["kind"], one["metadata"]["name"]) in bound and "rules" in one:
            for each in _installations(one):
                found[each].update(_rights(one))
    return {each: frozenset(rights) for each, rights in found.items()}


def _installations(role: Mapping[str, Any]) -> frozenset[Installation]:
    if role["kind"] == "ClusterRole":
        return frozenset({Installation.CLUSTER_WIDE})
    at_home = role["metadata"].get("namespace") == HOME
    return frozenset(Installation) if at_home else frozenset({Installation.NAMESPACED})


def _rights(role: Mapping[str, Any]) -> Iterable[Right]:
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from (Right(resource, verb, group) for verb in rule["verbs"])


def asked(lines: Iterable[str]) -> Rights:
    """Return what operators asked of an API server, allowed or not, by the lines of its audit log."""
    found: dict[Installation, set[Right]] = {each: set() for each in Installation}
    for line in lines:
        if _USER not in line:
            continue
        event = json.loads(line)
        user, thing = str(event["user"]["username"]), event.get("objectRef")
        if not user.endswith(_USER) or not thing or "impersonatedUser" in event:
            continue
        home = user.split(":")[2]
        kind = Installation.CLUSTER_WIDE if home == HOME else Installation.NAMESPACED
        below = f"/{thing['subresource']}" if "subresource" in thing else ""
        right = Right(thing["resource"] + below, event["verb"], thing.get("apiGroup", ""))
        found[kind].add(right)
    return {each: frozenset(rights) for each, rights in found.items()}


def note_asked(folder: Path) -> None:
    """Write down what operators asked, by the audit logs below `folder`, before these go."""
    kept = os.environ.get(LEDGER)
    if kept is None:
        return
    seen: dict[Installation, set[Right]] = {each: set() for each in Installation}
    for log in _logs(folder):
        with suppress(FileNotFoundError), log.open() as lines:  # a shared server takes its log along
            for each, rights in asked(lines).items():
                seen[each] |= rights
    ledger = Path(kept) / "asked.json"
    with locked(ledger.with_suffix(".lock")):
        before = read_ledger(Path(kept))
        both = {
            each: sorted([right.resource, right.verb, right.group] for right in seen[each] | before[each])
            for each in Installation
        }
        ledger.write_text(json.dumps(both))


def _logs(folder: Path) -> Iterable[Path]:
    """All audit logs below; what goes meanwhile is passed over."""
    for home, _, names in os.walk(folder):
        yield from (Path(home, name) for name in names if fnmatch(name, "audit*.log"))


def read_ledger(folder: Path) -> Rights:
    """Return what all workers have seen."""
    try:
        content = json.loads((folder / "asked.json").read_text())
    except FileNotFoundError:
        content = {}
    return {each: frozenset(Right(*one) for one in content.get(each, ())) for each in Installation}


def faults(given: Rights, used: Rights, *, whole: bool) -> list[str]:
    """Return each right that is asked and not granted and, after a whole run, each that nobody used.

    The code is the same in both installations, so a right counts as used where either used it.
    """
    found = [
        f"{each}: asked for and not granted: {right}"
        for each in Installation
        for right in sorted(used[each] - given[each])
    ]
    if whole:
        ever = frozenset().union(*used.values())
        found += [
            f"{each}: granted and never used: {right}"
            for each in Installation
            for right in sorted(given[each] - ever)
        ]
        found += [f"{each}: no operator was seen at work" for each in Installation if not used[each]]
    return found
