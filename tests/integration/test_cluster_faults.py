"""Whatever the API server does, nothing is lost and nothing is said twice."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from pydantic import SecretStr

from delivr_operator.resource import TENANT_ANNOTATION
from delivr_operator.sealing import Sealer
from dev.access import ClusterAccess, write_kubeconfig
from dev.control_plane import ControlPlane
from dev.database_server import DatabaseAccess
from tests.integration.operating import Operating, operating
from tests.integration.rest import GROUP, Rest
from tests.integration.tenancy import PROGRAM, ROOT, TENANT, Tenancy, eventually, make_tenancy
from tests.integration.wires import FrozenWatches, door_to

PATIENCE = 90.0
BEFORE_AN_AUDIT = 25.0
"""Seconds in which only a watch can have told of anything: half of PASS_DEADLINE is longer."""
KEY = SecretStr("00112233445566778899aabbccddeeff" * 2)
GONE = {
    "type": "ERROR",
    "object": {"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Expired", "code": 410},
}
BROKEN_OFF = {
    "type": "ERROR",
    "object": {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "reason": "InternalError",
        "code": 500,
    },
}
Answer = Callable[[web.Request], web.StreamResponse | None]


@dataclass(frozen=True)
class Tear:
    """What comes in the place of a watch's next piece, and is the last of it."""

    name: str
    of: str
    last: Callable[[bytes], bytes]


@dataclass
class FaultyDoor(FrozenWatches):
    """Answers in the API server's place, where a fault is in force, and counts whom it met."""

    fault: Answer | None = None
    tear: Tear | None = None
    met: int = 0
    unauthorized: int = 0
    open_watches: list[web.Request] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.loop = asyncio.get_running_loop()
        if self.fault is not None and (response := self.fault(request)) is not None:
            self.met += 1
            return response
        if watches(request):
            self.open_watches.append(request)
        try:
            response = await super().answer(request)
        finally:
            if watches(request):
                self.open_watches.remove(request)
        self.unauthorized += response.status == HTTPStatus.UNAUTHORIZED
        return response

    async def passed_on(self, request: web.Request, found: httpx.Response) -> AsyncIterator[bytes]:
        async for piece in super().passed_on(request, found):
            if self.tear is not None and watches(request) and request.path.endswith(f"/{self.tear.of}"):
                tear, self.tear = self.tear, None
                self.met += 1
                yield tear.last(piece)
                return
            yield piece

    def tear_once(self, tear: Tear) -> None:
        """End a watch so, at the next piece that would come by it."""
        self.tear, self.met = tear, 0

    def strike(self, fault: Answer | None = None, *, cut: bool = False) -> None:
        """Answer so from now on, and, if told, cut the watches that are open."""
        self.fault, self.met = fault, 0
        if cut:
            for request in list(self.open_watches):
                if (transport := request.transport) is not None and self.loop is not None:
                    self.loop.call_soon_threadsafe(transport.abort)
                    self.met += 1

    def lift(self) -> None:
        self.fault = None


def watches(request: web.Request) -> bool:
    return request.query.get("watch") in ("true", "True", "1")


def writes(request: web.Request) -> bool:
    return request.method in ("PATCH", "POST")


def patches(request: web.Request) -> bool:
    return request.method == "PATCH"


def anything(_: web.Request) -> bool:
    return True


def status(code: int, only: Callable[[web.Request], bool]) -> Answer:
    """A refusal as the API server words it."""
    body = {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": "no"}
    headers = {"Retry-After": "1"} if code == 429 else {}

    def refuse(request: web.Request) -> web.StreamResponse | None:
        return web.json_response(body, status=code, headers=headers) if only(request) else None

    return refuse


def expired(request: web.Request) -> web.StreamResponse | None:
    """Tell whoever watches that it is too late to go on from there: a line of the watch, with HTTP 200."""
    line = json.dumps(GONE) + "\n"
    return web.Response(text=line, content_type="application/json") if watches(request) else None


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and whether the open watches are cut, so that they meet it."""

    name: str
    answer: Answer
    cut: bool = False


FAULTS = (
    Fault("429 to every write", status(429, writes)),
    Fault("409 to every patch", status(409, patches)),
    Fault("401 to every write", status(401, writes)),
    Fault("503 to every write", status(503, writes)),
    Fault("503 to everything", status(503, anything), cut=True),
    Fault("401 to every watch", status(401, watches), cut=True),
    Fault("410 in every watch", expired, cut=True),
    Fault("429 to every watch", status(429, watches), cut=True),
)


def nothing(_: bytes) -> bytes:
    return b""


def half(piece: bytes) -> bytes:
    return piece.rstrip()[:-1]


def line(event: object) -> Callable[[bytes], bytes]:
    return lambda _: json.dumps(event).encode() + b"\n"


TEARS = (
    Tear("between lines", "releasesetups", nothing),
    Tear("within a line", "releasesetups", half),
    Tear("by 410", "releasesetups", line(GONE)),
    Tear("by another error", "releasesetups", line(BROKEN_OFF)),
    Tear("that of Secrets within a line", "secrets", half),
)


@dataclass
class Bench:
    """One tenant's operator behind a door."""

    tenancy: Tenancy
    rest: Rest
    door: FaultyDoor
    kubeconfig: Path

    def landed(self, generation: int) -> bool:
        found = self.rest.standing().get("status", {})
        claims = self.tenancy.rows("SELECT generation FROM tenant_release_claims")
        return found.get("committedGeneration") == generation and claims == [{"generation": generation}]

    def await_landed(self, generation: int, what: str) -> None:
        eventually(partial(self.landed, generation), what, PATIENCE)

    def change(self) -> int:
        """Change the spec; return the new generation."""
        minutes = 60 + self.rest.standing()["metadata"]["generation"]
        return int(self.rest.patch({"spec": {"interval": f"{minutes}m"}})["metadata"]["generation"])

    def sealed_last(self) -> bool:
        """Tell whether the row holds the token that was issued last."""
        sealed = json.loads(self.tenancy.integrations()["GITHUB"]["config"])["accessToken"]
        return (
            Sealer(KEY).open(sealed).get_secret_value() == self.tenancy.issued["github"].secret["accessToken"]
        )

    def news(self, of: str) -> Callable[[], bool]:
        """Change what such a watch tells of; return what tells whether that has landed."""
        if of == "secrets":
            self.tenancy.github()
            return self.sealed_last
        return partial(self.landed, self.change())


def benches(
    installed: ClusterAccess, database: DatabaseAccess, simulator: dict[str, str], folder: Path
) -> Iterator[Bench]:
    for tenancy in make_tenancy(installed, database, simulator, folder):
        with door_to(installed.server, folder / "door", FaultyDoor) as door:
            token = installed.service_account_token(tenancy.namespace, "delivr-operator")
            address, authority = f"https://127.0.0.1:{door.port}", door.authority.read_bytes()
            kubeconfig = write_kubeconfig(folder / "door.kubeconfig", address, authority, "operator", token)
            rest = Rest(installed, tenancy.namespace)
            rest.create(tenancy.setup(github=tenancy.github()))
            yield Bench(tenancy, rest, door, kubeconfig)
            rest.close()


@pytest.fixture
def bench(
    installed: ClusterAccess, mysql_server: DatabaseAccess, simulator: dict[str, str], tmp_path: Path
) -> Iterator[Bench]:
    """Whose operator a test starts itself."""
    yield from benches(installed, mysql_server, simulator, tmp_path)


@pytest.fixture(scope="module")
def at_work(
    installed: ClusterAccess,
    mysql_server: DatabaseAccess,
    simulator: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Bench, Operating]]:
    """One operator, which lives through one fault after the other."""
    for found in benches(installed, mysql_server, simulator, tmp_path_factory.mktemp("bench")):
        with operating(found.tenancy, kubeconfig=found.kubeconfig) as operator:
            yield found, operator


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_the_api_server_loses_nothing(at_work: tuple[Bench, Operating], fault: Fault) -> None:
    bench, operator = at_work
    bench.await_landed(bench.change(), "all is well")
    eventually(lambda: len(bench.door.open_watches) >= 2, "ReleaseSetups and Secrets are watched", PATIENCE)
    bench.door.strike(fault.answer, cut=fault.cut)
    try:
        generation = bench.change()
        eventually(lambda: bench.door.met > 1, "it was met, and tried again", PATIENCE)
    finally:
        bench.door.lift()
    bench.await_landed(generation, "healed")
    eventually(lambda: len(bench.door.open_watches) >= 2, "all is watched again", PATIENCE)
    assert operator.process.poll() is None
    assert '"exception"' not in operator.text()


@pytest.mark.parametrize("tear", TEARS, ids=lambda tear: tear.name)
def test_a_watch_that_ends_in_any_way_is_taken_up_again(at_work: tuple[Bench, Operating], tear: Tear) -> None:
    bench, operator = at_work
    bench.await_landed(bench.change(), "all is well")
    eventually(lambda: len(bench.door.open_watches) >= 2, "ReleaseSetups and Secrets are watched", PATIENCE)
    bench.door.tear_once(tear)
    eventually(bench.news(tear.of), "what would have come by it landed", BEFORE_AN_AUDIT)
    assert bench.door.met == 1
    eventually(bench.news(tear.of), "it goes on", BEFORE_AN_AUDIT)
    assert operator.process.poll() is None
    assert '"exception"' not in operator.text()


NAMESPACE_TEARS = (
    Tear("between lines", "namespaces", nothing),
    Tear("within a line", "namespaces", half),
    Tear("by 410", "namespaces", line(GONE)),
)


def of_namespaces(request: web.Request) -> bool:
    return request.path == "/api/v1/namespaces"


@pytest.mark.timeout(300)
def test_a_namespace_is_bound_as_it_stands_however_its_watch_ended(whole: Tenancy, tmp_path: Path) -> None:
    def bound(tenant: str) -> None:
        whole.kubectl(
            "annotate", "namespace", whole.namespace, "--overwrite", f"{TENANT_ANNOTATION}={tenant}"
        )

    def says(reason: str) -> Callable[[], bool]:
        return lambda: whole.condition("Ready").get("reason") == reason

    whole.apply(whole.complete())
    token = whole.access.service_account_token("delivr-system", "delivr-operator")
    with door_to(whole.access.server, tmp_path / "door", FaultyDoor) as door:
        address, authority = f"https://127.0.0.1:{door.port}", door.authority.read_bytes()
        path = write_kubeconfig(tmp_path / "door.kubeconfig", address, authority, "operator", token)
        with operating(whole, kubeconfig=path, cluster_wide=True) as operator:
            eventually(says("SetupCompleted"), "all is well", PATIENCE)
            for tear in NAMESPACE_TEARS:
                eventually(lambda: any(map(of_namespaces, door.open_watches)), "namespaces are watched")
                door.tear_once(tear)
                bound("another")
                eventually(says("TenantMismatch"), f"{tear.name}: found anew", BEFORE_AN_AUDIT)
                assert door.met == 1
                bound(TENANT)
                eventually(says("SetupCompleted"), f"{tear.name}: it goes on", BEFORE_AN_AUDIT)
            door.strike(status(503, of_namespaces), cut=True)
            bound("another")
            eventually(lambda: "watching namespaces was cut" in operator.text(), "it is noticed")
            door.lift()
            eventually(says("TenantMismatch"), "what changed meanwhile is found", BEFORE_AN_AUDIT)
            assert operator.process.poll() is None
            assert '"exception"' not in operator.text()


def test_an_operator_that_is_started_again_in_an_outage_says_nothing_twice(bench: Bench) -> None:
    tenancy, rest, label = bench.tenancy, bench.rest, bench.tenancy.issued["github"].label
    with operating(tenancy, kubeconfig=bench.kubeconfig) as operator:
        bench.await_landed(bench.change(), "all is well")
        operator.process.send_signal(signal.SIGKILL)
        operator.process.wait(10)
    before = rest.standing()
    told, asked = rest.events(before["metadata"]["uid"]), tenancy.simulator.count(credential=label)
    bench.door.strike(status(503, anything))
    greeted = tenancy.log().count('"watching"')
    environment = {**tenancy.environment, "KUBECONFIG": os.fspath(bench.kubeconfig)}
    command = [PROGRAM, "run", "--namespace", tenancy.namespace, "--health-port", "0"]
    with (tenancy.folder / "operator.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        eventually(lambda: bench.door.met > 5, "it asks in vain", PATIENCE)
        bench.door.lift()
        eventually(lambda: tenancy.log().count('"watching"') > greeted, "it found the API server", PATIENCE)
        witness = rest.create(tenancy.setup("witness", tenantId="kp3xq7_m-z", owner="owner2@example.test"))
        eventually(lambda: rest.standing("witness").get("status"), "one more had its pass", PATIENCE)
        assert process.poll() is None
    finally:
        bench.door.lift()
        process.terminate()
        process.wait(20)
    rest.patch({"metadata": {"finalizers": None}}, witness["metadata"]["name"])
    rest.delete("witness")
    assert rest.standing() == before
    assert rest.events(before["metadata"]["uid"]) == told
    assert tenancy.simulator.count(credential=label) == asked


@pytest.mark.timeout(400)
def test_a_restart_of_the_api_server_is_slept_through(
    mysql_server: DatabaseAccess, simulator: dict[str, str], tmp_path: Path
) -> None:
    plane = ControlPlane(tmp_path / "control-plane", dies_with_parent=True)
    with plane as access:
        access.kubectl("apply", "--server-side", "-k", str(ROOT / "crds"))
        access.await_established()
        for tenancy in make_tenancy(access, mysql_server, simulator, tmp_path):
            rest = Rest(access, tenancy.namespace)
            rest.create(tenancy.setup(github=tenancy.github()))
            with operating(tenancy) as operator:
                whole = Bench(tenancy, rest, FaultyDoor("", 0, tmp_path), tmp_path)
                whole.await_landed(1, "all is well")
                plane.stop_api_server()
                eventually(lambda: "watching Secrets was cut" in operator.text(), "it is noticed")
                plane.start_api_server()
                whole.await_landed(whole.change(), "it goes on")
                assert operator.process.poll() is None
                assert '"exception"' not in operator.text()
            rest.close()


IN_POD = 'mount --bind "$1" /run && shift && exec "$@"'


def test_a_token_that_was_rotated_is_read_anew(bench: Bench, tmp_path: Path) -> None:
    """As in a pod: the kubelet replaces the token's file, and the old one ends some time later."""
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount anything, which puts the token where a pod has it")
    tenancy, namespace = bench.tenancy, bench.tenancy.namespace
    account = tmp_path / "secrets" / "kubernetes.io" / "serviceaccount"
    account.mkdir(parents=True)
    (account / "ca.crt").write_bytes(bench.door.authority.read_bytes())
    bench.rest.secret("bound", {})
    bound = ("--bound-object-kind=Secret", "--bound-object-name=bound")
    old = tenancy.kubectl("create", "token", "delivr-operator", *bound).strip()
    (account / "token").write_text(old)
    environment = {
        **tenancy.environment,
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(bench.door.port),
    }
    program = [PROGRAM, "run", "--namespace", namespace, "--health-port", "0"]
    command = ["unshare", "-rm", "sh", "-c", IN_POD, "sh", str(tmp_path), *program]
    with (tenancy.folder / "operator.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        bench.await_landed(bench.change(), "all is well")
        (account / "new").write_text(bench.tenancy.access.service_account_token(namespace, "delivr-operator"))
        (account / "new").rename(account / "token")
        bench.rest.delete_secret("bound")
        eventually(partial(refused, tenancy.access, namespace, old), "the old one has ended", PATIENCE)
        bench.door.strike(cut=True)
        bench.await_landed(bench.change(), "it goes on with the new one")
        assert bench.door.unauthorized > 0
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(20)
    assert '"exception"' not in tenancy.log()


def refused(access: ClusterAccess, namespace: str, token: str) -> bool:
    answer = httpx.get(
        f"{access.server}/{GROUP}/namespaces/{namespace}/releasesetups",
        headers={"Authorization": f"Bearer {token}"},
        verify=ssl.create_default_context(cadata=access.authority.decode()),
        trust_env=False,
    )
    return answer.status_code == httpx.codes.UNAUTHORIZED
