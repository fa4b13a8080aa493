"""A real operator while something hangs: what is ill health, what is not, and that it ends within seconds."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dev.access import write_kubeconfig
from tests.integration.operating import Operating, operating
from tests.integration.tenancy import TENANT, Tenancy, eventually
from tests.integration.wires import Pace, Wire, frozen_watches, wire_to

DEADLINE = 15
STUCK_AFTER = 2 * DEADLINE
END = 10.0
"""Seconds within which an operator that is told to stop is gone."""


@pytest.fixture
def wire(tenancy: Tenancy) -> Iterator[Wire]:
    """The operator's way to its database."""
    tenancy.extra |= {"PASS_DEADLINE": f"{DEADLINE}s", "RECHECK_INTERVAL": "1s"}
    with wire_to(tenancy.database.port) as found:
        through = replace(tenancy.database, port=found.port)
        tenancy.extra["DATABASE_URL"] = through.url(tenancy.database_name)
        yield found


@contextmanager
def ready(tenancy: Tenancy, *arguments: str) -> Iterator[Operating]:
    """An operator that has made the tenant Ready."""
    tenancy.apply(tenancy.complete())
    with operating(tenancy, *arguments) as found:
        tenancy.await_ready("True")
        yield found


def touch(tenancy: Tenancy, value: str) -> None:
    """Have a person ask for a proof of everything."""
    annotation = f"release.delivr.live/requestedAt={value}"
    tenancy.kubectl("annotate", "releasesetup", "mobile-app", annotation, "--overwrite")


def test_outages_of_providers_and_the_database_are_nobodys_ill_health(tenancy: Tenancy, wire: Wire) -> None:
    with ready(tenancy) as operator:
        wire.pace = Pace.STALLED
        tenancy.simulator.fault("HANG", credential=tenancy.issued["github"].label)
        touch(tenancy, "one")
        began = time.monotonic()
        while time.monotonic() - began < 1.5 * STUCK_AFTER:
            assert operator.ask("/healthz") == (200, "ok")
            assert operator.ask("/readyz") == (200, "ok")
            time.sleep(0.5)  # the whole stretch counts, not an end of it
        assert operator.metric("delivr_database_usable") == 0
        assert operator.metric('delivr_database_transactions_total{result="unreachable"') >= 1
        assert operator.metric('delivr_reconciles_total{result="timeout"}') >= 1
        wire.pace = Pace.WHOLE
        tenancy.simulator.lift(credential=tenancy.issued["github"].label)
        asked = eventually(
            lambda: tenancy.get()["status"].get("lastHandledReconcileAt"), "the proof was made"
        )
        assert asked == "one"
        assert operator.metric("delivr_database_usable") == 1


def test_a_provider_that_hangs_holds_up_nobody_else(tenancy: Tenancy) -> None:
    tenancy.extra["WORKERS"] = "1"
    with ready(tenancy):
        asked = tenancy.simulator.count(credential=tenancy.issued["github"].label)
        tenancy.simulator.fault("HANG", credential=tenancy.issued["github"].label)
        touch(tenancy, "one")
        eventually(
            lambda: tenancy.simulator.count(credential=tenancy.issued["github"].label) > asked,
            "GitHub is being asked",
        )
        tenancy.apply(tenancy.setup("second"))
        tenancy.await_ready("False", "TenantConflict", "second")
        assert "lastHandledReconcileAt" not in tenancy.get()["status"]  # GitHub is still waited for


def test_a_thread_of_the_database_that_hangs_is_ill_health(tenancy: Tenancy, wire: Wire) -> None:
    with ready(tenancy) as operator:
        wire.pace = Pace.DRIPPING
        touch(tenancy, "one")
        said = eventually(
            lambda: operator.ask("/healthz")[0] == 500 and operator.ask("/healthz")[1],
            "it says that it hangs",
        )
        assert said.startswith("stuck: database read ")
        assert operator.stop()[1] < END


def test_a_watch_that_shows_nothing_is_ill_health(tenancy: Tenancy, tmp_path: Path) -> None:
    tenancy.extra["PASS_DEADLINE"] = f"{DEADLINE}s"
    tenancy.apply(tenancy.complete())
    token = tenancy.access.service_account_token(tenancy.namespace, "delivr-operator")
    with frozen_watches(tenancy.access.server, tmp_path / "pki") as door:
        path = write_kubeconfig(
            tmp_path / "kubeconfig",
            f"https://127.0.0.1:{door.port}",
            door.authority.read_bytes(),
            "delivr-operator",
            token,
        )
        with operating(tenancy, kubeconfig=path) as operator:
            tenancy.await_ready("True")
            assert door.watching
            door.frozen = True
            touch(tenancy, "one")
            said = eventually(
                lambda: operator.ask("/healthz")[0] == 500 and operator.ask("/healthz")[1],
                "it says that it sees nothing",
                2 * STUCK_AFTER,
            )
            assert said == "stuck: the watches do not show what is there"
            assert operator.metric("delivr_watch_lag_seconds") >= STUCK_AFTER
            door.frozen = False
            eventually(lambda: operator.ask("/healthz") == (200, "ok"), "it is well again", 2 * STUCK_AFTER)
            eventually(lambda: tenancy.get()["status"].get("lastHandledReconcileAt") == "one", "it was seen")


@pytest.mark.parametrize("hanging", ["nothing", "a provider", "the database", "both"])
def test_it_ends_within_seconds_and_the_next_one_goes_on(tenancy: Tenancy, wire: Wire, hanging: str) -> None:
    with ready(tenancy) as operator:
        if hanging in ("a provider", "both"):
            tenancy.simulator.fault("HANG", credential=tenancy.issued["github"].label)
        if hanging in ("the database", "both"):
            wire.pace = Pace.STALLED
        asked = tenancy.simulator.count(credential=tenancy.issued["github"].label)
        touch(tenancy, "one")
        if hanging == "a provider":
            eventually(
                lambda: tenancy.simulator.count(credential=tenancy.issued["github"].label) > asked,
                "GitHub is being asked",
            )
        elif hanging != "nothing":
            eventually(lambda: operator.metric("delivr_queue_depth") == 0, "the pass began")
        code, seconds = operator.stop()
        assert (code, seconds < END) == (0, True), f"{code} after {seconds:.1f} s\n{operator.text()[-2000:]}"
        assert operator.lines()[-1]["message"] == "stopped"
    wire.pace = Pace.WHOLE
    tenancy.simulator.lift(credential=tenancy.issued["github"].label)
    with operating(tenancy):
        eventually(
            lambda: tenancy.get()["status"].get("lastHandledReconcileAt") == "one", "the next one did it"
        )
    assert {row["verificationStatus"] for row in tenancy.integrations().values()} == {"VALID"}


# What is said


def test_each_pass_is_one_line_of_json_that_names_what_it_is_about(tenancy: Tenancy) -> None:
    with ready(tenancy) as operator:
        tenancy.apply(tenancy.secret("github", {"accessToken": "ghp_" + "0" * 36}))
        tenancy.await_ready("False", "BadCredentials")
        eventually(lambda: "BadCredentials" in operator.text(), "the pass is told")
        tenancy.kubectl("delete", "releasesetup", "mobile-app")
        eventually(lambda: '"released": true' in operator.text(), "its end is told")
        passes = sum(line["message"] == "reconciled" for line in operator.lines())
        assert passes == operator.metric('delivr_reconciles_total{result="done"}')
        operator.stop()
    told = [line for line in operator.lines() if "reconcile" in line]
    keys = {"time", "level", "logger", "message", "namespace", "name", "reconcile", "result", "seconds"}
    assert all(keys <= line.keys() for line in told)
    assert {(line["namespace"], line["name"]) for line in told} == {(tenancy.namespace, "mobile-app")}
    ids = [line["reconcile"] for line in told if "result" in line]
    assert len(ids) == len(set(ids))
    about_it = [line for line in told if "generation" in line]
    assert {line["tenant"] for line in about_it} == {TENANT}
    assert about_it[0]["generation"] == 1
    first = next(line for line in told if line.get("ready") == "True")
    assert (first["reason"], first["rows"], first["status"], first["probed"]) == (
        "SetupCompleted",
        True,
        True,
        5,
    )
    refused = next(line for line in told if line.get("reason") == "BadCredentials")
    assert (refused["ready"], refused["level"], refused["result"]) == ("False", "info", "done")
    for one in tenancy.issued.values():
        for name, value in one.secret.items():
            if name != "serviceAccountEmail":
                assert json.dumps(value)[1:-1] not in operator.text()


def test_people_may_have_text(tenancy: Tenancy) -> None:
    with ready(tenancy, "--log-format", "text") as operator:
        eventually(lambda: "ready=True" in operator.text(), "the pass is told")
        operator.stop()
    line = next(line for line in operator.text().splitlines() if "ready=True" in line)
    assert f"  info    reconciled  namespace={tenancy.namespace} name=mobile-app" in f"  {line[13:]}"
    assert f"tenant={TENANT}" in line
    assert not line.startswith("{")
