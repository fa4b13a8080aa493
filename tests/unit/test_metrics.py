"""Metrics: what happened is counted, and a resource's series go with it."""

from datetime import UTC, datetime, timedelta

import pytest

from delivr_operator.metrics import Metrics
from delivr_operator.outcome import (
    Doubt,
    IntegrationType,
    Rejected,
    Rejection,
    Unknown,
    VerificationStatus,
    Verified,
)
from delivr_operator.resource import Key
from delivr_operator.sharing import PARTS
from delivr_operator.status import Condition, Entry, Status

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = Key("falcon", "mobile-app")


def status(ready: str, expires_at: datetime | None) -> Status:
    condition = Condition.model_validate(
        {
            "type": "Ready",
            "status": ready,
            "reason": "R",
            "message": "",
            "observedGeneration": 1,
            "lastTransitionTime": NOW,
        }
    )
    entry = Entry(
        type=IntegrationType.GITHUB,
        verification_status=VerificationStatus.VALID,
        reason="Verified",
        message="",
        expires_at=expires_at,
    )
    return Status(conditions=(condition,), integrations=(entry,))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(per_resource=True, queue_depth=lambda: 7)


def lines(metrics: Metrics) -> set[str]:
    return {line for line in metrics.page().decode().splitlines() if not line.startswith("#")}


def test_verdicts_passes_and_the_queue_are_counted(metrics: Metrics) -> None:
    for outcome in (Verified(), Rejected(Rejection.REVOKED), Unknown(Doubt.TIMED_OUT)):
        metrics.probed(IntegrationType.SLACK, outcome, timedelta(seconds=1))
    metrics.passed("done", timedelta(milliseconds=20))
    metrics.wrote_status()
    assert {
        'delivr_probes_total{reason="Verified",type="SLACK",verdict="Verified"} 1.0',
        'delivr_probes_total{reason="Revoked",type="SLACK",verdict="Rejected"} 1.0',
        'delivr_probes_total{reason="TimedOut",type="SLACK",verdict="Unknown"} 1.0',
        'delivr_probe_seconds_count{type="SLACK"} 3.0',
        'delivr_reconciles_total{result="done"} 1.0',
        'delivr_reconciles_total{result="error"} 0.0',
        'delivr_reconcile_seconds_count{result="done"} 1.0',
        "delivr_status_writes_total 1.0",
        "delivr_queue_depth 7.0",
    } <= lines(metrics)


def test_a_resource_has_its_series_for_as_long_as_it_is_there(metrics: Metrics) -> None:
    where = 'exported_namespace="falcon",name="mobile-app"'
    expiry = "delivr_credential_expiry_timestamp_seconds{" + where + ',type="GITHUB"}'
    metrics.show(KEY, status("True", NOW))
    assert "delivr_setup_ready{" + where + "} 1.0" in lines(metrics)
    (line,) = [line for line in lines(metrics) if line.startswith(expiry)]
    assert float(line.split()[-1]) == NOW.timestamp()
    metrics.show(KEY, status("False", None))
    assert "delivr_setup_ready{" + where + "} 0.0" in lines(metrics)
    assert not [line for line in lines(metrics) if line.startswith(expiry)]
    metrics.forget(KEY)
    metrics.forget(KEY)
    assert not [line for line in lines(metrics) if "falcon" in line]


def test_the_proof_that_is_oldest_is_the_one_that_is_shown(metrics: Metrics) -> None:
    family = 'delivr_setup_verified_timestamp_seconds{exported_namespace="falcon",name="mobile-app"}'
    entry = status("True", NOW).integrations[0]
    proofs = {IntegrationType.GITHUB: 5, IntegrationType.SLACK: 3, IntegrationType.JENKINS: 1}
    entries = tuple(
        entry.model_copy(
            update={
                "type": kind,
                "last_verified_at": NOW - timedelta(hours=5 - hour),
                "reason": "Disabled" if kind is IntegrationType.JENKINS else "Verified",
            }
        )
        for kind, hour in proofs.items()
    )
    metrics.show(KEY, Status(integrations=entries))
    (line,) = [line for line in lines(metrics) if line.startswith(family)]
    assert float(line.split()[-1]) == (NOW - timedelta(hours=2)).timestamp()
    assert not [line for line in lines(metrics) if 'type="JENKINS"' in line]
    metrics.show(KEY, status("False", None))
    assert not [line for line in lines(metrics) if line.startswith(family)]


def test_the_database_the_api_server_and_quotas_are_told(metrics: Metrics) -> None:
    assert "delivr_database_usable 1.0" in lines(metrics)
    metrics.transacted("sync", "unreachable", timedelta(seconds=15), usable=False)
    assert {
        "delivr_database_usable 0.0",
        'delivr_database_transactions_total{result="unreachable",work="sync"} 1.0',
        'delivr_database_transaction_seconds_sum{result="unreachable",work="sync"} 15.0',
    } <= lines(metrics)
    metrics.transacted("read", "done", timedelta(), usable=True)
    assert "delivr_database_usable 1.0" in lines(metrics)
    assert "delivr_database_deadlocks_total 0.0" in lines(metrics)
    metrics.deadlocked()
    assert "delivr_database_deadlocks_total 1.0" in lines(metrics)
    metrics.asked_cluster("patch", "releasesetups/status", "200")
    told = 'delivr_api_requests_total{code="200",resource="releasesetups/status",verb="patch"} 1.0'
    assert told in lines(metrics)
    left = {(IntegrationType.GITHUB, "provider"): 12}
    metrics.follow_quotas(lambda: left)
    assert 'delivr_provider_quota_remaining{host="provider",type="GITHUB"} 12.0' in lines(metrics)
    left.clear()
    assert not [x for x in lines(metrics) if x.startswith("delivr_provider_quota_remaining")]


def test_whoever_shares_with_nobody_sees_to_every_part(metrics: Metrics) -> None:
    assert f"delivr_shard_parts_held {PARTS}.0" in lines(metrics)
    held = [1, 2, 3]
    metrics.follow_parts(held.__len__)
    assert "delivr_shard_parts_held 3.0" in lines(metrics)
    held.clear()
    assert "delivr_shard_parts_held 0.0" in lines(metrics)


def test_the_queue_and_the_watches_are_asked_at_each_scrape() -> None:
    metrics = Metrics(
        per_resource=False,
        queue_depth=lambda: 7,
        queue_age=lambda: timedelta(minutes=2),
        watch_lag=lambda: timedelta(minutes=3),
        version="1.2.3",
    )
    assert {
        "delivr_queue_depth 7.0",
        "delivr_queue_oldest_seconds 120.0",
        "delivr_watch_lag_seconds 180.0",
        'delivr_operator_info{version="1.2.3"} 1.0',
    } <= lines(metrics)


def test_series_of_resources_can_be_left_out() -> None:
    metrics = Metrics(per_resource=False, queue_depth=lambda: 0)
    metrics.show(KEY, status("True", NOW))
    assert not [line for line in lines(metrics) if "falcon" in line]
