"""The fixtures of tests that run the operator on real servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.access import ClusterAccess
from dev.cache import locked
from dev.control_plane import ControlPlane
from dev.database_server import DatabaseAccess
from tests.integration.tenancy import ROOT, Tenancy, make_tenancy


@pytest.fixture(scope="session")
def installed(control_plane: ClusterAccess, shared_directory: Path) -> ClusterAccess:
    """The CRD stands."""
    with locked(shared_directory / "installed.lock"):
        control_plane.kubectl("apply", "--server-side", "-k", str(ROOT / "crds"))
        control_plane.await_established()
    return control_plane


@pytest.fixture
def tenancy(
    installed: ClusterAccess,
    mysql_server: DatabaseAccess,
    simulator: dict[str, str],
    tmp_path: Path,
) -> Iterator[Tenancy]:
    """A tenant with its own namespace, bound to it, and a migrated MySQL database."""
    yield from make_tenancy(installed, mysql_server, simulator, tmp_path)


@pytest.fixture
def on_either(
    installed: ClusterAccess, database_server: DatabaseAccess, simulator: dict[str, str], tmp_path: Path
) -> Iterator[Tenancy]:
    """The same on MySQL and on MariaDB in turn."""
    yield from make_tenancy(installed, database_server, simulator, tmp_path)


@pytest.fixture
def whole(mariadb_server: DatabaseAccess, simulator: dict[str, str], tmp_path: Path) -> Iterator[Tenancy]:
    """A cluster with the base manifests, less the Deployment: the operator runs here."""
    with ControlPlane(tmp_path / "control-plane") as access:
        access.install(ROOT / "manifests" / "base")
        yield from make_tenancy(access, mariadb_server, simulator, tmp_path)
