"""Monitoring: a real Prometheus reads the running operator, and every alert and panel means something."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from dev.ports import free_ports
from dev.prometheus import Prometheus, prometheus
from tests.integration.operating import Operating, operating
from tests.integration.tenancy import ROOT, Tenancy, eventually

MONITORING = ROOT / "manifests" / "monitoring"
ALERTS = MONITORING / "alerts.yaml"
PROOFS = ROOT / "tests" / "data" / "monitoring" / "alerts_test.yaml"
SCRAPE = 1
RANGE = "20s"
"""What Grafana would put in place of $__rate_interval where each second is scraped."""


@pytest.fixture(scope="session")
def programs() -> Prometheus:
    return prometheus()


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def expressions() -> list[tuple[str, str]]:
    """Every query of the dashboard, with its panel's title."""
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", ())]


# Alerts


def test_the_rules_are_what_prometheus_reads(programs: Prometheus) -> None:
    done = subprocess.run(
        [programs.promtool, "check", "rules", ALERTS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(alerts())} rules found" in done.stdout


def test_every_alert_fires_when_it_must_and_not_before(programs: Prometheus, tmp_path: Path) -> None:
    for file in (ALERTS, PROOFS):
        shutil.copy(file, tmp_path)
    done = subprocess.run(
        [programs.promtool, "test", "rules", PROOFS.name],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_is_left_unproved() -> None:
    tried: dict[str, set[bool]] = {}
    for test in yaml.safe_load(PROOFS.read_text())["tests"]:
        for case in test["alert_rule_test"]:
            names = {str(series) for series in case.get("exp_alerts", ())}
            tried.setdefault(case["alertname"], set()).add(bool(names))
    assert {rule["alert"] for rule in alerts()} == tried.keys()
    others = {name for name, fires in tried.items() if fires != {True, False}}
    # Beside the one that must fire, each test of expiry has others that must not.
    assert others <= {"DelivrCredentialExpiresIn14Days", "DelivrCredentialExpiresIn3Days"}


def test_both_kinds_of_rule_say_the_same() -> None:
    rule = yaml.safe_load((MONITORING / "prometheus-rule.yaml").read_text())
    assert rule["spec"] == yaml.safe_load(ALERTS.read_text())


# What a real Prometheus has of a real operator


@dataclass(frozen=True)
class Scraping:
    """A Prometheus that reads the operator."""

    port: int

    def ask(self, path: str, **query: str) -> Any:
        answer = httpx.get(
            f"http://127.0.0.1:{self.port}/api/v1/{path}", params=query, timeout=10, trust_env=False
        )
        found = answer.json()
        assert found["status"] == "success", found
        return found["data"]

    def values(self, expression: str) -> list[dict[str, Any]]:
        """The samples that a query gives now; NaN, which a panel would not draw, is none."""
        found = self.ask("query", query=expression.replace("$__rate_interval", RANGE))["result"]
        return [one for one in found if one["value"][1] != "NaN"]


@contextmanager
def scraping(programs: Prometheus, operator: Operating, folder: Path) -> Iterator[Scraping]:
    (port,) = free_ports(1)
    configuration = {
        "global": {"scrape_interval": f"{SCRAPE}s", "evaluation_interval": f"{SCRAPE}s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [
            {
                "job_name": "delivr-operator",
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{operator.port}"],
                        "labels": {"namespace": "delivr-system", "pod": "delivr-operator-0"},
                    }
                ],
            }
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration))
    command = [
        *(str(programs.server), f"--config.file={path}", f"--storage.tsdb.path={folder / 'prometheus'}"),
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    found = Scraping(port)
    try:
        eventually(lambda: _is_up(found), "Prometheus has read the operator")
        yield found
    finally:
        process.terminate()
        process.wait(30)


def _is_up(found: Scraping) -> bool:
    """Tell whether it serves, which it does not as long as it reads its store, and has read the operator."""
    try:
        ready = httpx.get(f"http://127.0.0.1:{found.port}/-/ready", timeout=10, trust_env=False)
    except httpx.TransportError:
        return False
    return ready.is_success and bool(found.values('up{job="delivr-operator"} == 1'))


def test_a_real_prometheus_has_something_to_draw_in_every_panel(
    tenancy: Tenancy, programs: Prometheus, tmp_path: Path
) -> None:
    setup = tenancy.complete()
    soon = datetime.now(UTC) + timedelta(days=10)
    setup["spec"]["github"] = tenancy.github(expires_at=soon.isoformat())
    other = tenancy.setup(name="refused", tenantId="another-tenant")
    tenancy.apply(setup, other)
    with operating(tenancy) as operator, scraping(programs, operator, tmp_path) as found:
        tenancy.await_ready("True")
        tenancy.await_ready("False", name="refused")
        # Work goes on while it is read: rates need counters that move, in two scrapes at least.
        tenancy.apply(tenancy.secret("slack", {"botToken": "xoxb-1-" + "0" * 24}))
        tenancy.await_ready("False", "BadCredentials")

        def without_data() -> list[tuple[str, str]]:
            return [one for one in expressions() if not found.values(one[1])]

        eventually(lambda: not without_data(), "every panel has data")
        assert {one["metric"]["name"] for one in found.values("delivr_setup_ready == 0")} == {
            "mobile-app",
            "refused",
        }
        (ready,) = found.values('delivr_setup_ready{name="refused"}')
        assert ready["metric"]["namespace"] == "delivr-system"
        assert ready["metric"]["exported_namespace"] == tenancy.namespace

        # The rules are evaluated over these very series: what is pending is what should be.
        eventually(
            lambda: (
                {rule for rule, state in states(found).items() if state != "inactive"}
                == {"DelivrSetupNotReady", "DelivrCredentialExpiresIn14Days"}
            ),
            "exactly these alerts are under way",
        )
        assert states(found).keys() == {rule["alert"] for rule in alerts()}

        tenancy.kubectl("delete", "releasesetup", "refused")
        eventually(
            lambda: not found.values('delivr_setup_ready{name="refused"}'),
            "its series went with the resource",
        )
        operator.stop()
        eventually(lambda: found.values("absent(delivr_operator_info)"), "the operator is absent")


def states(found: Scraping) -> dict[str, str]:
    (group,) = found.ask("rules")["groups"]
    return {rule["name"]: rule["state"] for rule in group["rules"]}


def test_every_metric_that_is_queried_is_one_that_the_operator_has(tenancy: Tenancy) -> None:
    with operating(tenancy) as operator:
        families = {
            line.split()[2] for line in operator.ask("/metrics")[1].splitlines() if line.startswith("# TYPE")
        }
    asked = [expression for _, expression in expressions()] + [rule["expr"] for rule in alerts()]
    names = {name for one in asked for name in re.findall(r"\b(?:delivr|process)_[a-z_]+", one)}
    known = {name + suffix for name in families for suffix in ("", "_total", "_bucket")}
    assert names <= known, names - known


def test_labels_are_bounded_and_hold_nothing_from_outside(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.complete(jenkins=tenancy.jenkins()))
    with operating(tenancy) as operator:
        tenancy.await_ready("True")
        page = operator.ask("/metrics")[1]
    own = {tenancy.namespace, "mobile-app"}
    values = set(re.findall(r'="([^"]*)"', page)) - own
    assert not [value for value in values if not re.fullmatch(r"[A-Za-z_/+]*|[0-9.e+]+|\+Inf", value)]
    assert "127.0.0.1" not in page
    for one in tenancy.issued.values():
        assert not [value for value in one.secret.values() if value in page]
