"""A start: whoever is at rest is left alone once that is known, in whatever order the watches tell."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivr_operator.cluster import Shown
from delivr_operator.handlers import Inbox
from delivr_operator.inventory import Inventory
from delivr_operator.metrics import Metrics
from delivr_operator.newcomers import Newcomers
from delivr_operator.observed import Rules
from delivr_operator.queue import WorkQueue
from delivr_operator.resource import FINALIZER, Key
from delivr_operator.verification import Schedule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = Key("falcon", "app")
TENANT = "Kp3xQ7_m-Z"
GITHUB = {"organization": "acme", "repoName": "app", "secretRef": {"name": "github"}}
NEXT = Schedule("uid", timedelta(hours=1)).next_tick(NOW)


def body(key: Key = KEY, version: int = 5, **metadata: Any) -> dict[str, Any]:
    """A resource at rest: verified with version 3 of its Secret, and committed."""
    entry = {"type": "GITHUB", "verificationStatus": "VALID", "reason": "Verified", "message": ""}
    entry |= {"lastVerifiedAt": "2026-03-01T11:59:00Z", "secretVersion": "3", "fingerprint": "f"}
    conditions = [
        {"type": kind, "status": "True", "reason": reason, "message": "", "observedGeneration": 1}
        | {"lastTransitionTime": "2026-03-01T11:00:00Z"}
        for kind, reason in (("Ready", "SetupCompleted"), ("Synced", "RowsCommitted"))
    ]
    return {
        "metadata": {
            "namespace": key.namespace,
            "name": key.name,
            "uid": "uid",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "resourceVersion": str(version),
            "finalizers": [FINALIZER],
            **metadata,
        },
        "spec": {"tenantId": TENANT, "owner": "owner@example.test", "github": GITHUB},
        "status": {
            "observedGeneration": 1,
            "committedGeneration": 1,
            "integrations": [entry],
            "conditions": conditions,
            "lastVerifiedAt": "2026-03-01T11:59:00Z",
        },
    }


class Start:
    """An operator that has just started, as far as its watches tell it something."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.now = NOW
        self.queue = WorkQueue(lambda: self.now)
        self.metrics = Metrics(per_resource=True, queue_depth=lambda: 0)
        inventory = Inventory()
        self.newcomers = Newcomers(
            inventory, self.queue, self.metrics, Rules(), lambda: self.now, is_open=is_open
        )
        self.inbox = Inbox(inventory, self.queue, self.metrics, self.newcomers)

    def setup(self, **change: Any) -> None:
        asyncio.run(self.inbox.setup_seen(body(**change), gone=False))

    def namespace(self, tenant: str = TENANT) -> None:
        annotations = {"release.delivr.live/tenant-id": tenant}
        self.inbox.namespace_seen(Shown("falcon", "7", "", annotations))

    def secret(self, version: str = "3", name: str = "github") -> None:
        self.inbox.secret_seen(Shown(name, version, "falcon", {}))

    @property
    def gets_a_pass(self) -> bool:
        return len(self.queue) > 0

    @property
    def rests(self) -> bool:
        """Whether it is planned for its next tick, and for nothing sooner."""
        if self.gets_a_pass:
            return False
        self.now = NEXT - timedelta(seconds=1)
        self.queue._promote()
        sooner = self.gets_a_pass
        self.now = NEXT
        self.queue._promote()
        return self.gets_a_pass and not sooner


TOLD: dict[str, Callable[[Start], None]] = {
    "setup": Start.setup,
    "namespace": Start.namespace,
    "secret": Start.secret,
    "secrets listed": lambda start: start.newcomers.secrets_listed(frozenset()),
}
ORDERS = [one for one in itertools.permutations(TOLD) if one.index("secret") < one.index("secrets listed")]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_what_is_as_its_status_knows_it_rests_in_whatever_order_that_is_told(order: tuple[str, ...]) -> None:
    start = Start()
    for told in order:
        assert not start.gets_a_pass
        TOLD[told](start)
    assert start.rests


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize(
    "change",
    [
        {"secret": lambda start: start.secret("4")},
        {"secret": lambda start: start.secret(name="another")},
        {"namespace": lambda start: start.namespace("kp3xq7_m-z")},
        {"setup": lambda start: start.setup(generation=2)},
        {"setup": lambda start: start.setup(annotations={"release.delivr.live/requestedAt": "now"})},
    ],
    ids=["Secret changed", "Secret gone", "bound to another", "spec changed", "asked for"],
)
def test_what_changed_while_nobody_looked_gets_a_pass_at_once(
    order: tuple[str, ...], change: dict[str, Callable[[Start], None]]
) -> None:
    start = Start()
    for told in order:
        (TOLD | change)[told](start)
    assert start.gets_a_pass


@pytest.mark.parametrize("missing", ["namespace", "secrets"])
def test_of_whom_too_little_is_known_gets_a_pass_when_the_start_is_over(missing: str) -> None:
    start = Start()
    start.setup()
    for told in ("secret", "secrets listed") if missing == "namespace" else ("namespace",):
        TOLD[told](start)
    assert not start.gets_a_pass
    start.newcomers.close()
    assert start.gets_a_pass


def test_when_the_start_is_over_or_nobody_may_rest_all_get_a_pass() -> None:
    over, never = Start(), Start(is_open=False)
    over.newcomers.close()
    for start in (over, never):
        start.setup()
        assert start.gets_a_pass


def test_two_that_declare_one_tenant_get_a_pass_each() -> None:
    start = Start()
    for told in ("namespace", "secret", "secrets listed", "setup"):
        TOLD[told](start)
    assert not start.gets_a_pass
    start.setup(key=Key("falcon", "rival"))
    assert len(start.queue) == 2


def test_news_after_the_first_is_a_pass_as_ever() -> None:
    start = Start()
    for told in ("namespace", "secret", "secrets listed", "setup"):
        TOLD[told](start)
    start.secret("4")
    assert start.gets_a_pass
    other = Start()
    other.setup()
    other.setup(version=6)
    assert other.gets_a_pass


def test_of_a_page_all_are_taken_down_but_those_that_cannot_be_and_others_have_their_turn_meanwhile() -> None:
    start, turns = Start(), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def listed() -> None:
        meanwhile = asyncio.create_task(others())
        await start.inbox.setups_listed([{"metadata": {}}, *(body(Key("falcon", name)) for name in "abc")])
        meanwhile.cancel()

    asyncio.run(listed())
    assert {key.name for key in start.inbox.inventory} == set("abc")
    assert turns >= 3


def test_the_metrics_of_what_rests_stand_without_a_pass() -> None:
    start = Start()
    start.setup()
    assert b'name="app"' in start.metrics.page()
