"""What a real API server answers to a status that it does not take, and what the operator makes of it."""

from collections.abc import Iterator

import pytest

from delivr_operator.cluster import Cluster, ClusterUnavailable
from delivr_operator.outcome import IntegrationType
from delivr_operator.resource import ReleaseSetup
from delivr_operator.status import Entry, Status
from dev.access import ClusterAccess
from tests.integration.declared import TENANT, new_namespace
from tests.integration.rest import Rest

NEWS = Status(observed_generation=1, message="news")
SETUP = {
    "apiVersion": "release.delivr.live/v1",
    "kind": "ReleaseSetup",
    "metadata": {"name": "mobile-app"},
    "spec": {"tenantId": TENANT, "owner": "owner@example.test"},
}


@pytest.fixture
def rest(installed: ClusterAccess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rest]:
    monkeypatch.setenv("KUBECONFIG", str(installed.kubeconfig))
    found = Rest(installed, new_namespace(installed))
    yield found
    found.close()


async def test_a_status_of_what_is_as_it_was_seen_is_written(rest: Rest) -> None:
    seen = ReleaseSetup.parse(rest.create(SETUP))
    async with Cluster.connect() as cluster:
        written = await cluster.write_status(seen, NEWS)
    assert written is not None
    assert written.raw_status["message"] == rest.standing()["status"]["message"] == "news"


async def test_a_status_of_an_older_generation_is_not_written(rest: Rest) -> None:
    seen = ReleaseSetup.parse(rest.create(SETUP))
    rest.patch({"spec": {"interval": "2h"}})
    async with Cluster.connect() as cluster:
        assert await cluster.write_status(seen, NEWS) is None
    assert "message" not in rest.standing()["status"]


async def test_a_status_of_another_object_of_that_name_is_not_written(rest: Rest) -> None:
    seen = ReleaseSetup.parse(rest.create(SETUP))
    rest.delete()
    rest.create(SETUP)
    async with Cluster.connect() as cluster:
        assert await cluster.write_status(seen, NEWS) is None
    assert "message" not in rest.standing()["status"]


async def test_a_finalizer_of_what_changed_is_not_touched(rest: Rest) -> None:
    seen = ReleaseSetup.parse(rest.create(SETUP))
    rest.patch({"metadata": {"labels": {"team": "falcon"}}})
    async with Cluster.connect() as cluster:
        assert await cluster.set_finalizer(seen, present=True) is None
    assert "finalizers" not in rest.standing()["metadata"]


async def test_a_status_that_the_schema_refuses_is_no_change_of_the_object(rest: Rest) -> None:
    seen = ReleaseSetup.parse(rest.create(SETUP))
    refused = NEWS.model_copy(
        update={"integrations": (Entry(type=IntegrationType.SLACK, reason="?", message=""),)}
    )
    async with Cluster.connect() as cluster:
        with pytest.raises(ClusterUnavailable) as told:
            await cluster.write_status(seen, refused)
    assert told.value.status == 422
    assert "message" not in rest.standing()["status"]
