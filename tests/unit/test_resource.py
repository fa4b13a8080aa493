"""Reading a resource: durations, metadata, and problems that name fields and never repeat a value."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from delivr_operator.resource import (
    ALLOWED_HOSTS_ANNOTATION,
    InvalidSpec,
    Key,
    ReleaseSetup,
    Spec,
    Target,
    allowed_hosts,
    parse_duration,
    parse_spec,
)

CANARY = "c4naryZq"
GOOD: dict[str, Any] = {"tenantId": "Kp3xQ7_m-Z", "owner": "owner@example.test"}
METADATA: dict[str, Any] = {
    "namespace": "falcon",
    "name": "app",
    "uid": "u1",
    "creationTimestamp": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1m", 60), ("24h", 86400), ("1h30m", 5400), ("90m", 5400), ("0s", 0), ("1m1m", 120)],
)
def test_durations_add_up(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "30", "h", "1d", "-1h", "1.5h", "1h ", " 1h", "1H", "1h\n", "٣h", "1234567s", "999999h" * 30000],
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="must look like 30m, 1h or 1h30m"):
        parse_duration(text)


@given(st.timedeltas(timedelta(minutes=1), timedelta(hours=24)).map(lambda d: int(d.total_seconds())))
def test_every_interval_in_bounds_is_read_back(seconds: int) -> None:
    text = f"{seconds // 3600}h{seconds % 3600 // 60}m{seconds % 60}s"
    spec = parse_spec({**GOOD, "interval": text})
    assert isinstance(spec, Spec)
    assert spec.interval == timedelta(seconds=seconds)


def test_what_is_left_out_has_the_documented_default() -> None:
    spec = parse_spec(GOOD)
    assert isinstance(spec, Spec)
    assert (spec.interval, spec.suspend, spec.deletion_policy) == (timedelta(hours=1), False, "Delete")
    assert (spec.targets, spec.platforms, dict(spec.members)) == ((), (), {})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tenantId": f"{CANARY} x"}, "spec.tenantId"),
        ({"tenantId": "x" * 37}, "spec.tenantId"),
        ({"tenantId": "Kp3xQ7_m-Z\n"}, "spec.tenantId"),
        ({"tenantId": 7}, "spec.tenantId"),
        ({"owner": ""}, "spec.owner"),
        ({"owner": CANARY * 40}, "spec.owner"),
        ({"targets": [CANARY]}, "spec.targets.0"),
        ({"targets": CANARY}, "spec.targets"),
        ({"platforms": ["IOS", CANARY]}, "spec.platforms.1"),
        ({"interval": CANARY}, "spec.interval"),
        ({"interval": "59s"}, "spec.interval"),
        ({"interval": "24h1s"}, "spec.interval"),
        ({"suspend": CANARY}, "spec.suspend"),
        ({"deletionPolicy": CANARY}, "spec.deletionPolicy"),
    ],
)
def test_a_problem_names_the_field_and_not_the_value(changes: dict[str, Any], field: str) -> None:
    spec = parse_spec({**GOOD, **changes})
    assert isinstance(spec, InvalidSpec)
    assert [problem.partition(": ")[0] for problem in spec.problems] == [field]
    assert CANARY not in str(spec)


@pytest.mark.parametrize("raw", [None, CANARY, [CANARY], 7])
def test_a_spec_that_is_no_object_is_one_problem(raw: object) -> None:
    spec = parse_spec(raw)
    assert isinstance(spec, InvalidSpec)
    assert len(spec.problems) == 1
    assert spec.problems[0].startswith("spec: ")
    assert CANARY not in str(spec)


def test_every_problem_is_said_at_once() -> None:
    spec = parse_spec({"interval": "x", "targets": [1]})
    assert isinstance(spec, InvalidSpec)
    fields = {problem.partition(": ")[0] for problem in spec.problems}
    assert fields == {"spec.tenantId", "spec.owner", "spec.interval", "spec.targets.0"}


@pytest.mark.parametrize(
    ("written", "policy", "suspend"),
    [
        ({}, "Delete", False),
        ({"deletionPolicy": "Delete", "suspend": False}, "Delete", False),
        ({"deletionPolicy": "Retain", "suspend": True}, "Retain", True),
        ({"deletionPolicy": ["Delete"], "suspend": "no"}, "Retain", True),
        ({"deletionPolicy": None, "suspend": None}, "Retain", True),
        ([], "Retain", False),
        (None, "Retain", False),
    ],
)
def test_what_deleting_an_unreadable_spec_does_is_read_for_itself(
    written: object, policy: str, suspend: bool
) -> None:
    spec = parse_spec(written)
    assert isinstance(spec, InvalidSpec)
    assert (spec.deletion_policy, spec.suspend) == (policy, suspend)


@pytest.mark.parametrize(("target", "platform"), [("APP_STORE", "IOS"), ("PLAY_STORE", "ANDROID")])
def test_a_target_needs_its_platform(target: str, platform: str) -> None:
    alone = parse_spec({**GOOD, "targets": [target]})
    assert isinstance(alone, InvalidSpec)
    assert alone.problems == (f"spec: target {target} needs platform {platform}: add it to platforms",)
    both = parse_spec({**GOOD, "targets": [target], "platforms": [platform]})
    assert isinstance(both, Spec)
    assert both.targets == (Target(target),)


def test_members_stay_as_written() -> None:
    spec = parse_spec({**GOOD, "github": {"organization": "acme"}, "anything": 7})
    assert isinstance(spec, Spec)
    assert spec.members == {"github": {"organization": "acme"}, "anything": 7}


def test_metadata_is_read_once() -> None:
    annotations = {"release.delivr.live/requestedAt": "now/GITHUB"}
    body = {
        "metadata": {
            **METADATA,
            "generation": 3,
            "resourceVersion": "42",
            "finalizers": ["a", "b"],
            "annotations": annotations,
            "deletionTimestamp": "2026-01-02T00:00:00Z",
        },
        "spec": GOOD,
        "status": {"message": "said"},
    }
    found = ReleaseSetup.parse(body)
    assert (found.key, str(found.key)) == (Key("falcon", "app"), "falcon/app")
    assert (found.uid, found.generation, found.resource_version) == ("u1", 3, "42")
    assert found.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (found.deleting, found.finalizers, found.requested_at) == (True, ("a", "b"), "now/GITHUB")
    assert found.raw_status == {"message": "said"}


def test_metadata_that_is_left_out_has_a_meaning() -> None:
    found = ReleaseSetup.parse({"metadata": {**METADATA, "finalizers": None, "annotations": None}})
    assert (found.deleting, found.finalizers, found.requested_at) == (False, (), None)
    assert found.raw_status == {}
    assert isinstance(found.spec, InvalidSpec)


def test_a_resource_cannot_change() -> None:
    found = ReleaseSetup.parse({"metadata": METADATA, "spec": GOOD})
    with pytest.raises(ValidationError):
        found.uid = "u2"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("written", "hosts"),
    [
        ("Jenkins.acme.test, ci.acme.test:8443", {"jenkins.acme.test", "ci.acme.test:8443"}),
        (" a ,, b,", {"a", "b"}),
        ("", set()),
        (",", set()),
    ],
)
def test_allowed_hosts_are_listed_by_commas(written: str, hosts: set[str]) -> None:
    assert allowed_hosts({ALLOWED_HOSTS_ANNOTATION: written, "other": "c"}) == hosts


def test_no_annotation_allows_no_host() -> None:
    assert allowed_hosts(None) == allowed_hosts({}) == frozenset()
