"""What kstatus (Flux, Helm), Argo CD and kubectl make of a ReleaseSetup, in every state that it can be in."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from lupa import lua51

from delivr_operator.conditions import COMPLETED, Facts, Finding, Progress, assess
from delivr_operator.outcome import IntegrationType as T
from delivr_operator.outcome import VerificationStatus
from delivr_operator.reasons import Reason
from delivr_operator.resource import Target
from delivr_operator.status import Entry, Status
from dev.access import ClusterAccess
from dev.kstatus import kstatus
from tests.documented import blocks
from tests.integration.declared import ROOT, example, new_namespace
from tests.verdict_matrix import MATRICES
from tests.verdict_matrix.row import Verdict

Json = dict[str, Any]
NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
SETTINGS = yaml.safe_load((ROOT / "manifests" / "gitops" / "argocd-cm.yaml").read_text())["data"]
HEALTH, ACTIONS, IGNORED = (
    SETTINGS[f"resource.customizations.{what}.release.delivr.live_ReleaseSetup"]
    for what in ("health", "actions", "ignoreResourceUpdates")
)
FINALIZER = "release.delivr.live/rows"
WELL = Facts(
    generation=1,
    now=NOW,
    max_staleness=timedelta(days=1),
    targets=(Target.PLAY_STORE,),
    entries=tuple(
        Entry(
            type=kind,
            verification_status=VerificationStatus.VALID,
            reason=Reason.VERIFIED,
            message="Verified.",
            last_verified_at=NOW,
        )
        for kind in (T.GITHUB, T.PLAY_STORE)
    ),
    refusal=None,
    synced=Finding("True", Reason.ROWS_COMMITTED, "The rows are committed."),
    committed=True,
)
STALLED = (
    *(Reason.INVALID_SPEC, Reason.NAMESPACE_NOT_BOUND, Reason.TENANT_MISMATCH, Reason.TENANT_CONFLICT),
    *(Reason.TENANT_NOT_FOUND, Reason.OWNER_NOT_FOUND, Reason.NOT_OWNER),
)


def verdicts() -> Iterator[Verdict]:
    """Give every verdict that a row of the matrix leads to."""
    for matrix in MATRICES:
        for row in matrix.rows:
            yield from (each for each in (row.course.never, row.course.held, row.course.repeated) if each)


def judged(verdict: Verdict) -> Facts:
    """Give a setup in which GitHub has this verdict and all else is well."""
    entry = replace_entry(WELL.entries[0], verdict.status, verdict.reason)
    return replace(WELL, entries=(entry, *WELL.entries[1:]))


def replace_entry(entry: Entry, status: VerificationStatus, reason: str) -> Entry:
    return entry.model_copy(update={"verification_status": status, "reason": reason, "message": f"{reason}."})


def situations() -> dict[str, Facts]:
    """Give all that a status can say: of integrations, of the tenant, of the database, of the spec."""
    found = {f"{each.ready} {each.progress.name} {each.reason}": judged(each) for each in verdicts()}
    unable = Finding("False", Reason.DATABASE_UNAVAILABLE, "The database is away.", Progress.RECONCILING)
    aside = Finding("False", Reason.SUSPENDED, "Suspended.")
    return {
        **found,
        **{
            reason.value: replace(WELL, refusal=Finding("False", reason, "Refused.", Progress.STALLED))
            for reason in STALLED
        },
        "database away": replace(WELL, synced=unable, committed=False),
        "database away after the commit": replace(WELL, synced=unable),
        "suspended": replace(WELL, synced=aside, committed=False),
        "suspended after the commit": replace(WELL, synced=aside),
        "stale": replace(WELL, now=NOW + timedelta(days=2)),
        "nothing declared": replace(WELL, entries=()),
        "no target": replace(WELL, targets=()),
        "no store": replace(WELL, entries=WELL.entries[:1]),
    }


@dataclass(frozen=True)
class Captured:
    """Objects as the API server gives them back, and the namespace that they are in."""

    namespace: str
    objects: Mapping[str, Json]

    def state(self, name: str) -> tuple[str, str, str]:
        """Give Ready's status, which of Reconciling and Stalled is True, and Ready's reason."""
        found = {each["type"]: each for each in self.objects[name]["status"]["conditions"]}
        progress = [kind for kind in ("Reconciling", "Stalled") if kind in found]
        return found["Ready"]["status"], ",".join(progress), found["Ready"]["reason"]


@pytest.fixture(scope="module")
def captured(installed: ClusterAccess) -> Captured:
    """Every situation, and what only the API server can make: no status yet, a newer spec, a deletion."""
    namespace = new_namespace(installed)
    names = {situation: f"s{number}" for number, situation in enumerate(situations())}
    extra = {"new": "new", "changed since": "changed", "being deleted": "deleted"}

    def declared(name: str, **spec: Any) -> Json:
        given = example("github")
        metadata = {"name": name, "namespace": namespace, "finalizers": [FINALIZER]}
        return {**given, "metadata": metadata, "spec": {**given["spec"], **spec}}

    def said(name: str, facts: Facts) -> Json:
        conditions = assess(facts, ())
        status = Status(observed_generation=1, integrations=facts.entries, conditions=conditions)
        return {**declared(name), "status": status.as_json()}

    def apply(objects: list[Json], *how: str) -> None:
        whole = {"apiVersion": "v1", "kind": "List", "items": objects}
        installed.kubectl(
            *("apply", "--server-side", "--force-conflicts", "--field-manager=test", *how, "-f", "-"),
            stdin=json.dumps(whole),
        )

    apply([declared(name) for name in (*names.values(), *extra.values())])
    facts = {name: situations()[situation] for situation, name in names.items()}
    facts |= {"changed": WELL, "deleted": WELL}
    apply([said(name, each) for name, each in facts.items()], "--subresource=status")
    apply([declared("changed", interval="2h")])
    installed.kubectl("delete", "releasesetup", "deleted", "-n", namespace, "--wait=false")
    listed = json.loads(installed.kubectl("get", "releasesetups", "-n", namespace, "-o", "json"))["items"]
    by_name = {each["metadata"]["name"]: each for each in listed}
    return Captured(namespace, {what: by_name[name] for what, name in (names | extra).items()})


def argo(script: str, given: Json) -> Any:
    """Run a script of Argo CD's: Lua 5.1 with no more of its libraries than Argo CD opens."""
    lua = lua51.LuaRuntime(unpack_returned_tuples=True)
    names = "string io debug package require coroutine dofile loadfile load loadstring math python"
    lua.execute(
        " ".join(f"{name} = nil" for name in names.split()) + " os = {date = os.date, time = os.time}"
    )
    lua.globals().obj = lua.table_from(given, recursive=True)
    return plain(lua.execute(script))


def plain(value: Any) -> Any:
    if lua51.lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if keys and keys == list(range(1, len(keys) + 1)):
        return [plain(each) for each in value.values()]
    return {key: plain(each) for key, each in value.items()}


KSTATUS = {"True": "Current", "Stalled": "Failed", "other": "InProgress"}
ARGO = {"True": "Healthy", "Stalled": "Degraded", "other": "Progressing"}


def expected(words: Mapping[str, str], ready: str, progress: str) -> str:
    return words["True"] if ready == "True" else words.get(progress, words["other"])


def test_the_situations_are_all_that_there_are(captured: Captured) -> None:
    states = {captured.state(each) for each in situations()}
    assert {(ready, progress) for ready, progress, _ in states} == {
        ("True", ""),
        ("False", "Stalled"),
        ("False", "Reconciling"),
        ("False", ""),
        ("Unknown", ""),
    }
    promised = {(each.ready, each.progress.value or "") for each in verdicts()}
    assert promised <= {(ready, progress) for ready, progress, _ in states}
    assert {each.reason for each in verdicts() if each.ready != "True"} <= {reason for _, _, reason in states}


def test_kstatus_says_what_the_conditions_mean(captured: Captured) -> None:
    found = dict(zip(captured.objects, kstatus(list(captured.objects.values())), strict=True))
    for situation in situations():
        ready, progress, _ = captured.state(situation)
        assert found[situation][0] == expected(KSTATUS, ready, progress), (situation, found[situation])
    assert [found[each][0] for each in ("new", "changed since")] == ["InProgress"] * 2
    assert found["being deleted"][0] == "Terminating"


def test_argo_cd_says_what_the_conditions_mean(captured: Captured) -> None:
    for situation in situations():
        ready, progress, reason = captured.state(situation)
        found = argo(HEALTH, captured.objects[situation])
        words = ARGO if reason != Reason.SUSPENDED else {**ARGO, "": "Suspended"}
        assert found["status"] == expected(words, ready, progress), (situation, found)
        assert found["message"]
    for unfinished in ("new", "changed since", "being deleted"):
        assert argo(HEALTH, captured.objects[unfinished])["status"] == "Progressing", unfinished
    well = argo(HEALTH, captured.objects["True NONE Verified"])
    assert well == {"status": "Healthy", "message": COMPLETED}


def test_argo_cd_offers_verifying_and_the_api_server_takes_it(
    installed: ClusterAccess, captured: Captured
) -> None:
    actions = yaml.safe_load(ACTIONS)
    offered = argo(actions["discovery.lua"], captured.objects["new"])
    assert offered["verify"]["disabled"] is False
    (verify,) = (each["action.lua"] for each in actions["definitions"] if each["name"] in offered)
    for name in ("new", "True NONE Verified"):
        given = captured.objects[name]
        asked = argo(verify, given)["metadata"]["annotations"]["release.delivr.live/requestedAt"]
        moment = datetime.strptime(asked, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        assert abs(moment.timestamp() - time.time()) < 120
        where = ("releasesetup", given["metadata"]["name"], "-n", captured.namespace)
        installed.kubectl("annotate", *where, "--dry-run=server", f"release.delivr.live/requestedAt={asked}")


def test_argo_cd_overlooks_a_heartbeat_and_nothing_else(captured: Captured) -> None:
    rules = yaml.safe_load(IGNORED)
    paths = [[f".{part}" for part in each.strip("/").split("/")] for each in rules["jsonPointers"]]
    paths += [re.findall(r"\.\w+|\[\]\?", each) for each in rules["jqPathExpressions"]]
    before = captured.objects["True NONE Verified"]

    def seen(given: Json) -> Json:
        copied = json.loads(json.dumps(given))
        for path in paths:
            forget(copied, path)
        return dict(copied)

    def changed(**fields: Any) -> Json:
        return {**before, "status": {**before["status"], **fields}}

    later = "2026-11-25T07:00:00Z"
    entries = before["status"]["integrations"]
    beat = [{**each, "lastVerifiedAt": later, "retryAt": later, "failures": 3} for each in entries]
    quiet = changed(lastVerifiedAt=later, lastHandledReconcileAt="now", integrations=beat)
    assert seen(quiet) == seen(before)
    changes: tuple[Json, ...] = (
        {"conditions": []},
        {"observedGeneration": 2},
        {"integrations": [{**each, "verificationStatus": "INVALID"} for each in entries]},
        {"integrations": [{**each, "expiresAt": later} for each in entries]},
    )
    for fields in changes:
        assert seen(changed(**fields)) != seen(before), fields


def forget(value: Any, path: list[str]) -> None:
    """Take out what a path names, in each item of a list where it says `[]?`."""
    first, *rest = path
    if first == "[]?":
        for each in value if isinstance(value, list) else ():
            forget(each, rest)
    elif isinstance(value, dict) and not rest:
        value.pop(first[1:], None)
    elif isinstance(value, dict):
        forget(value.get(first[1:]), rest)


def test_kubectl_waits_for_ready_and_for_nothing_else(installed: ClusterAccess, captured: Captured) -> None:
    names = {each["metadata"]["name"]: situation for situation, each in captured.objects.items()}
    ready = {
        captured.objects[one]["metadata"]["name"] for one in situations() if captured.state(one)[0] == "True"
    }

    def waited(chosen: list[str], patience: str) -> subprocess.CompletedProcess[str]:
        command = [
            *(str(installed.kubectl_program), "--kubeconfig", str(installed.kubeconfig)),
            *("wait", "-n", captured.namespace, "--for=condition=Ready", f"--timeout={patience}"),
            *(f"releasesetup/{name}" for name in chosen),
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    well = waited(sorted(ready), "60s")
    assert (well.returncode, well.stdout.count("condition met")) == (0, len(ready))
    for name in names.keys() - ready - {"deleted"}:
        answer = waited([name], "1ms")
        assert answer.returncode == 1, names[name]
        assert "timed out" in answer.stderr


def test_the_command_of_the_page_merges_the_settings(installed: ClusterAccess) -> None:
    (block,) = (each for each in blocks("docs/gitops.md") if each.is_commands)
    kept = "resource.customizations.health.example.test_Other"
    installed.kubectl("create", "namespace", "argocd")
    installed.kubectl(
        "create", "configmap", "argocd-cm", "-n", "argocd", f"--from-literal={kept}=return {{}}"
    )
    search = f"{installed.kubectl_program.parent}:{os.environ['PATH']}"
    environment = {**os.environ, "KUBECONFIG": str(installed.kubeconfig), "PATH": search}
    subprocess.run(["sh", "-ec", block.script], cwd=ROOT, env=environment, check=True, timeout=60)
    data = json.loads(installed.kubectl("get", "configmap", "argocd-cm", "-n", "argocd", "-o", "json"))[
        "data"
    ]
    assert {kept, *SETTINGS} == set(data)


def test_flux_waits_for_the_whole_folder() -> None:
    spec = yaml.safe_load((ROOT / "manifests" / "gitops" / "flux.yaml").read_text())["spec"]
    assert spec["wait"] is True
    assert "healthChecks" not in spec  # with wait, Flux ignores them
