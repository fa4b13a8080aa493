"""The real servers that tests may ask for.

Each starts when the first test asks for it, is shared by all workers of a run, and ends with the run however
that ends. Tests keep out of each other's way by namespaces, databases and tenants of their own.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from dev.access import ClusterAccess
from dev.binaries import kubectl
from dev.database_server import DatabaseAccess
from dev.lease import shared_server
from tests.rights import note_asked

pytest_plugins = ["tests.rights_plugin"]

settings.register_profile("delivr", deadline=None)
settings.load_profile("delivr")
"""A busy machine is slow; that is no finding about an example."""


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of this run."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "servers"


@pytest.fixture(scope="session")
def control_plane(shared_directory: Path) -> Iterator[ClusterAccess]:
    """A real API server without controllers: a deleted namespace stays Terminating.

    DELIVR_TEST_KUBECONFIG names another cluster instead, one that tests may leave namespaces in.
    """
    other = os.environ.get("DELIVR_TEST_KUBECONFIG")
    if other:
        yield ClusterAccess.of_kubeconfig(Path(other), kubectl(), shared_directory / "kubeconfig")
        return
    with shared_server("control-plane", shared_directory) as record:
        access = ClusterAccess.from_record(record)
        try:
            yield access
        finally:
            note_asked(access.audit_log.parent)


@pytest.fixture(scope="session")
def mysql_server(shared_directory: Path) -> Iterator[DatabaseAccess]:
    """A real MySQL."""
    with shared_server("mysql", shared_directory) as record:
        yield DatabaseAccess.from_record(record)


@pytest.fixture(scope="session")
def mariadb_server(shared_directory: Path) -> Iterator[DatabaseAccess]:
    """A real MariaDB."""
    with shared_server("mariadb", shared_directory) as record:
        yield DatabaseAccess.from_record(record)


@pytest.fixture(scope="session", params=["mysql", "mariadb"])
def database_server(request: pytest.FixtureRequest) -> DatabaseAccess:
    """Each of the database servers in turn."""
    server = request.getfixturevalue(f"{request.param}_server")
    assert isinstance(server, DatabaseAccess)
    return server


@pytest.fixture(scope="session")
def simulator(shared_directory: Path) -> Iterator[dict[str, str]]:
    """The environment of a running provider simulator; its own door is SIMULATOR_ADMIN_URL."""
    with shared_server("simulator", shared_directory) as record:
        yield record
