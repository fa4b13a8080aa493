"""Everything that README and docs tell people to type is typed, on real servers and in their order."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.access import ClusterAccess
from dev.control_plane import ControlPlane
from dev.database_server import DatabaseAccess
from dev.prometheus import prometheus
from dev.prometheus_operator import definitions
from dev.simulator.client import Simulator
from tests.delivr_tables import CATEGORIES, PASSPHRASE
from tests.documented import DEMO, PAGES, UNRUN_WORDS, WITH_SETUP, Block, blocks, inline_commands
from tests.integration.operating import operating
from tests.integration.tenancy import PROGRAM, ROOT, TENANT, Tenancy
from tests.signing_files import android, ios

FILLINGS = {
    "DATABASE_URL=...": 'DATABASE_URL="$DATABASE_URL"',
    "<the old key>": '"$INTEGRATION_ENCRYPTION_KEY"',
    "<the new key>": "c4" * 32,
    "<the operator's>": "c4" * 32,
    "<Delivr's own>": f'"{PASSPHRASE}"',
}
"""What a reader writes in place of words that stand for something of theirs."""
ADOPTION = (slice(2), slice(3, 4), slice(2, 3), slice(4, None))
"""The way by git, which the page names second, is one of two: what is adopted is not exported again."""


@dataclass
class Reader:
    """Types what stands in the pages, into a shell in a copy of the repository."""

    world: Tenancy
    folder: Path
    typed: set[Block] = field(default_factory=set)

    def type(self, page: str, chosen: slice = slice(None)) -> None:
        """Type the blocks of a page, one after the other into one shell; pictures answer as they show."""
        found = run_here(page)[chosen]
        assert found, page
        self.shell("".join(block.script for block in found if block.language == "sh"), page)
        for block in found:
            if block.language == "console":
                self.compare(block)
        self.typed.update(found)

    def compare(self, block: Block) -> None:
        """Check that the picture is what comes; of a table the titles, since what stands below moves."""
        answer, shown = self.shell(block.script, block.page), block.shown
        if shown.startswith("NAME "):
            answer, shown = answer.splitlines()[0], shown.splitlines()[0]
        assert answer.split() == shown.split(), block.page

    def shell(self, script: str, about: str) -> str:
        for words, ours in FILLINGS.items():
            script = script.replace(words, ours)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env={
                **self.world.environment,
                "PATH": os.pathsep.join([str(self.folder / "programs"), os.environ["PATH"]]),
                "KUBECONFIG": str(self.world.access.kubeconfig),
                "GITHUB_TOKEN": self.world.issued["github"].secret["accessToken"],
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )
        assert done.returncode == 0, (
            f"{about}: {script}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}\n{self.world.log()[-1000:]}"
        )
        return done.stdout


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ClusterAccess]:
    """A cluster of its own, since what is documented is for all of it, with what others bring to one."""
    with ControlPlane(tmp_path / "plane", dies_with_parent=True) as access:
        access.kubectl("apply", "--server-side", *(f"--filename={path}" for path in definitions()))
        access.kubectl("create", "namespace", "argocd")
        access.kubectl("create", "namespace", "monitoring")
        yield access


@pytest.fixture
def reader(
    plane: ClusterAccess, mysql_server: DatabaseAccess, simulator: dict[str, str], tmp_path: Path
) -> Iterator[Reader]:
    """What a reader has: a cluster, Delivr's database, credentials at the providers, and this repository."""
    name = f"docs{os.getpid()}"
    mysql_server.create_database(name, "utf8mb4")
    try:
        mysql_server.load(name, ROOT / "tests" / "data" / "base_tables.sql")
        mysql_server.load(name, CATEGORIES)
        with Simulator(simulator) as admin:
            world = Tenancy(plane, mysql_server, name, admin, "falcon", tmp_path)
            world.extra.update(PROJECTIONS="plan,delivr", BACKEND_STORAGE_ENCRYPTION_KEY=PASSPHRASE)
            for table in ("store_credentials", "store_integrations"):
                world.rows(f"DROP TABLE {table}")
            issue(world)
            folder = tmp_path / "repository"
            folder.mkdir()
            put_files(world, folder)
            yield Reader(world, folder)
    finally:
        mysql_server.drop_database(name)


def issue(world: Tenancy) -> None:
    world.issued["github"] = github = world.simulator.issue("GITHUB")
    world.simulator.target("GITHUB", "repository", f"{world.organization}/mobile-app", visible_to=[github.id])
    world.issued["playStore"] = play = world.simulator.issue("PLAY_STORE")
    world.simulator.target("PLAY_STORE", "package", world.package, visible_to=[play.id])


def put_files(world: Tenancy, folder: Path) -> None:
    """A copy of what the commands name, the programs that they call, and the reader's own files."""
    for name in ("manifests", "crds", "examples"):
        (folder / name).symlink_to(ROOT / name)
    programs = folder / "programs"
    programs.mkdir()
    (programs / "kubectl").symlink_to(world.access.kubectl_program)
    (programs / "promtool").symlink_to(prometheus().promtool)
    (programs / "delivr-operator").symlink_to(PROGRAM)
    key = world.issued["playStore"].secret["serviceAccountKey"]
    own = {"play-store.json": key, "key.json": key, "AuthKey_....p8": "-----BEGIN PRIVATE KEY-----\n"}
    own["setup.yaml"] = yaml.safe_dump(first_setup(world))
    signing = ios() | android()
    (written,) = (
        block.text for block in blocks("docs/integrations/code-signing.md") if block.language == "sh"
    )
    own |= {file: signing[name] for name, file in re.findall(r"--from-file=(\w+)=(\S+)", written)}
    for file, text in own.items():
        (folder / file).write_text(text)


def first_setup(world: Tenancy) -> dict[str, Any]:
    """The setup of first-setup.md, with the repository and the app that this test has at the simulator."""
    (page,) = (block.text for block in blocks("docs/first-setup.md") if block.language == "yaml")
    setup: dict[str, Any] = yaml.safe_load(page)
    assert setup["spec"]["tenantId"] == TENANT
    setup["spec"]["github"]["organization"] = world.organization
    setup["spec"]["playStore"]["packageName"] = world.package
    return setup


@pytest.mark.timeout(400)
def test_what_the_pages_say_to_type_works(reader: Reader) -> None:
    world, away = reader.world, -1
    reader.type("docs/install.md", slice(away))
    with operating(world, cluster_wide=True):
        reader.type("docs/first-setup.md")
        assert world.condition()["status"] == "True"
        for page in WITH_SETUP:
            reader.type(page)
        for page in PAGES:
            for command in inline_commands(page) if page.startswith("docs/integrations/") else ():
                if not command.startswith(tuple(UNRUN_WORDS)):
                    reader.shell(command, page)

        # Rows without a resource and its claim are what a tenant has who was set up by hand.
        world.kubectl(
            "patch", "rset", "mobile-app", "--type=merge", '--patch={"spec":{"deletionPolicy":"Retain"}}'
        )
        world.kubectl("delete", "rset", "mobile-app", "--timeout=60s")
        world.kubectl("delete", "secrets", "--all")
        world.rows("DELETE FROM tenant_release_claims")
        config = world.integrations()["GITHUB"]["config"]
        for step in ADOPTION:
            reader.type("docs/adoption.md", step)
        assert world.integrations()["GITHUB"]["config"] == config

        reader.type("docs/install.md", slice(away, None))
    reader.type("docs/key-rotation.md")

    assert reader.typed == {block for page in PAGES for block in run_here(page)}


def run_here(page: str) -> list[Block]:
    """The blocks of a page, less those that have a cluster of their own."""
    return [b for b in blocks(page) if b.is_commands and not b.unrun and not b.text.startswith(DEMO)]


@pytest.mark.timeout(300)
def test_the_demonstration_comes_to_its_end() -> None:
    (block,) = (one for one in blocks("README.md") if one.text.startswith(DEMO))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
