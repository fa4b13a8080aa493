"""The development cluster itself: what other tests stand on."""

import json
import subprocess
import sys
from pathlib import Path

import pymysql
import pytest

from dev.access import ClusterAccess
from dev.cluster import DevelopmentCluster
from dev.control_plane import ControlPlane
from dev.database_server import DatabaseAccess, DatabaseServer
from dev.lease import shared_server
from dev.process import Identity, StartError, stop, wait_for_end

DEFAULTS = [
    ("utf8mb4_default", "utf8mb4", None),
    ("latin1_default", "latin1", None),
    ("latin1_bin_default", "latin1", "latin1_bin"),
]


def test_up_is_repeatable_and_down_stops_that_and_nothing_else(tmp_path: Path) -> None:
    cluster = DevelopmentCluster(tmp_path / "cluster")
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert cluster.up("mariadb") is True
        started = cluster.processes()
        assert cluster.up("mariadb") is False
        assert cluster.processes() == started
        with pytest.raises(StartError, match="other settings"):
            cluster.up("mysql")
        environment = cluster.environment_file.read_text()
        reached = cluster.connections()
        assert "default" in reached.cluster.kubectl("get", "namespaces")
        assert reached.variables["DATABASE_URL"] == reached.database.url("delivr")
        reached.database.connect("delivr").close()
        answer = subprocess.run(
            ["sh", "-c", '. "$1" && kubectl auth whoami -o name', "sh", cluster.environment_file],
            capture_output=True,
            check=False,
            text=True,
        )
        assert answer.returncode == 0, answer.stderr
        assert "SIMULATOR_ADMIN_URL" in environment
        assert cluster.environment_file.stat().st_mode & 0o077 == 0

        # One of them dies: the rest is a leftover, which the next `up` clears away.
        stop(started[-1].identity)
        assert cluster.up("mariadb") is True
        again = cluster.processes()
        assert not any(process.identity.alive() for process in started)
        assert key_of(environment) == key_of(cluster.environment_file.read_text())
    finally:
        cluster.down()
    assert not any(process.identity.alive() for process in again)
    assert cluster.down() == []
    assert bystander.poll() is None
    bystander.communicate(b"\n")


def key_of(environment: str) -> str:
    return next(line for line in environment.splitlines() if "INTEGRATION_ENCRYPTION_KEY" in line)


def test_an_api_server_comes_back_on_its_port_with_its_data(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path)
    with plane as access:
        access.kubectl("create", "namespace", "kept")
        plane.stop_api_server()
        with pytest.raises(subprocess.CalledProcessError):
            access.kubectl("get", "namespace", "kept", "--request-timeout=2s")
        plane.start_api_server()
        assert "kept" in access.kubectl("get", "namespace", "kept")
    assert plane.processes == {}


def test_rights_are_those_of_the_token(control_plane: ClusterAccess, tmp_path: Path) -> None:
    control_plane.kubectl("create", "namespace", "dev-cluster")
    control_plane.kubectl("create", "serviceaccount", "nobody", "--namespace", "dev-cluster")
    token = control_plane.service_account_token("dev-cluster", "nobody")
    mine = control_plane.kubeconfig_for("nobody", token, tmp_path / "kubeconfig")
    assert mine.stat().st_mode & 0o077 == 0
    with pytest.raises(subprocess.CalledProcessError) as refused:
        control_plane.kubectl("get", "secrets", "--namespace", "dev-cluster", kubeconfig=mine)
    assert "system:serviceaccount:dev-cluster:nobody" in refused.value.stderr
    audited = [json.loads(line) for line in control_plane.audit_log.read_text().splitlines()]
    assert any(
        event["user"].get("username") == "system:serviceaccount:dev-cluster:nobody"
        and event["responseStatus"]["code"] == 403
        for event in audited
    )


def test_the_version_is_a_real_one(control_plane: ClusterAccess) -> None:
    version = json.loads(control_plane.kubectl("get", "--raw", "/version"))
    assert int(version["major"]) == 1
    assert int(version["minor"].rstrip("+")) >= 31


@pytest.mark.parametrize(("name", "charset", "collation"), DEFAULTS)
def test_a_database_has_the_defaults_asked_for(
    database_server: DatabaseAccess, name: str, charset: str, collation: str | None
) -> None:
    url = database_server.create_database(name, charset, collation)
    assert url.endswith(f"/{name}")
    with database_server.connect(name) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@character_set_database, @@collation_database, @@version")
        found = cursor.fetchone()
    assert found is not None
    assert found[0] == charset
    assert collation is None or found[1] == collation
    assert ("MariaDB" in found[2]) == (database_server.kind == "mariadb")
    database_server.drop_database(name)


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_a_database_comes_back_on_its_port_with_its_data(kind: str, tmp_path: Path) -> None:
    server = DatabaseServer(kind, tmp_path)
    with server as access:
        access.create_database("kept")
        server.stop()
        assert server.start() == access
        with access.connect("kept") as connection:
            connection.ping()
    assert server.processes == {}


def test_a_shared_server_ends_with_its_last_user(tmp_path: Path) -> None:
    with shared_server("mariadb", tmp_path) as first:
        with shared_server("mariadb", tmp_path) as second:
            assert first == second
        DatabaseAccess.from_record(first).create_database("still_there")
        supervisor = Identity(**json.loads((tmp_path / "mariadb" / "ready.json").read_text())["supervisor"])
        assert supervisor.alive()
    wait_for_end(supervisor, 30)
    assert not supervisor.alive()
    with shared_server("mariadb", tmp_path) as third:
        DatabaseAccess.from_record(third).create_database("still_there")


def test_a_killed_supervisor_takes_its_server_along_and_is_replaced(tmp_path: Path) -> None:
    with shared_server("mariadb", tmp_path) as lost:
        supervisor = Identity(**json.loads((tmp_path / "mariadb" / "ready.json").read_text())["supervisor"])
        stop(supervisor, patience=0)
        with shared_server("mariadb", tmp_path) as found:
            assert found != lost
            with pytest.raises(pymysql.err.OperationalError):
                DatabaseAccess.from_record(lost).connect()
            DatabaseAccess.from_record(found).connect().close()


def test_the_simulator_says_where_it_is(simulator: dict[str, str]) -> None:
    assert simulator["SIMULATOR_ADMIN_URL"].startswith("http")
    assert simulator["GITHUB_API_URL"].startswith("https://127.0.0.1:")
    assert Path(simulator["EXTRA_CA_FILE"]).exists()
