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


def test_series_of_resources_can_be_left_out() -> None:
    metrics = Metrics(per_resource=False, queue_depth=lambda: 0)
    metrics.show(KEY, status("True", NOW))
    assert not [line for line in lines(metrics) if "falcon" in line]
