"""Sharing answers: many resources with one bad token cost a handful of calls, and a mended one is seen."""

import pytest

from delivr_operator.outcome import Doubt, Expired, Outcome, Rejected, Rejection, Unknown, Verified
from delivr_operator.probing.shared_answers import SharedAnswers

BAD = Rejected(Rejection.BAD_CREDENTIALS, http_status=401)
ABSENT = Rejected(Rejection.TARGET_NOT_FOUND, http_status=404)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def answers(clock: Clock) -> SharedAnswers:
    return SharedAnswers(clock)


@pytest.mark.parametrize("outcome", [Verified(), BAD, ABSENT, Expired()])
def test_an_answer_stands_for_half_a_minute_and_for_its_target_only(
    answers: SharedAnswers, clock: Clock, outcome: Outcome
) -> None:
    answers.note("a", outcome)
    assert answers.about("b") is None
    clock.now += 29
    assert answers.about("a") == outcome
    clock.now += 1
    assert answers.about("a") is None


def test_cannot_tell_is_never_shared(answers: SharedAnswers) -> None:
    answers.note("a", Unknown(Doubt.TIMED_OUT))
    assert answers.about("a") is None
    assert answers.is_empty


def test_a_confirmed_refusal_stands_for_every_target_for_six_hours(
    answers: SharedAnswers, clock: Clock
) -> None:
    answers.note("a", BAD)
    clock.now += 60
    assert answers.about("a") is None
    answers.note("a", BAD)
    assert answers.about("b") == BAD
    clock.now += 6 * 3600 - 1
    assert answers.about("c") == BAD
    clock.now += 1
    assert answers.about("c") is None


def test_two_refusals_in_quick_succession_confirm_nothing(answers: SharedAnswers, clock: Clock) -> None:
    answers.note("a", BAD)
    clock.now += 59
    answers.note("b", BAD)
    assert answers.about("c") is None


def test_a_target_that_is_absent_says_nothing_of_the_credential(answers: SharedAnswers, clock: Clock) -> None:
    for _ in range(3):
        answers.note("a", ABSENT)
        clock.now += 100
    assert answers.about("b") is None


def test_a_yes_ends_a_refusal(answers: SharedAnswers, clock: Clock) -> None:
    answers.note("a", BAD)
    clock.now += 60
    answers.note("a", BAD)
    answers.note("a", Verified())
    assert answers.about("b") is None
    assert answers.about("a") == Verified()


def test_a_day_with_one_bad_token_and_five_hundred_resources_costs_a_handful(clock: Clock) -> None:
    answers, asked = SharedAnswers(clock), 0
    for _ in range(24 * 500):  # each resource once an hour, evenly spread
        if answers.about("a") is None:
            asked += 1
            answers.note("a", BAD)
        clock.now += 7.2
    assert asked <= 10


def test_all_is_forgotten_when_it_no_longer_matters(answers: SharedAnswers, clock: Clock) -> None:
    answers.note("a", BAD)
    assert not answers.is_empty
    clock.now += 13 * 3600
    assert answers.is_empty
