"""Hosts that a tenant chooses, over real HTTPS: not asked before the Secret names them, and well then."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from delivr_operator.outcome import IntegrationType, Rejected, Rejection, Verified
from dev.simulator.client import Simulator
from tests.integration.scenes import Scene, scene
from tests.integration.test_probing import NOBODY, prober
from tests.verdict_matrix import MATRICES
from tests.verdict_matrix.row import Answer, Matrix

T = IntegrationType
CHOSEN = tuple(matrix for matrix in MATRICES if Answer.HOST_NOT_ALLOWED not in matrix.absent)
"""Every form of every type that is asked at an address from the spec."""


@pytest.fixture(scope="module")
def sim(simulator: dict[str, str]) -> Iterator[Simulator]:
    with Simulator(simulator) as client:
        yield client


def own_host(sim: Simulator, matrix: Matrix) -> tuple[Scene, str]:
    """Give a scene of this form at `localhost`, and that host as a Secret names it."""
    given = scene(sim, matrix.type, **matrix.form.issued)
    named = {name: value.format(**sim.settings) for name, value in matrix.form.written.items()}
    written: dict[str, Any] = {**given.written, **named}
    (field,) = {"url", "apiUrl"} & written.keys()
    written[field] = written[field].replace("127.0.0.1", "localhost")
    return Scene(matrix.type, given.issued, written), f"localhost:{urlsplit(written[field]).port}"


@pytest.mark.parametrize("matrix", CHOSEN, ids=lambda matrix: matrix.name)
async def test_a_host_that_a_tenant_chose_gets_nothing_before_it_is_allowed(
    sim: Simulator, matrix: Matrix
) -> None:
    given, name = own_host(sim, matrix)
    credential, now = given.credential(), datetime.now(UTC)
    async with prober(sim, TRUSTED_HOSTS="") as opened:
        for hosts in (NOBODY, frozenset({"localhost"}), frozenset({name})):
            outcome = await opened.prove(credential, hosts, now)
            assert isinstance(outcome, Rejected), outcome
            assert outcome.reason is Rejection.HOST_NOT_ALLOWED
            assert outcome.certain is (name not in hosts)
    async with prober(sim, TRUSTED_HOSTS="127.0.0.0/8") as opened:
        assert isinstance(await opened.prove(credential, NOBODY, now), Rejected)
        assert sim.requests(credential=given.issued.label) == []
        outcome = await opened.prove(credential, frozenset({name}), now)
        assert isinstance(outcome, Verified), outcome


def test_these_are_all_that_have_a_host_of_their_own() -> None:
    own = {T.GITHUB, T.GITHUB_ACTIONS, T.GITLAB, T.BITBUCKET, T.JENKINS, T.JIRA, T.TEST_RAIL}
    assert {matrix.type for matrix in CHOSEN} == own
