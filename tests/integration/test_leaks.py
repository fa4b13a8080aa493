"""An operator that ends in a probe leaks nothing, nor do commands; one that leaks on purpose is found out.

All rows of the verdict matrix are searched in test_verdict_matrix.py.
"""

import json
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from dev.access import ClusterAccess
from dev.database_server import DatabaseServer
from tests.integration.tenancy import PROGRAM, TENANT, Tenancy, eventually, make_tenancy
from tests.leaks.evidence import LEAKING, Evidence
from tests.leaks.needles import Finding, worth_looking_for

PASSWORD = "ä€ß:@/%" + secrets.token_hex(8)
"""Of the database: every character that an address or a driver might stumble over."""
OwnServer = tuple[Evidence, DatabaseServer]


def own_server(
    kind: str, installed: ClusterAccess, simulator: dict[str, str], folder: Path
) -> Iterator[OwnServer]:
    """Yield a tenancy on a database server of its own, which keeps every statement."""
    server = DatabaseServer(kind, folder / "server")
    access = server.start()
    try:
        with access.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL general_log_file = 'statements.log'")
            cursor.execute("SET GLOBAL general_log = ON")
            cursor.execute(f"CREATE USER 'odd'@'%' IDENTIFIED BY '{PASSWORD}'")
            cursor.execute("GRANT ALL ON *.* TO 'odd'@'%'")
        evidence = folder / "evidence"
        evidence.mkdir()
        for tenancy in make_tenancy(installed, access, simulator, evidence):
            tenancy.extra["DATABASE_URL"] = tenancy.environment["DATABASE_URL"].replace(
                f"delivr:{access.password}@", f"odd:{quote(PASSWORD, safe='')}@"
            )
            yield Evidence(tenancy), server
    finally:
        server.stop()


@pytest.fixture
def on_mysql(installed: ClusterAccess, simulator: dict[str, str], tmp_path: Path) -> Iterator[OwnServer]:
    yield from own_server("mysql", installed, simulator, tmp_path)


def listed(findings: list[Finding]) -> str:
    return "\n".join(f"{one.place}: {one.name} ({one.spelling})" for one in findings[:20])


def files_of(server: DatabaseServer, database: str) -> dict[str, bytes]:
    """Return the server's own files about a tenant's rows, as they stand once it is stopped."""
    server.stop()
    data = server.directory / "data"
    wanted = (*data.glob(f"{database}/*.ibd"), *data.glob("binlog.0*"), data / "statements.log")
    found = {path.name: path.read_bytes() for path in wanted}
    server.start()
    return found


@pytest.mark.timeout(300)
def test_the_search_finds_what_an_operator_leaks(on_mysql: OwnServer) -> None:
    evidence, server = on_mysql
    tenancy = evidence.tenancy
    member = tenancy.github()
    needles = worth_looking_for(tenancy.issued["github"].secret.items())
    with evidence.watching():
        tenancy.apply(tenancy.setup(github=member))
        with evidence.operator(LEAKING):
            eventually(tenancy.integrations, "a row")
            eventually(tenancy.events, "an event")
        places = {**evidence.places(), "rows": evidence.rows()}
    places |= files_of(server, tenancy.database_name)
    found = {one.place for one in needles.found_in(places)}
    leaky = {"1.stdout", "1.stderr", "watch.releasesetups", "watch.events", "objects", "metrics", "processes"}
    assert found >= leaky | {"rows", "statements.log", "tenant_integrations.ibd"}, found


def said_by(tenancy: Tenancy, *arguments: str) -> tuple[int, bytes, bytes]:
    """Run a command of people with the tenancy's settings; return its end, output and errors."""
    environment = {**tenancy.environment, "KUBECONFIG": str(tenancy.access.kubeconfig)}
    done = subprocess.run(
        [PROGRAM, *arguments], env=environment, capture_output=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_no_command_shows_a_credential_but_export_which_is_for_that(tenancy: Tenancy) -> None:
    setup = tenancy.complete(jenkins=tenancy.jenkins())
    needles = worth_looking_for(
        (f"{m}: {k}", v) for m, one in tenancy.issued.items() for k, v in one.secret.items()
    )
    file = tenancy.folder / "everything.yaml"
    names = ("github", "app-store-connect", "play-store", "slack", "jenkins")
    held = [json.loads(tenancy.kubectl("get", "secret", name, "--output=json")) for name in names]
    file.write_text(yaml.safe_dump_all([setup, *held]))
    said: dict[str, tuple[int, bytes, bytes]] = {"check": said_by(tenancy, "check", str(file))}
    file.write_text(yaml.safe_dump_all([setup, *held]).replace("accessToken:", "accessToken: !!python/x"))
    said["check of a broken file"] = said_by(tenancy, "check", str(file))
    file.unlink()
    tenancy.apply(setup)
    with tenancy.operator():
        tenancy.await_ready("True")
        here = ("-n", tenancy.namespace)
        said |= {
            "status": said_by(tenancy, "status", *here),
            "status in full": said_by(tenancy, "status", "mobile-app", *here),
            "status as JSON": said_by(tenancy, "status", "mobile-app", *here, "-o", "json"),
            "status of a tenant": said_by(tenancy, "status", "--tenant", TENANT),
            "verify": said_by(tenancy, "verify", "GITHUB", "mobile-app", *here),
        }
    tenancy.rows("DELETE FROM tenant_release_claims")
    said["migrate"] = said_by(tenancy, "migrate", "status")
    said["export without Secrets"] = said_by(tenancy, "export", "--tenant", TENANT, "--sealed-refs")
    assert {name for name, (code, _, _) in said.items() if code} == {"check of a broken file"}, said
    places = {
        f"{name}{what}": text for name, one in said.items() for what, text in zip("12", one[1:], strict=True)
    }
    found = needles.found_in(places)
    assert not found, listed(found)
    code, output, errors = said_by(tenancy, "export", "--tenant", TENANT)
    assert code == 0, errors
    assert not needles.found_in({"errors of export": errors})
    shown = {one.name for one in needles.found_in({"export": output})}
    assert shown >= {
        "github: accessToken",
        "appStoreConnect: privateKey",
        "slack: botToken",
        "jenkins: apiToken",
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGABRT], ids=lambda one: one.name)
def test_nothing_leaks_when_it_ends_in_the_middle_of_a_probe(
    tenancy: Tenancy, number: signal.Signals
) -> None:
    evidence = Evidence(tenancy)
    setup = tenancy.complete()
    for one in tenancy.issued.values():
        tenancy.simulator.fault("HANG", credential=one.label)
    with evidence.watching():
        tenancy.apply(setup)
        with evidence.operator() as process:
            for one in tenancy.issued.values():
                assert tenancy.simulator.requests(credential=one.label, at_least=1, wait=40)
            process.send_signal(number)
            ended = process.wait(20)
        places = {**evidence.places(), "rows": evidence.rows()}
    assert ended == (-signal.SIGABRT if number is signal.SIGABRT else 0)
    assert (b"Current thread" in places["1.stderr"]) is (number is signal.SIGABRT)
    assert not [*tenancy.folder.glob("core*")]
    secret = [(f"{m}: {k}", v) for m, one in tenancy.issued.items() for k, v in one.secret.items()]
    found = worth_looking_for(secret).found_in(places)
    assert not found, listed(found)
