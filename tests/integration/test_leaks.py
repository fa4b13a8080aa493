"""Nothing leaks from a real operator on real servers, looked for in everything that it leaves behind.

A row of every class of answer of every type is played, each answer with a text that nobody may repeat, at
DEBUG, with every logger of every library speaking and the interpreter in development mode. All rows, with
what each leaves in log, status, events, values and row, are played in test_verdict_matrix.py, one by one in
one process; silence is only there and where an operator ends in the middle of it.
"""

import json
import re
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from delivr_operator.cluster import Absent
from dev.access import ClusterAccess
from dev.database_server import DatabaseServer
from tests.integration.tenancy import PROGRAM, TENANT, Tenancy, eventually, make_tenancy
from tests.leaks.evidence import FAILING, LEAKING, Evidence
from tests.leaks.needles import Finding, worth_looking_for
from tests.leaks.theatre import Theatre, groups, well
from tests.verdict_matrix.row import Surroundings

FAILING_CANARY = "c4naryFailing7Zq"
PASSWORD = "ä€ß:@/%" + secrets.token_hex(8)
"""Of the database: every character that an address or a driver might stumble over."""
KEPT = {"statements.log", "tenant_integrations.ibd"}
"""Files of the server that hold the rows, or the statements that wrote them."""
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


@pytest.fixture
def on_mariadb(installed: ClusterAccess, simulator: dict[str, str], tmp_path: Path) -> Iterator[OwnServer]:
    yield from own_server("mariadb", installed, simulator, tmp_path)


def listed(findings: list[Finding]) -> str:
    return "\n".join(f"{one.place}: {one.name} ({one.spelling})" for one in findings[:20])


def files_of(server: DatabaseServer, database: str) -> dict[str, bytes]:
    """Return the server's own files about a tenant's rows, as they stand once it is stopped."""
    server.stop()
    data = server.directory / "data"
    wanted = (*data.glob(f"{database}/*.ibd"), data / "statements.log")
    found = {path.name: path.read_bytes() for path in wanted}
    server.start()
    return found


def environment_of(where: Surroundings | Absent) -> dict[str, str]:
    """Return what makes an operator of these surroundings, beside the tenancy's own settings."""
    return {"TRUSTED_HOSTS": ""} if where is Surroundings.NO_TRUSTED_HOSTS else {}


def may_read_secrets(tenancy: Tenancy, *, allowed: bool) -> None:
    """Have the operator's Role allow to get Secrets, or only to watch them."""
    verbs = json.dumps(["get", "list", "watch"] if allowed else ["list", "watch"])
    role = json.loads(tenancy.kubectl("get", "role", "--output=json"))["items"][0]
    (number,) = (n for n, rule in enumerate(role["rules"]) if rule["resources"] == ["secrets"])
    patch = f'[{{"op": "replace", "path": "/rules/{number}/verbs", "value": {verbs}}}]'
    tenancy.kubectl("patch", "role", role["metadata"]["name"], "--type=json", "--patch", patch)


def nothing_is_found(theatre: Theatre, server: DatabaseServer, rows: bytes) -> None:
    """Hold that nothing stands anywhere outside of a sealed field: not even in the database's own files."""
    tenancy = theatre.tenancy
    own = {"the key": tenancy.environment["INTEGRATION_ENCRYPTION_KEY"], "the password": PASSWORD}
    places = theatre.evidence.places()
    found = theatre.needles.found_in(places) + worth_looking_for(own.items()).found_in(places)
    assert not found, listed(found)
    files = files_of(server, tenancy.database_name)
    assert files.keys() >= KEPT
    found = theatre.database_needles.found_in({"rows": rows, **files})
    assert not found, listed(found)


@pytest.mark.timeout(900)
def test_nothing_leaks_whatever_providers_answer(on_mysql: OwnServer) -> None:
    evidence, server = on_mysql
    tenancy, theatre = evidence.tenancy, Theatre(evidence)
    with evidence.watching():
        for where in (Surroundings.NO_TRUSTED_HOSTS, Absent.FORBIDDEN, Surroundings.USUAL):
            may_read_secrets(tenancy, allowed=where is not Absent.FORBIDDEN)
            played = groups(where)
            assert played
            with evidence.operator(environment=environment_of(where)):
                for group in played:
                    theatre.play(group)
                if where is Surroundings.USUAL:
                    theatre.holds_what_was_sealed(theatre.play(well()))
                    rows = evidence.rows()
    nothing_is_found(theatre, server, rows)


@pytest.mark.timeout(300)
def test_nothing_leaks_into_mariadb(on_mariadb: OwnServer) -> None:
    evidence, server = on_mariadb
    theatre, evidence.log_format = Theatre(evidence), "text"
    with evidence.watching(), evidence.operator():
        theatre.play(groups(Surroundings.USUAL)[1])
        theatre.holds_what_was_sealed(theatre.play(well()))
        rows = evidence.rows()
    nothing_is_found(theatre, server, rows)


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


TOLD = {
    *("ApiException", "DataError", "IntegrityError", "KeyError", "LocalProtocolError", "LookupError"),
    *("RuntimeError", "UnicodeEncodeError", "ValidationError", "ValueError"),
}
"""The types of all that `failing` has fail, but of what fails in a handler of kopf's, which are left out."""


def proved_when_touched(tenancy: Tenancy) -> bool:
    """Have the operator look again at once, whatever pauses and lost news failures led to."""
    touched = f"touched={secrets.token_hex(4)}"
    tenancy.kubectl("annotate", "releasesetup", "mobile-app", "--overwrite", touched)
    tenancy.apply(tenancy.secret("other", {"x": touched}))
    return bool(tenancy.entry("GITHUB").get("reason") == "Verified")


def test_no_failure_of_any_part_says_what_it_carried(tenancy: Tenancy) -> None:
    evidence = Evidence(tenancy)
    setup = tenancy.setup(github=tenancy.github())
    with evidence.watching():
        tenancy.apply(setup)
        with evidence.operator(FAILING):
            eventually(lambda: proved_when_touched(tenancy), "a proof")
            eventually(tenancy.integrations, "a row")
        places = {**evidence.places(), "rows": evidence.rows()}
    said = places["1.stdout"] + places["1.stderr"]
    told = {found.decode() for found in re.findall(rb'"exception": "(\w+)"', said)}
    assert told == TOLD
    assert b'"kopf.objects"' in said  # whose own words, and the type of what failed there, are left out
    assert b"a thread was stopped by ValueError" in said
    assert b"passed over ValueError" in said
    secret = [*tenancy.issued["github"].secret.items(), ("failure", FAILING_CANARY)]
    found = worth_looking_for(secret).found_in(places)
    assert not found, listed(found)


BREAKAGES = {
    "a trigger that says something": (
        """CREATE TRIGGER loud BEFORE UPDATE ON tenant_integrations FOR EACH ROW
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'c4naryTrigger7Zq'""",
        "DROP TRIGGER loud",
    ),
    "a value too long": (
        "ALTER TABLE tenant_integrations MODIFY config VARCHAR(250)",
        "ALTER TABLE tenant_integrations MODIFY config JSON NOT NULL",
    ),
    "a constraint of somebody's own": (
        "ALTER TABLE tenant_integrations ADD CONSTRAINT c4naryCheck7Zq CHECK (integrationType <> 'SLACK')",
        "ALTER TABLE tenant_integrations DROP CONSTRAINT c4naryCheck7Zq",
    ),
}


def test_no_failure_of_the_database_says_what_was_written(tenancy: Tenancy) -> None:
    evidence = Evidence(tenancy)
    tenancy.extra["RECHECK_INTERVAL"] = "1s"
    secret = []
    with evidence.watching(), evidence.operator():
        tenancy.apply(tenancy.setup(github=tenancy.github()))
        eventually(lambda: tenancy.integrations().get("GITHUB"), "a row")
        for broken, mended in BREAKAGES.values():
            tenancy.rows(broken)
            tenancy.apply(
                tenancy.setup(
                    github=tenancy.github(token=f"ghp_{secrets.token_hex(60)}"), slack=tenancy.slack()
                )
            )
            secret += [
                (f"{one.id}: {k}", v) for one in tenancy.issued.values() for k, v in one.secret.items()
            ]
            eventually(lambda: tenancy.condition("Synced").get("status") == "False", "Synced=False")
            tenancy.rows(mended)
            eventually(lambda: tenancy.condition("Synced").get("status") == "True", "Synced=True")
            tenancy.apply(tenancy.setup(github=tenancy.github()))
            eventually(lambda: tenancy.integrations().keys() == {"GITHUB"}, "one row")
        places = evidence.places()
    words = [("trigger", "c4naryTrigger7Zq"), ("constraint", "c4naryCheck7Zq")]
    found = worth_looking_for([*secret, *words]).found_in(places)
    assert not found, listed(found)
