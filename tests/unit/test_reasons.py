"""Reasons are an API: closed, CamelCase, each with a sentence, each documented."""

import re
from itertools import chain
from pathlib import Path

import pytest

from delivr_operator.outcome import Caveat, Doubt, IntegrationType, Rejected, Rejection, Unknown
from delivr_operator.reasons import CAVEATS, SENTENCES, TITLES, Reason, explain

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "reasons.md"
ALL = sorted({member.value for member in chain(Rejection, Doubt, Reason, Caveat)})


@pytest.mark.parametrize("reason", ALL)
def test_each_reason_has_the_form_of_an_api_and_a_row_in_the_docs(reason: str) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z]{2,39}", reason)
    assert f"| `{reason}` |" in PAGE.read_text()


def test_the_docs_name_no_reason_that_does_not_exist() -> None:
    named = set(re.findall(r"^\| `([A-Za-z]+)` \|", PAGE.read_text(), re.MULTILINE))
    assert named == set(ALL)


def test_every_outcome_has_a_sentence_that_ends_as_one() -> None:
    for member in chain(Rejection, Doubt):
        assert SENTENCES[member].endswith(".")
    assert set(CAVEATS) == set(Caveat)
    assert set(TITLES) == set(IntegrationType)


def test_an_explanation_names_the_provider_the_detail_and_the_answer() -> None:
    refused = Rejected(Rejection.INSUFFICIENT_PERMISSION, "Repository acme/app.", 403, "insufficient_scope")
    assert explain(IntegrationType.GITHUB, refused) == (
        "InsufficientPermission",
        f"GitHub {SENTENCES[refused.reason]} Repository acme/app. (HTTP 403 insufficient_scope)",
    )
    assert explain(IntegrationType.SLACK, Unknown(Doubt.TIMED_OUT))[1] == (
        "Slack did not answer in time: it is asked again soon."
    )
