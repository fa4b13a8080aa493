"""What has no end or no measure costs bounded memory and time, and is said with its reason."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.tenancy import Tenancy, eventually

MEBIBYTE = 1024 * 1024
POD_LIMIT = 512 * MEBIBYTE
"""resources.limits.memory of manifests/base/deployment.yaml; half of it is the measure here."""
LONGEST_PASS = 60.0
"""Seconds: 45 for a probe, all of them at once, and what a busy machine adds."""
PATIENCE = 150.0
"""More than two such passes."""
MOST = {"jenkins": 50, "slack": 100}
"""What the definition allows."""
LOOKED_THROUGH = 4001
"""One more channel than Slack's pages are turned for."""


def peak(process_id: int) -> int:
    """The most memory that a process has ever held, in bytes."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024


FAULTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "github": ("HUGE", {"size": 0}, "UnexpectedResponse"),
    "slack": ("BOMB", {}, "UnexpectedResponse"),
    "appStoreConnect": ("DRIP", {"interval": 0.2}, "TimedOut"),
    "playStore": ("HANG", {}, "TimedOut"),
    "jenkins": ("HUGE", {"size": 300 * MEBIBYTE}, "UnexpectedResponse"),
}


@pytest.mark.timeout(400)
def test_answers_without_end_or_measure_cost_bounded_memory_and_time(tenancy: Tenancy) -> None:
    setup = tenancy.complete(jenkins=tenancy.jenkins(), githubActions=None)
    for member, (fault, fields, _) in FAULTS.items():
        tenancy.simulator.fault(fault, credential=tenancy.issued[member].label, **fields)
    with tenancy.operator() as process:
        tenancy.apply(setup)
        await_reason(tenancy, "UnexpectedResponse")
        reasons = {e["type"]: e["reason"] for e in tenancy.get()["status"]["integrations"]}
        assert sorted(reasons.values()) == sorted(reason for _, _, reason in FAULTS.values())
        assert reasons["APP_STORE_CONNECT"] == reasons["PLAY_STORE"] == "TimedOut"
        assert "larger than 1048576 bytes" in tenancy.entry("GITHUB")["message"]
        bounded(tenancy, process.pid)
        for member in FAULTS:
            tenancy.simulator.lift(credential=tenancy.issued[member].label)
        mark = "release.delivr.live/requestedAt=again"
        tenancy.kubectl("annotate", "releasesetup", "mobile-app", mark)
        await_reason(tenancy, "SetupCompleted")
        bounded(tenancy, process.pid)


@pytest.mark.timeout(400)
def test_huge_secrets_and_the_largest_spec_are_read_and_said(tenancy: Tenancy) -> None:
    jenkins = {**tenancy.jenkins(), "pipelines": pipelines(tenancy, MOST["jenkins"])}
    label = tenancy.issued["jenkins"].id
    for one in jenkins["pipelines"]:
        tenancy.simulator.target("JENKINS", "job", one["jobPath"], visible_to=[label])
    setup = tenancy.complete(jenkins=jenkins, githubActions=None)
    token = tenancy.issued["github"].secret["accessToken"]
    largest = MEBIBYTE - len(token) - 64  # the API server refuses a Secret of more than 1 MiB
    tenancy.kubectl("delete", "secret", "github")
    create(tenancy, tenancy.secret("github", {"accessToken": "x" * largest}))
    tenancy.apply(setup)
    with tenancy.operator() as process:
        await_reason(tenancy, "Misconfigured")
        assert "is longer than 16384 characters" in tenancy.entry("GITHUB")["message"]
        assert tenancy.entry("JENKINS")["verificationStatus"] == "VALID"
        tenancy.kubectl("delete", "secret", "github")
        create(tenancy, tenancy.secret("github", {"accessToken": token, "rest": "y" * largest}))
        await_reason(tenancy, "SetupCompleted")
        bounded(tenancy, process.pid)


@pytest.mark.timeout(400)
def test_thousands_of_pipelines_and_channels_are_refused_or_looked_through_in_bounds(
    tenancy: Tenancy,
) -> None:
    many = 5000
    jenkins, slack = tenancy.jenkins(), tenancy.slack()
    members: tuple[tuple[str, Any], ...] = (
        ("jenkins", {**jenkins, "pipelines": pipelines(tenancy, many)}),
        ("slack", {**slack, "channels": [f"channel-{n}" for n in range(many)]}),
    )
    for member, fields in members:
        with pytest.raises(subprocess.CalledProcessError) as refused:
            create(tenancy, tenancy.setup(github=tenancy.github(), **{member: fields}))
        assert f"must have at most {MOST[member]} items" in refused.value.stderr

    workspace = tenancy.issued["slack"].fields["workspace"]
    for number in range(LOOKED_THROUGH):
        tenancy.simulator.target("SLACK", "channel", f"other-{number}", workspace=workspace)
    wanted = [f"absent-{number}" for number in range(MOST["slack"])]
    tenancy.apply(tenancy.setup(github=tenancy.github(), slack={**slack, "channels": wanted}))
    with tenancy.operator() as process:
        eventually(
            lambda: "declare channels by their ids" in tenancy.entry("SLACK").get("message", ""),
            "Slack's channels were too many",
            PATIENCE,
        )
        assert tenancy.entry("GITHUB")["verificationStatus"] == "VALID"
        assert tenancy.simulator.count(credential=tenancy.issued["slack"].label) < 25
        bounded(tenancy, process.pid)


def pipelines(tenancy: Tenancy, number: int) -> list[dict[str, str]]:
    home = tenancy.namespace
    return [{"name": f"p{n}", "jobPath": f"{home}/job-{n}", "platform": "ANDROID"} for n in range(number)]


def create(tenancy: Tenancy, one: dict[str, Any]) -> None:
    """Not by apply, which writes the whole of it into an annotation, of 256 KiB at most."""
    tenancy.access.kubectl("create", "-f", "-", stdin=json.dumps(one))


def await_reason(tenancy: Tenancy, reason: str) -> None:
    try:
        eventually(lambda: tenancy.condition().get("reason") == reason, reason, PATIENCE)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{tenancy.get().get('status')}\n{tenancy.log()[-3000:]}") from None


def bounded(tenancy: Tenancy, process_id: int) -> None:
    """Neither memory nor the time of any pass went past its bound."""
    passes = [json.loads(line).get("seconds", 0) for line in tenancy.log().splitlines()]
    held = peak(process_id)
    print(f"peak {held // MEBIBYTE} MiB, longest pass {max(passes):.1f} s")  # noqa: T201 - seen with -s
    assert held < POD_LIMIT / 2
    assert 0 < max(passes) < LONGEST_PASS
