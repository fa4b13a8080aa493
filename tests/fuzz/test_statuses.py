"""Whatever stands in a previous status, a pass over it ends, and people are shown it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import example
from hypothesis import strategies as st

from delivr_operator.outcome import Doubt, IntegrationType, Rejected, Rejection, Unknown, Verified
from delivr_operator.overview import (
    Shown,
    exit_code,
    exit_code_of_entries,
    next_steps,
    rows_of_entries,
    rows_of_setups,
)
from delivr_operator.plan import choose, decide
from delivr_operator.report import Committed, Withheld, conclude, next_pass, transitions, worth_writing
from delivr_operator.resource import ReleaseSetup
from delivr_operator.status import Entry, Status
from tests.fuzz.garbage import leaves, moments, objects, thrown
from tests.unit.providers.samples import samples
from tests.verdict_matrix.passing import RULES, Setup, content

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
METADATA = {"name": "a", "namespace": "b", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
STATUS = tuple(str(field.alias) for model in (Status, Entry) for field in model.model_fields.values())
VALUES = st.sampled_from(
    [*IntegrationType, "VALID", "INVALID", "EXPIRED", "Verified", "RateLimited", "True", "Ready"]
)
ENTRY = objects(STATUS, leaves | moments | VALUES | st.lists(VALUES))


SETUP_SEEN = ReleaseSetup.parse({"metadata": METADATA, "spec": {"tenantId": "t", "owner": "o"}})


FIRST = Setup(
    IntegrationType.GITHUB,
    samples()[IntegrationType.GITHUB].written,
    content(samples()[IntegrationType.GITHUB].secret),
).first
KNOWN = {one.type: {"fingerprint": one.fingerprint, "secretVersion": "1"} for one in FIRST.declared}
"""What makes an entry one about this very credential."""
OF_GITHUB = {"type": "GITHUB", "reason": "", "message": "", **KNOWN[IntegrationType.GITHUB]}


@thrown(
    rest=objects(STATUS, leaves | moments),
    entries=st.lists(
        st.builds(
            lambda kind, more: {
                "type": kind,
                "reason": "Verified",
                "message": "",
                **KNOWN.get(kind, {}),
                **more,
            },
            st.sampled_from([*IntegrationType]),
            st.dictionaries(st.sampled_from(STATUS), moments | VALUES | leaves, max_size=4),
        ),
        max_size=3,
    ),
    outcome=st.sampled_from([Verified(), Unknown(Doubt.TIMED_OUT), Rejected(Rejection.BAD_CREDENTIALS)]),
)
@example(rest={}, entries=[OF_GITHUB | {"caveats": 5}], outcome=Verified())
@example(rest={}, entries=[OF_GITHUB | {"lastVerifiedAt": "9999-12-31T23:59:59Z"}], outcome=Verified())
@example(rest={}, entries=[OF_GITHUB | {"lastVerifiedAt": "2026-01-01T00:00:00"}], outcome=Verified())
def test_a_pass_over_any_previous_status_ends(rest: dict[str, Any], entries: list[Any], outcome: Any) -> None:
    previous = Status.parse({**rest, "integrations": entries})
    observed = replace(FIRST, previous=previous)
    seen(previous)
    answers = {one.type: outcome for one in choose(observed, RULES, NOW)}
    decision = decide(observed, RULES, answers, NOW)
    for synced in (Committed(), Withheld()):
        status = conclude(observed, RULES, decision, synced, NOW)
        assert next_pass(observed, decision, RULES, synced, NOW) is not None
        transitions(previous, status)
        worth_writing(previous, status, RULES, in_rows=True)
        again = Status.parse(status.as_json())
        assert again.as_json() == status.as_json()


def seen(previous: Status) -> None:
    """Show a status as `delivr-operator status` does."""
    shown = Shown(SETUP_SEEN, previous)
    assert len([*rows_of_setups([shown], NOW, namespaces=True, wide=True)]) == 2
    assert len([*rows_of_entries(previous.integrations, NOW)]) == 1 + len(previous.integrations)
    assert [*next_steps(shown)]
    assert exit_code([shown]) in {0, 1, 2}
    assert exit_code_of_entries(previous.integrations) in {0, 1, 2}
