"""rotate-key on real servers: what it moves, leaves and tells of, under kills and beside an operator."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from delivr_operator.database import DatabaseUnavailable
from delivr_operator.database.rotation import Resealer
from delivr_operator.resealing import Rotation
from delivr_operator.rotating import resealer
from delivr_operator.sealing import Envelope, Sealer, envelope_of
from dev.database_server import DatabaseAccess
from tests.delivr_tables import OWNER, TENANT, TWIN, UUID_TENANT, DelivrDatabase, migrated_database
from tests.documented import commands
from tests.integration.killing_proxy import KillingProxy, Moment
from tests.integration.tenancy import PROGRAM, Tenancy, eventually
from tests.integration.test_sync import wait_for, waiting

OLD_KEY, NEW_KEY, STRANGERS_KEY = "a1" * 32, "b2" * 32, "c3" * 32
PASSPHRASE = "a passphrase of thirty-two chars"
OLD, NEW, STRANGER = (Sealer(SecretStr(key)) for key in (OLD_KEY, NEW_KEY, STRANGERS_KEY))
PBKDF2 = Sealer(None, SecretStr(PASSPHRASE), Envelope.PBKDF2)
NOWHERE = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
KEYS = {"OLD": OLD_KEY, "NEW": NEW_KEY, "PASSPHRASE": PASSPHRASE}
ROTATE = ("rotate-key", "--from-env", "OLD", "--to-env", "NEW")


@pytest.fixture(scope="module")
def migrated(database_server: DatabaseAccess) -> Iterator[DelivrDatabase]:
    with migrated_database(database_server) as database:
        yield database


@pytest.fixture
def database(migrated: DelivrDatabase) -> DelivrDatabase:
    migrated.run("DELETE FROM tenant_integrations")
    return migrated


def key(tenant: str, kind: str) -> str:
    """An id for a row; ids know no case, and a tenant's twin differs from it in nothing else."""
    return f"{'twin' if tenant == TWIN else tenant} {kind}"


def put(database: DelivrDatabase, tenant: str, kind: str, config: Mapping[str, Any]) -> None:
    database.run(
        "REPLACE INTO tenant_integrations (id, tenantId, integrationType, config, configuredByAccountId, "
        "createdAt, updatedAt) VALUES (%s, %s, %s, %s, %s, '2001-01-01', '2001-01-01')",
        *(key(tenant, kind), tenant, kind, json.dumps(config), OWNER),
    )


def sealed(sealer: Sealer, text: str) -> str:
    return sealer.seal(SecretStr(text))


def configs(database: DelivrDatabase) -> dict[str, Any]:
    return {row["id"]: json.loads(row["config"]) for row in database.run("SELECT * FROM tenant_integrations")}


def everything(database: DelivrDatabase) -> list[dict[str, Any]]:
    return database.run("SELECT * FROM tenant_integrations ORDER BY id")


def rotate(database: DelivrDatabase, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PROGRAM, *arguments],
        env={**NOWHERE, **KEYS, "DATABASE_URL": database.url.get_secret_value(), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    assert not [key for key in KEYS.values() if key in said]
    assert "ghp_" not in said
    return done


def put_all_kinds(database: DelivrDatabase) -> None:
    """Rows as the operator, another operator, people and their tools have left them."""
    put(database, TENANT, "GITHUB", {"accessToken": sealed(OLD, "ghp_1"), "organization": "acme"})
    put(database, TENANT, "JENKINS", {"apiToken": sealed(NEW, "11"), "url": "https://jenkins.acme.test"})
    put(database, TENANT, "GITHUB_ACTIONS", {"workflows": []})
    put(database, TENANT, "JIRA", {"apiToken": sealed(STRANGER, "ghp_stranger"), "email": "a@b.test"})
    put(database, TENANT, "LINEAR", {"apiKey": "ghp_left_in_clear", "teamId": "T"})
    put(database, TWIN, "GITHUB", {"accessToken": sealed(OLD, "ghp_2").upper(), "repoName": "x"})
    put(database, TWIN, "CODE_SIGNING", {"ios": {"certificateP12": sealed(OLD, "cDEy"), "teamId": "T"}})
    put(database, UUID_TENANT, "SLACK", {"botToken": sealed(PBKDF2, "xoxb-1"), "channels": ["a:b:c"]})


def test_a_rotation_moves_what_it_can_and_names_the_rest(database: DelivrDatabase) -> None:
    put_all_kinds(database)
    before = configs(database)
    done = rotate(database, *ROTATE)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "rows re-sealed: 3",
        "rows already sealed so: 1",
        "rows without anything to seal: 2",
        "rows cannot be opened, left as they are: 2",
        f"tenant {UUID_TENANT} SLACK: sealed with another key, or altered",
        f"tenant {TENANT} JIRA: sealed with another key, or altered",
        f"tenant {TENANT} LINEAR: not sealed: apiKey (--seal-clear seals it)",
    ]
    after = configs(database)
    moved = {key for key in before if before[key] != after[key]}
    assert moved == {key(TENANT, "GITHUB"), key(TWIN, "GITHUB"), key(TWIN, "CODE_SIGNING")}
    assert NEW.open(after[key(TENANT, "GITHUB")]["accessToken"]).get_secret_value() == "ghp_1"
    assert after[key(TENANT, "GITHUB")]["organization"] == "acme"
    assert NEW.open(after[key(TWIN, "GITHUB")]["accessToken"]).get_secret_value() == "ghp_2"
    assert NEW.open(after[key(TWIN, "CODE_SIGNING")]["ios"]["certificateP12"]).get_secret_value() == "cDEy"
    untouched = {row["id"] for row in everything(database) if row["updatedAt"].year == 2001}
    assert untouched == set(before) - moved


def test_with_every_key_and_leave_to_seal_nothing_is_left_to_mend(database: DelivrDatabase) -> None:
    put_all_kinds(database)
    database.run("DELETE FROM tenant_integrations WHERE integrationType = 'JIRA'")
    every = (*ROTATE, "--from-env", "PASSPHRASE", "--seal-clear")
    planned = everything(database)
    tried = rotate(database, *every, "--dry-run")
    assert (tried.returncode, everything(database)) == (0, planned)
    assert tried.stdout.splitlines()[:2] == ["nothing was written: --dry-run", "rows re-sealed: 5"]
    done = rotate(database, *every)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "rows re-sealed: 5")
    after = configs(database)
    assert NEW.open(after[key(UUID_TENANT, "SLACK")]["botToken"]).get_secret_value() == "xoxb-1"
    assert NEW.open(after[key(TENANT, "LINEAR")]["apiKey"]).get_secret_value() == "ghp_left_in_clear"
    stands = everything(database)
    again = rotate(database, *every)
    assert again.stdout.splitlines()[:2] == ["rows re-sealed: 0", "rows already sealed so: 6"]
    assert everything(database) == stands


def test_progress_is_shown_on_a_terminal_and_the_report_holds_nothing_of_it(database: DelivrDatabase) -> None:
    put_all_kinds(database)
    command = (*ROTATE, "--dry-run")
    piped = rotate(database, *command)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, *command],
        env={**NOWHERE, **KEYS, "TERM": "xterm", "DATABASE_URL": database.url.get_secret_value()},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        report, _ = process.communicate(timeout=60)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert [part for part in ("tenants", "0%", "33%", "66%", "100%") if part not in shown] == []
    assert (process.returncode, report) == (piped.returncode, piped.stdout)
    assert report.startswith("nothing was written: --dry-run\nrows re-sealed: 3\n")
    assert piped.stderr == ""


def test_rows_move_to_the_other_envelope_and_back(database: DelivrDatabase) -> None:
    put(database, TENANT, "GITHUB", {"accessToken": sealed(OLD, "ghp_1")})
    there = ("rotate-key", "--from-env", "OLD", "--to-env", "PASSPHRASE", "--envelope", "pbkdf2-base64")
    assert rotate(database, *there).returncode == 0
    token = configs(database)[key(TENANT, "GITHUB")]["accessToken"]
    assert (envelope_of(token), PBKDF2.open(token).get_secret_value()) == (Envelope.PBKDF2, "ghp_1")
    back = ("rotate-key", "--from-env", "PASSPHRASE", "--to-env", "NEW", "--envelope", "aes-256-gcm-hex")
    assert rotate(database, *back).returncode == 0
    assert NEW.open(configs(database)[key(TENANT, "GITHUB")]["accessToken"]).get_secret_value() == "ghp_1"


def test_the_commands_of_the_page_do_what_it_says(database: DelivrDatabase) -> None:
    put(database, TENANT, "GITHUB", {"accessToken": sealed(OLD, "ghp_1")})
    dry, real, envelope = commands("key-rotation.md")
    before = everything(database)
    assert (rotate(database, *dry).returncode, everything(database)) == (0, before)
    assert rotate(database, *real).returncode == 0
    assert rotate(database, *dry).stdout.splitlines()[1] == "rows re-sealed: 0"
    variables = {"INTEGRATION_ENCRYPTION_KEY": NEW_KEY, "BACKEND_STORAGE_ENCRYPTION_KEY": PASSPHRASE}
    assert rotate(database, *envelope, **variables).returncode == 0
    token = configs(database)[key(TENANT, "GITHUB")]["accessToken"]
    assert PBKDF2.open(token).get_secret_value() == "ghp_1"


@pytest.mark.parametrize(
    ("environment", "arguments", "said"),
    [
        ({"OLD": ""}, ROTATE, "OLD must be set"),
        ({"NEW": ""}, ROTATE, "NEW must be set"),
        ({"OLD": "pa55-canary"}, ROTATE, "OLD: must be 64 hexadecimal digits or"),
        ({"NEW": "pa55-canary"}, ROTATE, "NEW: must be 64 hexadecimal digits for"),
        ({"NEW": PASSPHRASE}, ROTATE, "NEW: must be 64 hexadecimal digits for"),
        ({"NEW": "pa55-canary"}, (*ROTATE, "--envelope", "pbkdf2-base64"), "at least 32 characters"),
        ({"DATABASE_URL": ""}, ROTATE, "DATABASE_URL must be set"),
    ],
)
def test_a_key_that_cannot_be_one_is_named_and_never_shown(
    database: DelivrDatabase, environment: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    done = rotate(database, *arguments, **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "pa55-canary" not in done.stderr


def test_a_database_that_is_down_is_an_outage(database: DelivrDatabase) -> None:
    done = rotate(database, *ROTATE, DATABASE_URL="mysql+pymysql://u:p@127.0.0.1:9/d")
    assert (done.returncode, done.stderr) == (2, "Error: The database cannot be reached.\n")


def killed_at(database: DelivrDatabase, at: int, moment: Moment) -> bool:
    """Run a rotation and kill it at its message number `at`; tell whether there was such a message."""
    victims: list[subprocess.Popen[bytes]] = []
    proxy = KillingProxy(("127.0.0.1", database.access.port), at, moment, lambda: victims[0].kill())  # noqa: PLW0108 - it is not there yet
    with proxy.listening() as port:
        there = database.url.get_secret_value().replace(f":{database.access.port}/", f":{port}/")
        environment = {**NOWHERE, **KEYS, "DATABASE_URL": there}
        victims.append(
            subprocess.Popen(
                [PROGRAM, *ROTATE], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
        code = victims[0].wait(60)
    assert code == (-9 if proxy.struck else 0)
    return proxy.struck


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_statement_no_row_is_left_that_no_key_opens(
    database: DelivrDatabase, moment: Moment
) -> None:
    rows = {key(tenant, kind): (tenant, kind) for tenant in (TENANT, TWIN) for kind in ("GITHUB", "SLACK")}
    rotation = Rotation(NEW, (OLD,))
    states: set[tuple[str, ...]] = set()
    at = 0
    struck = True
    while struck:
        at += 1
        for tenant, kind in rows.values():
            put(database, tenant, kind, {"accessToken": sealed(OLD, f"ghp_{tenant}{kind}")})
        struck = killed_at(database, at, moment)
        either = Sealer(SecretStr(NEW_KEY), previous=OLD)
        found = configs(database)
        opened = {key: either.open(found[key]["accessToken"]).get_secret_value() for key in rows}
        assert opened == {key: f"ghp_{tenant}{kind}" for key, (tenant, kind) in rows.items()}
        turns = {key: rotation.reseal(found[key], frozenset()).turn.name for key in rows}
        assert turns[key(TENANT, "GITHUB")] == turns[key(TENANT, "SLACK")]  # a tenant is done or not begun
        assert turns[key(TWIN, "GITHUB")] == turns[key(TWIN, "SLACK")]
        states.add(tuple(turns.values()))
        again = resealer(database.url, rotation)
        for tenant in again.tenants():
            again.turn(tenant, dry=False)
        again.wire.engine.dispose()
        assert {rotation.reseal(one, frozenset()).turn.name for one in configs(database).values()} == {
            "STANDS"
        }
    assert len(states) == 3  # nothing, one tenant, both: the kills fell everywhere between
    assert at > 6


def test_a_tenant_that_cannot_be_written_whole_is_not_begun(database: DelivrDatabase) -> None:
    for kind in ("GITHUB", "SLACK"):
        put(database, TENANT, kind, {"accessToken": sealed(OLD, f"ghp_{kind}")})
    before = everything(database)
    database.run(
        "CREATE TRIGGER refuses BEFORE UPDATE ON tenant_integrations FOR EACH ROW "
        "IF NEW.integrationType = 'SLACK' THEN SIGNAL SQLSTATE '45000'; END IF"
    )
    try:
        with closing_resealer(database) as turning, pytest.raises(DatabaseUnavailable):
            turning.turn(TENANT, dry=False)
    finally:
        database.run("DROP TRIGGER refuses")
    assert everything(database) == before


def test_a_row_that_is_written_meanwhile_is_never_written_over(database: DelivrDatabase) -> None:
    put(database, TENANT, "GITHUB", {"accessToken": sealed(OLD, "ghp_1")})
    newer = json.dumps({"accessToken": sealed(OLD, "ghp_2")})
    writing: list[Future[Any]] = []

    with closing_resealer(database) as turning, ThreadPoolExecutor(1) as threads:

        def write_meanwhile(_: str) -> frozenset[str]:
            """Run between the reading of the rows and the writing."""
            update = "UPDATE tenant_integrations SET config = %s"
            writing.append(threads.submit(database.run, update, newer))
            wait_for(lambda: writing[0].done() or waiting(database))
            return frozenset()

        replace(turning, sealed_fields=write_meanwhile).turn(TENANT, dry=False)
        writing[0].result()
    (found,) = configs(database).values()
    assert OLD.open(found["accessToken"]).get_secret_value() == "ghp_2"


@contextmanager
def closing_resealer(database: DelivrDatabase) -> Iterator[Resealer]:
    found = resealer(database.url, Rotation(NEW, (OLD,)))
    try:
        yield found
    finally:
        found.wire.engine.dispose()


def statements(tenancy: Tenancy) -> dict[str, Any]:
    """What the status says of each integration, and since when each condition says so."""
    status = tenancy.get()["status"]
    return {
        **{e["type"]: (e["verificationStatus"], e["lastVerifiedAt"]) for e in status["integrations"]},
        **{c["type"]: (c["status"], c["lastTransitionTime"]) for c in status["conditions"]},
    }


def fingerprints(tenancy: Tenancy) -> set[str]:
    return {entry["fingerprint"] for entry in tenancy.get()["status"]["integrations"]}


def provider_requests(tenancy: Tenancy) -> int:
    return sum(tenancy.simulator.count(credential=one.label) for one in tenancy.issued.values())


def opens(tenancy: Tenancy, sealer: Sealer) -> bool:
    rotation = Rotation(sealer, ())
    stored = [json.loads(row["config"]) for row in tenancy.integrations().values()]
    return {rotation.reseal(one, frozenset()).turn.name for one in stored} == {"STANDS", "BARE"}


def age(tenancy: Tenancy) -> None:
    tenancy.rows("UPDATE tenant_integrations SET updatedAt = '2001-01-01'")


def stamps(tenancy: Tenancy) -> set[int]:
    return {row["updatedAt"].year for row in tenancy.integrations().values()}


def test_a_key_is_changed_beside_a_running_operator_and_nobody_is_asked_again(on_either: Tenancy) -> None:
    tenancy = on_either
    tenancy.extra["INTEGRATION_ENCRYPTION_KEY"] = OLD_KEY
    tenancy.apply(tenancy.complete(interval="24h"))
    with tenancy.operator():
        tenancy.await_ready("True")
    said, marks = statements(tenancy), fingerprints(tenancy)
    for one in tenancy.issued.values():
        tenancy.simulator.forget_requests(credential=one.label)
    age(tenancy)

    both = {"INTEGRATION_ENCRYPTION_KEY": NEW_KEY, "INTEGRATION_ENCRYPTION_KEY_PREVIOUS": OLD_KEY}
    tenancy.extra.update(both, DRIFT_INTERVAL="1s")
    with tenancy.operator():
        eventually(lambda: not marks & fingerprints(tenancy), "verdicts are noted under the new key")
        assert statements(tenancy) == said
        assert (stamps(tenancy), opens(tenancy, OLD)) == ({2001}, True)
        environment = {**tenancy.environment, **KEYS}
        done = subprocess.run([PROGRAM, *ROTATE], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[0] == "rows re-sealed: 4"
        assert opens(tenancy, NEW)
        age(tenancy)
        tenancy.rows("DELETE FROM tenant_integrations WHERE integrationType = 'GITHUB'")
        eventually(lambda: "GITHUB" in tenancy.integrations(), "a pass has been there since")
        assert opens(tenancy, NEW)
    version, marks = tenancy.get()["metadata"]["resourceVersion"], fingerprints(tenancy)

    del tenancy.extra["INTEGRATION_ENCRYPTION_KEY_PREVIOUS"]
    age(tenancy)
    with tenancy.operator():
        tenancy.rows("UPDATE tenant_release_settings SET githubConnected = 0")
        eventually(lambda: (tenancy.settings_row() or {})["githubConnected"], "a pass has been there")
    assert tenancy.get()["metadata"]["resourceVersion"] == version
    assert (stamps(tenancy), fingerprints(tenancy), statements(tenancy)) == ({2001}, marks, said)
    assert provider_requests(tenancy) == 0
