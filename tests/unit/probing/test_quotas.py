"""What is left of a quota is read from headers of many kinds, and forgotten when it means nothing."""

import pytest

from delivr_operator.outcome import IntegrationType
from delivr_operator.probing.quotas import PROVIDERS_OWN, TENANTS_CHOICE, Quotas, remaining

GITHUB = (IntegrationType.GITHUB, PROVIDERS_OWN)
JENKINS = (IntegrationType.JENKINS, TENANTS_CHOICE)


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"x-ratelimit-remaining": "4999", "x-ratelimit-limit": "5000"}, 4999),
        ({"ratelimit-remaining": "0"}, 0),
        ({"x-ratelimit-requests-remaining": "1499"}, 1499),
        ({"x-rate-limit": "user-hour-lim:3600;user-hour-rem:3598;"}, 3598),
        ({"x-rate-limit": "user-hour-lim:3600;"}, None),
        ({"x-ratelimit-remaining": "-1"}, None),
        ({"x-ratelimit-remaining": "9" * 10}, None),
        ({"x-ratelimit-remaining": "many", "ratelimit-remaining": "7"}, 7),
        ({}, None),
    ],
)
def test_each_providers_way_of_saying_it_is_read(headers: dict[str, str], left: int | None) -> None:
    assert remaining(headers) == left


def test_the_credential_with_the_fewest_left_is_what_is_shown() -> None:
    quotas = Quotas(lambda: 0.0)
    for credential, left in (("one", "40"), ("two", "7"), ("three", "90"), ("two", "8")):
        quotas.note(GITHUB, credential, {"x-ratelimit-remaining": left})
    quotas.note(JENKINS, "one", {"ratelimit-remaining": "3"})
    quotas.note(GITHUB, "four", {})
    assert quotas.lowest() == {GITHUB: 8, JENKINS: 3}


def test_what_was_told_an_hour_ago_is_forgotten_and_takes_no_room() -> None:
    now = 0.0
    quotas = Quotas(lambda: now)
    for number in range(1000):
        quotas.note(GITHUB, f"credential {number}", {"x-ratelimit-remaining": "1"})
    now = 1800.0
    quotas.note(GITHUB, "credential 0", {"x-ratelimit-remaining": "5"})
    now = 3600.0
    assert quotas.lowest() == {GITHUB: 5}
    assert len(quotas._told) == 1
    now = 5400.0
    assert quotas.lowest() == {}
