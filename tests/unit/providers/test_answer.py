"""How long a provider asks to be left alone, in each way in which it may say so."""

from datetime import timedelta

import pytest

from delivr_operator.outcome import Doubt
from delivr_operator.providers.answer import doubtful, is_skewed, retry_after
from delivr_operator.providers.exchange import Body, Response, read
from tests.unit.providers.scripted import NOW, answer


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Fri, 01 May 2026 12:02:00 GMT", 120),
        ("Friday, 01-May-26 12:02:00 GMT", 120),
        ("Fri, 01 May 2026 11:00:00 GMT", 0),
        ("999999999999", 30 * 24 * 3600),
        ("Fri, 01 May 9999 12:02:00 GMT", 30 * 24 * 3600),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: int) -> None:
    assert retry_after(answer(503, {}, {"retry-after": value})) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "-1", "soon", "1.5", "9" * 40, "Fri, 31 Feb 2026 12:00:00 GMT"])
def test_a_wish_that_cannot_be_read_is_none(value: str) -> None:
    assert retry_after(answer(503, {}, {"retry-after": value})) is None


def test_a_date_counts_from_the_providers_own_clock() -> None:
    ahead = answer(503, {}, {"retry-after": "Fri, 01 May 2026 12:02:00 GMT"}, skew=timedelta(minutes=-10))
    assert retry_after(ahead) == timedelta(minutes=12)


def test_without_a_clock_of_its_own_the_date_counts_from_arrival() -> None:
    silent = Response(503, {"retry-after": "Fri, 01 May 2026 12:02:00 GMT"}, b"", NOW)
    assert retry_after(silent) == timedelta(minutes=2)
    assert not is_skewed(silent)


def test_a_limit_without_a_wish_still_gets_a_pause() -> None:
    assert doubtful(answer(429)).retry_after == timedelta(seconds=60)
    assert doubtful(answer(500)).retry_after is None
    assert doubtful(answer(429)).reason is Doubt.RATE_LIMITED


class Shape(Body):
    name: str


@pytest.mark.parametrize(
    ("kind", "body", "fits"),
    [
        ("application/json", b'{"name": "a", "more": 1}', True),
        ("application/vnd.github+json; charset=utf-8", b'{"name": "a"}', True),
        ("application/javascript;charset=utf-8", b'{"name": "a"}', True),
        ("text/html", b'{"name": "a"}', False),
        ("application/json", b'{"name": 1}', False),
        ("application/json", b'{"name": "a"', False),
        ("application/json", b"[" * 100_000, False),
        ("application/json", b"\xff", False),
        ("application/json", b"", False),
    ],
)
def test_a_body_fits_its_shape_or_is_none(kind: str, body: bytes, fits: bool) -> None:
    found = read(Response(200, {"content-type": kind}, body, NOW), Shape)
    assert (found == Shape(name="a")) is fits
    assert (found is None) is not fits
