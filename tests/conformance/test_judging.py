"""The judges see what is wrong: a real exchange is spoiled in one place, and its texts must say so."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from delivr_operator.probing.limits import Limits
from dev.simulator.client import Request, Simulator
from tests.conformance.forms import FORMS
from tests.conformance.test_exchanges import WITHOUT_A_TEXT
from tests.conformance.vendors import complaints_of
from tests.integration.test_probing import NOBODY, prober


@pytest.fixture(scope="module")
def sim(simulator: dict[str, str]) -> Iterator[Simulator]:
    with Simulator(simulator) as client:
        yield client


def _path(request: Request) -> Request:
    before, _, query = request.path.partition("?")
    return replace(request, path=f"{before}/elsewhere" + (f"?{query}" if query else ""))


def _query(request: Request) -> Request:
    if request.provider == "SLACK":
        return replace(request, body=f"{request.body}&unheardOf=1".lstrip("&"))
    return replace(request, path=request.path + ("&" if "?" in request.path else "?") + "unheardOf=1")


def _more(request: Request) -> Request:
    return replace(request, answer_body=json.dumps({**json.loads(request.answer_body), "unheardOf": 1}))


def _other_type(request: Request) -> Request:
    """Give the first list, object or text of the answer as another type."""
    answer = json.loads(request.answer_body)
    name = next(name for name, value in answer.items() if isinstance(value, str | list | dict))
    return replace(request, answer_body=json.dumps({**answer, name: 12.5}))


def _status(request: Request) -> Request:
    return replace(request, status=299)


SPOILED: Mapping[str, Callable[[Request], Request]] = {
    "path": _path,
    "query": _query,
    "a field more": _more,
    "a field of another type": _other_type,
    "status": _status,
}
UNSEEN: dict[str, set[str]] = {
    # GitBeaker's types tell nothing of queries and statuses; Graph's describe every status from 200 to 299.
    "gitlab": {"query", "status"},
    "gitlab before 15.5": {"query", "status"},
    "teams": {"status"},
}


@pytest.mark.parametrize("form", sorted(set(FORMS) - WITHOUT_A_TEXT))
async def test_each_way_of_being_wrong_is_seen(sim: Simulator, form: str) -> None:
    given = FORMS[form](sim)
    async with prober(sim, Limits()) as opened:
        await opened.prove(given.credential(), NOBODY, datetime.now(UTC))
    judged = 0
    for request in sim.requests(credential=given.issued.label):
        known = complaints_of(request)
        if known is None or request.status != 200:
            continue
        judged += 1
        for way, spoil in SPOILED.items():
            found = complaints_of(spoil(request))
            seen = bool(set(map(_said, found or ())) - set(map(_said, known)))
            assert seen is (way not in UNSEEN.get(form, ())), (request.path, way)
    assert judged


def _said(complaint: str) -> Any:
    """Give a complaint without the exchange that it is about, which was spoiled."""
    return complaint.partition(" -> ")[2].partition(": ")[2] or complaint
