"""A day and a restart in the life of many healthy resources, with a clock that the test moves."""

import asyncio
import heapq
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes.aio import client

from delivr_operator.database import migrate_up, migration_engine
from delivr_operator.health import Health
from delivr_operator.inventory import Inventory
from delivr_operator.metrics import Metrics
from delivr_operator.reconcile import Outdated, Reconciler
from delivr_operator.resource import (
    GROUP,
    PLURAL,
    REQUESTED_AT_ANNOTATION,
    TENANT_ANNOTATION,
    VERSION,
    Key,
    ReleaseSetup,
)
from delivr_operator.running import Clocks, reconciling
from delivr_operator.settings import Settings
from delivr_operator.verification import REFUSED_PAUSE
from delivr_operator.worker import Instruments
from dev.access import ClusterAccess
from dev.database_server import DatabaseAccess
from dev.simulator.client import Issued, Simulator
from tests.integration.tenancy import ROOT
from tests.integration.test_sync import counted_exchanges

MANY = int(os.environ.get("DELIVR_TEST_RESOURCES", "1000"))
INTERVAL = timedelta(hours=6)
AT_ONCE = 16


def quiet() -> Instruments:
    metrics = Metrics(per_resource=False, queue_depth=lambda: 0)
    return Instruments(metrics, Health(lambda: datetime.now(UTC), timedelta(minutes=4)))


@dataclass
class Crowd:
    """Many tenants, each with one namespace, one Secret and one resource, and one database for all."""

    settings: Settings
    simulator: Simulator
    token: Issued
    keys: list[Key]
    database: DatabaseAccess
    database_name: str
    now: datetime

    def clock(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Reconciler]:
        """An operator that has just started: its inventory is filled by a list, and by nothing else."""
        inventory = Inventory()
        async with reconciling(
            self.settings, inventory, quiet(), None, Clocks(self.clock, self.seconds)
        ) as reconciler:
            for body in await self.bodies(reconciler):
                inventory.put(ReleaseSetup.parse(body))
                inventory.bind(body["metadata"]["namespace"], body["spec"]["tenantId"])
            yield reconciler

    async def bodies(self, reconciler: Reconciler) -> list[dict[str, Any]]:
        custom = client.CustomObjectsApi(reconciler.cluster._api)
        found: Any = await custom.list_cluster_custom_object(GROUP, VERSION, PLURAL)
        mine = {key.namespace for key in self.keys}
        return [body for body in found["items"] if body["metadata"]["namespace"] in mine]

    async def versions(self, reconciler: Reconciler) -> dict[str, str]:
        bodies = await self.bodies(reconciler)
        return {b["metadata"]["namespace"]: b["metadata"]["resourceVersion"] for b in bodies}

    async def passes(self, reconciler: Reconciler, keys: list[Key]) -> list[tuple[datetime, Key]]:
        """One pass over each key; return when the next are due."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(key: Key) -> tuple[datetime, Key]:
            async with turns:
                due = await reconciler.reconcile(key)
            assert due is not None
            return due, key

        return await asyncio.gather(*(one(key) for key in keys))

    async def request(self, reconciler: Reconciler, key: Key) -> None:
        """Ask by annotation, as a person does."""
        asked = {REQUESTED_AT_ANNOTATION: self.now.isoformat()}
        await self.change(reconciler, key, "/metadata/annotations", asked)

    async def change(self, reconciler: Reconciler, key: Key, path: str, value: object) -> None:
        """Change a resource, and let the operator see it as its watch would."""
        custom = client.CustomObjectsApi(reconciler.cluster._api)
        patch = [{"op": "add", "path": path, "value": value}]
        body: Any = await custom.patch_namespaced_custom_object(
            GROUP,
            VERSION,
            key.namespace,
            PLURAL,
            key.name,
            patch,
            _content_type="application/json-patch+json",
        )
        reconciler.inventory.put(ReleaseSetup.parse(body))

    def known_version(self, reconciler: Reconciler, key: Key) -> str:
        setup = reconciler.inventory.get(key)
        assert setup is not None
        return setup.resource_version

    def entry(self, reconciler: Reconciler, key: Key) -> dict[str, Any]:
        setup = reconciler.inventory.get(key)
        assert setup is not None
        (entry,) = setup.raw_status["integrations"]
        return dict(entry)

    async def events(self, reconciler: Reconciler) -> int:
        core = client.CoreV1Api(reconciler.cluster._api)
        return len([e for key in self.keys for e in (await core.list_namespaced_event(key.namespace)).items])

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with self.database.connect(self.database_name) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


@pytest.fixture
async def crowd(
    request: pytest.FixtureRequest,
    installed: ClusterAccess,
    mysql_server: DatabaseAccess,
    simulator: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Crowd]:
    name = f"crowd{secrets.token_hex(4)}"
    url = mysql_server.create_database(name, "utf8mb4")
    mysql_server.load(name, ROOT / "tests" / "data" / "base_tables.sql")
    settings = Settings.from_environment(
        {
            **simulator,
            "DATABASE_URL": url,
            "INTEGRATION_ENCRYPTION_KEY": "ab" * 32,
            "GITHUB_API_RATE_LIMIT": "1000000",
        }
    )
    engine = migration_engine(settings.database_url)
    migrate_up(engine)
    engine.dispose()
    monkeypatch.setenv("KUBECONFIG", str(installed.kubeconfig))
    with Simulator(simulator) as admin:
        token = admin.issue("GITHUB", quota=10_000_000)
        admin.target("GITHUB", "repository", f"{name}/mobile-app", visible_to=[token.id])
        keys = [Key(f"{name}-{number}", "mobile-app") for number in range(request.param)]
        found = Crowd(
            settings, admin, token, keys, mysql_server, name, datetime.now(UTC).replace(microsecond=0)
        )
        await _populate(found)
        yield found
    mysql_server.drop_database(name)


async def _populate(crowd: Crowd) -> None:
    tenants = [(f"t{number:06}", f"Tenant {number}") for number in range(len(crowd.keys))]
    with crowd.database.connect(crowd.database_name) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO tenants (id, displayName, createdBy, createdAt, updatedAt)"
            " VALUES (%s, %s, 'own_7Qx2-', UTC_TIMESTAMP(), UTC_TIMESTAMP())",
            tenants,
        )
        cursor.executemany(
            "INSERT INTO collaborators"
            " (email, accountId, tenantId, permission, isCreator, createdAt, updatedAt)"
            " VALUES ('owner@example.test', 'own_7Qx2-', %s, 'Owner', 1, NOW(), NOW())",
            [(tenant,) for tenant, _ in tenants],
        )
    async with reconciling(crowd.settings, Inventory(), quiet(), None, Clocks()) as reconciler:
        api = reconciler.cluster._api
        turns = asyncio.Semaphore(AT_ONCE)

        async def create(key: Key, tenant: str) -> None:
            async with turns:
                await _create(api, key, tenant, crowd)

        await asyncio.gather(*(create(key, t) for key, (t, _) in zip(crowd.keys, tenants, strict=True)))


async def _create(api: client.ApiClient, key: Key, tenant: str, crowd: Crowd) -> None:
    core, custom = client.CoreV1Api(api), client.CustomObjectsApi(api)
    metadata = client.V1ObjectMeta(name=key.namespace, annotations={TENANT_ANNOTATION: tenant})
    await core.create_namespace(client.V1Namespace(metadata=metadata))
    secret = client.V1Secret(metadata=client.V1ObjectMeta(name="github"), string_data=crowd.token.secret)
    await core.create_namespaced_secret(key.namespace, secret)
    body = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "ReleaseSetup",
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": {
            "tenantId": tenant,
            "owner": "owner@example.test",
            "interval": "6h",
            "github": {
                "organization": crowd.database_name,
                "repoName": "mobile-app",
                "secretRef": {"name": "github"},
            },
        },
    }
    await custom.create_namespaced_custom_object(GROUP, VERSION, key.namespace, PLURAL, body)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("crowd", [MANY], indirect=True)
async def test_a_day_of_health_writes_nothing_and_a_restart_asks_nobody(crowd: Crowd) -> None:
    crowd.settings = crowd.settings.model_copy(update={"status_heartbeat": timedelta()})
    began = crowd.now
    async with crowd.operator() as reconciler:
        due = await crowd.passes(reconciler, crowd.keys)
        settled, events = await crowd.versions(reconciler), await crowd.events(reconciler)
        asked = crowd.simulator.count(credential=crowd.token.label)
        heapq.heapify(due)
        while due[0][0] < began + timedelta(hours=24):
            crowd.now = due[0][0]
            batch = []
            while due and due[0][0] <= crowd.now + timedelta(seconds=20):
                moment, key = heapq.heappop(due)
                crowd.now = max(crowd.now, moment)
                batch.append(key)
            for one in await crowd.passes(reconciler, batch):
                heapq.heappush(due, one)
        assert await crowd.versions(reconciler) == settled
        assert crowd.simulator.count(credential=crowd.token.label) > asked
        oldest = crowd.rows("SELECT MIN(lastVerifiedAt) FROM tenant_integrations")[0][0]
        assert isinstance(oldest, datetime)
        assert crowd.now - oldest.replace(tzinfo=UTC) <= INTERVAL
        before = crowd.rows("SELECT * FROM tenant_integrations ORDER BY id")
        settings = crowd.rows("SELECT * FROM tenant_release_settings ORDER BY id")

    asked = crowd.simulator.count(credential=crowd.token.label)
    crowd.now += timedelta(seconds=1)
    async with crowd.operator() as restarted:
        await crowd.passes(restarted, crowd.keys)
        assert await crowd.versions(restarted) == settled
        assert await crowd.events(restarted) == events
    assert crowd.simulator.count(credential=crowd.token.label) == asked
    assert crowd.rows("SELECT * FROM tenant_integrations ORDER BY id") == before
    assert crowd.rows("SELECT * FROM tenant_release_settings ORDER BY id") == settings


@pytest.mark.parametrize("crowd", [1], indirect=True)
async def test_a_proof_that_changes_nothing_is_one_statement_and_whatever_changed_is_seen_by_the_next(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = crowd.keys

    async def proved(reconciler: Reconciler) -> list[str]:
        asked = crowd.simulator.count(credential=crowd.token.label)
        with counted_exchanges(monkeypatch) as sent:
            ((crowd.now, _),) = await crowd.passes(reconciler, [key])
        assert crowd.simulator.count(credential=crowd.token.label) > asked
        return sent

    async with crowd.operator() as reconciler:
        for _ in range(2):  # until the second nobody has read what stands there since it was written
            await proved(reconciler)
        for _ in range(3):
            (sent,) = await proved(reconciler)
            assert sent.startswith("UPDATE tenant_integrations SET lastVerifiedAt = ")
        with crowd.database.connect(crowd.database_name) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE collaborators SET permission = 'Viewer' WHERE tenantId = 't000000'")
        before = crowd.rows("SELECT * FROM tenant_integrations")
        assert len(await proved(reconciler)) == 2, "the statement that finds it, and what then is read"
        setup = reconciler.inventory.get(key)
        assert setup is not None
        (ready,) = (one for one in setup.raw_status["conditions"] if one["type"] == "Ready")
        assert (ready["status"], ready["reason"]) == ("False", "NotOwner")
        assert crowd.rows("SELECT * FROM tenant_integrations") == before


@pytest.mark.parametrize("crowd", [1], indirect=True)
async def test_where_a_resource_changed_before_it_could_be_held_its_proof_is_not_asked_for_twice(
    crowd: Crowd,
) -> None:
    (key,) = crowd.keys
    async with crowd.operator() as reconciler:
        before = reconciler.inventory.get(key)
        await crowd.change(reconciler, key, "/metadata/annotations", {"touched": "yes"})
        after = reconciler.inventory.get(key)
        assert before is not None
        assert after is not None
        reconciler.inventory.drop(after)
        reconciler.inventory.put(before)  # the news has not come yet
        with pytest.raises(Outdated):
            await reconciler.reconcile(key)
        asked = crowd.simulator.count(credential=crowd.token.label)
        assert asked == 2, "who and what"
        reconciler.inventory.put(after)
        await reconciler.reconcile(key)
        assert crowd.entry(reconciler, key)["verificationStatus"] == "VALID"
        assert crowd.simulator.count(credential=crowd.token.label) == asked


@pytest.mark.parametrize("crowd", [1], indirect=True)
async def test_one_that_goes_gives_its_rows_up_before_its_rival_takes_over(crowd: Crowd) -> None:
    (key,) = crowd.keys
    rival = Key(key.namespace, "rival")
    async with crowd.operator() as reconciler:
        custom = client.CustomObjectsApi(reconciler.cluster._api)
        where = (GROUP, VERSION, key.namespace, PLURAL)

        async def reason(of: Key) -> str:
            await reconciler.reconcile(of)
            setup = reconciler.inventory.get(of)
            assert setup is not None
            (ready,) = (one for one in setup.raw_status["conditions"] if one["type"] == "Ready")
            return str(ready["reason"])

        await reconciler.reconcile(key)
        (body,) = await crowd.bodies(reconciler)
        spec = {name: value for name, value in body["spec"].items() if name != "github"}
        made = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": {"name": rival.name}}
        found: Any = await custom.create_namespaced_custom_object(*where, {**made, "spec": spec})
        reconciler.inventory.put(ReleaseSetup.parse(found))
        await custom.delete_namespaced_custom_object(*where, key.name)
        going: Any = await custom.get_namespaced_custom_object(*where, key.name)
        reconciler.inventory.put(ReleaseSetup.parse(going))

        assert await reason(rival) == "TenantConflict", "it would leave behind what it has no use for"
        assert await reconciler.reconcile(key) is None
        assert crowd.rows("SELECT * FROM tenant_integrations") == []
        assert await reason(rival) != "TenantConflict"


@pytest.mark.parametrize("crowd", [1], indirect=True)
async def test_a_revoked_token_is_seen_within_an_interval_and_a_minute_and_forgiven_when_asked(
    crowd: Crowd,
) -> None:
    (key,) = crowd.keys
    async with crowd.operator() as reconciler:

        async def verdict() -> tuple[str, str, datetime]:
            ((due, _),) = await crowd.passes(reconciler, [key])
            setup = reconciler.inventory.get(key)
            assert setup is not None
            (entry,) = setup.raw_status["integrations"]
            return entry["verificationStatus"], entry["reason"], due

        status, _, due = await verdict()
        assert status == "VALID"
        proved = crowd.now

        crowd.simulator.change(crowd.token, state="REVOKED")
        crowd.now = due
        status, reason, due = await verdict()
        assert (status, reason) == ("VALID", "RefusalUnconfirmed")
        crowd.now = due
        status, reason, due = await verdict()
        assert (status, reason) == ("INVALID", "BadCredentials")
        assert crowd.now - proved <= INTERVAL + timedelta(minutes=1)

        crowd.simulator.change(crowd.token, state="VALID")
        asked = crowd.simulator.count(credential=crowd.token.label)
        crowd.now += timedelta(hours=5)
        assert (await verdict())[0] == "INVALID"
        assert crowd.simulator.count(credential=crowd.token.label) == asked
        await crowd.request(reconciler, key)
        assert (await verdict())[:2] == ("VALID", "Verified")


@pytest.mark.parametrize("crowd", [1], indirect=True)
async def test_a_token_that_is_good_again_is_found_out_without_anybody_asking(crowd: Crowd) -> None:
    (key,) = crowd.keys
    async with crowd.operator() as reconciler:
        crowd.simulator.change(crowd.token, state="REVOKED")
        ((due, _),) = await crowd.passes(reconciler, [key])
        assert crowd.entry(reconciler, key)["verificationStatus"] == "INVALID"
        crowd.simulator.change(crowd.token, state="VALID")
        restored = crowd.now
        while crowd.entry(reconciler, key)["verificationStatus"] != "VALID":
            crowd.now = due
            ((due, _),) = await crowd.passes(reconciler, [key])
            assert crowd.now - restored <= REFUSED_PAUSE + timedelta(seconds=1)


@pytest.mark.parametrize("crowd", [2], indirect=True)
async def test_a_restart_keeps_a_pause_for_everybody_who_shares_the_credential(crowd: Crowd) -> None:
    first, second = crowd.keys
    async with crowd.operator() as reconciler:
        await crowd.passes(reconciler, [second])
        crowd.simulator.change(
            crowd.token, state="RATE_LIMITED", rate_limit={"style": "seconds", "seconds": 5400}
        )
        crowd.now += timedelta(minutes=1)  # no answer is shared any more
        await crowd.passes(reconciler, [first])
        assert crowd.entry(reconciler, first)["reason"] == "RateLimited"
    asked = crowd.simulator.count(credential=crowd.token.label)
    async with crowd.operator() as restarted:
        await crowd.passes(restarted, crowd.keys)
        crowd.now += timedelta(minutes=89)
        await crowd.request(restarted, second)
        await crowd.passes(restarted, [second])
        assert crowd.simulator.count(credential=crowd.token.label) == asked
        crowd.now += timedelta(minutes=2)
        await crowd.request(restarted, first)
        await crowd.passes(restarted, [first])
        assert crowd.simulator.count(credential=crowd.token.label) > asked


@pytest.mark.timeout(600)
@pytest.mark.parametrize("crowd", [2], indirect=True)
async def test_a_status_is_written_once_an_hour_at_most_however_often_all_is_proved(crowd: Crowd) -> None:
    async with crowd.operator() as reconciler:
        for key in crowd.keys:
            await crowd.change(reconciler, key, "/spec/interval", "5m")
        due = await crowd.passes(reconciler, crowd.keys)
        began, asked = crowd.now, crowd.simulator.count(credential=crowd.token.label)
        written, events = dict.fromkeys(crowd.keys, 0), await crowd.events(reconciler)
        versions = {key: crowd.known_version(reconciler, key) for key in crowd.keys}
        looked = dict.fromkeys(crowd.keys, 0)
        heapq.heapify(due)
        while due[0][0] < began + timedelta(hours=24):
            crowd.now, key = heapq.heappop(due)
            heapq.heappush(due, (await crowd.passes(reconciler, [key]))[0])
            looked[key] += 1
            now = crowd.known_version(reconciler, key)
            written[key] += now != versions[key]
            versions[key] = now
        # 24 hours of proofs every five minutes, of two requests each, or of two that fall due within seconds
        assert min(looked.values()) >= 24 * 12
        assert crowd.simulator.count(credential=crowd.token.label) - asked >= 2 * 24 * 12
        assert all(22 <= times <= 24 for times in written.values()), written
        # nobody else wrote either
        assert await crowd.versions(reconciler) == {key.namespace: v for key, v in versions.items()}
        assert await crowd.events(reconciler) == events


@pytest.mark.parametrize("crowd", [1], indirect=True)
async def test_an_outage_of_any_length_moves_no_verdict_and_is_asked_about_ever_more_rarely(
    crowd: Crowd,
) -> None:
    (key,) = crowd.keys
    async with crowd.operator() as reconciler:
        ((due, _),) = await crowd.passes(reconciler, [key])
        crowd.simulator.fault("STATUS", credential=crowd.token.label, status=503)
        began = crowd.now
        while crowd.now < began + timedelta(hours=48):
            crowd.now = due
            ((due, _),) = await crowd.passes(reconciler, [key])
            setup = reconciler.inventory.get(key)
            assert setup is not None
            (entry,) = setup.raw_status["integrations"]
            assert entry["verificationStatus"] == "VALID"
            condition = next(c for c in setup.raw_status["conditions"] if c["type"] == "GitHubConnected")
            assert condition["status"] == "True"
        # pauses double from a minute to at least half an hour: two an hour at most, and the first few
        assert crowd.simulator.count(credential=crowd.token.label) <= 2 * 48 + 8
        crowd.simulator.lift(credential=crowd.token.label)
        reasons = []
        for _ in range(
            3
        ):  # a pass may be due for the interval's sake before the provider is to be asked again
            crowd.now = due
            ((due, _),) = await crowd.passes(reconciler, [key])
            setup = reconciler.inventory.get(key)
            assert setup is not None
            reasons.append(setup.raw_status["integrations"][0]["reason"])
        assert "Verified" in reasons


@pytest.mark.parametrize("crowd", [2], indirect=True)
async def test_what_is_gone_without_a_word_of_the_watch_is_found_out(crowd: Crowd) -> None:
    first, second = crowd.keys
    async with crowd.operator() as reconciler:
        custom = client.CustomObjectsApi(reconciler.cluster._api)
        await custom.delete_namespaced_custom_object(GROUP, VERSION, first.namespace, PLURAL, first.name)
        with pytest.raises(Outdated):
            await reconciler.reconcile(first)
        assert await reconciler.look_again(first) == frozenset()
        assert reconciler.inventory.get(first) is None
        assert await reconciler.reconcile(first) is None
        assert await reconciler.look_again(second) == frozenset()
        assert reconciler.inventory.get(second) is not None
