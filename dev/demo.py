"""The demonstration: a YAML becomes Ready, a token breaks and is mended, and each promise is checked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql.cursors
import yaml

from dev.access import ClusterAccess
from dev.binaries import kubectl
from dev.cluster import DevelopmentCluster
from dev.database_server import DatabaseAccess, DatabaseServer
from dev.ports import free_ports
from dev.process import StartError, spawn, stop
from dev.progress import say
from dev.simulator.client import Simulator
from dev.simulator_server import SimulatorServer

ROOT = Path(__file__).parent.parent
BASE_TABLES = ROOT / "tests" / "data" / "base_tables.sql"
NAMESPACE, SETUP, SYSTEM = "falcon", "mobile-app", "delivr-system"
RESOURCE = f"releasesetup/{SETUP}"
PATIENCE = 90.0
SHOWN_LENGTH = 80


class DemoError(Exception):
    """Something that the demonstration promises did not hold."""


@dataclass(frozen=True)
class Stage:
    """Where the demonstration runs."""

    access: ClusterAccess
    database: DatabaseAccess
    variables: Mapping[str, str]
    folder: Path

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Show a kubectl command to the person and return what it printed."""
        print(f"\n\033[1m$ kubectl {' '.join(arguments)}\033[0m", flush=True)
        printed = self.access.kubectl(*arguments, stdin=stdin)
        print(printed, end="", flush=True)
        return printed

    def operator(self, *arguments: str, extra: Mapping[str, str] | None = None) -> None:
        """Show a delivr-operator command to the person and run it."""
        print(f"\n\033[1m$ delivr-operator {' '.join(arguments)}\033[0m", flush=True)
        environment = {**os.environ, **self.variables, **(extra or {})}
        subprocess.run([program(), *arguments], env=environment, check=True)

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Return what the database says."""
        with self.database.connect("delivr") as connection:
            cursor = connection.cursor(pymysql.cursors.DictCursor)
            cursor.execute(statement)
            return list(cursor.fetchall())

    def setup(self) -> dict[str, Any]:
        """Return the ReleaseSetup as it stands."""
        found: dict[str, Any] = json.loads(
            self.access.kubectl("get", RESOURCE, "--namespace", NAMESPACE, "--output=json")
        )
        return found


def program() -> str:
    """Return the installed command of the operator."""
    return str(Path(sys.executable).with_name("delivr-operator"))


def heading(text: str) -> None:
    """Tell the person what comes next."""
    print(f"\n\033[1;36m== {text}\033[0m", flush=True)


def expect(held: bool, promise: str) -> None:
    """Say that a promise held, or end the demonstration.

    Raises:
        DemoError: it did not hold.
    """
    if not held:
        raise DemoError(promise)
    print(f"\033[32m✓ {promise}\033[0m", flush=True)


@contextmanager
def stage() -> Iterator[Stage]:
    """Offer a cluster, a database and the provider simulator, and stop what was started for it."""
    kind, folder = os.environ.get("DB", "mysql"), ROOT / ".dev" / "demo"
    if os.environ.get("DEMO_CLUSTER") == "current":
        with _beside_current_cluster(kind, folder) as found:
            yield found
        return
    cluster = DevelopmentCluster(folder)
    cluster.down()  # what an earlier, killed demonstration left
    try:
        cluster.up(kind)
        connections = cluster.connections()
        yield Stage(connections.cluster, connections.database, connections.variables, folder)
    finally:
        cluster.down()


@contextmanager
def _beside_current_cluster(kind: str, folder: Path) -> Iterator[Stage]:
    """Use the cluster of KUBECONFIG; only the database and the simulator are the demonstration's own."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    current = Path(os.environ.get("KUBECONFIG", "~/.kube/config").split(":")[0]).expanduser()
    access = ClusterAccess.of_kubeconfig(current, kubectl(), folder / "kubeconfig")
    with ExitStack() as stack:
        database = stack.enter_context(DatabaseServer(kind, folder / "current" / kind))
        simulator = SimulatorServer(folder / "current" / "simulator")
        stack.callback(simulator.stop)
        providers = simulator.start()
        database.drop_database("delivr")
        variables = {
            "DATABASE_URL": database.create_database("delivr", "utf8mb4"),
            "INTEGRATION_ENCRYPTION_KEY": os.urandom(32).hex(),
            **providers,
        }
        yield Stage(access, database, variables, folder)


@contextmanager
def running_operator(on: Stage) -> Iterator[None]:
    """Run the operator as its own process with its own service account, which is no administrator."""
    token = on.access.service_account_token(SYSTEM, "delivr-operator")
    kubeconfig = on.access.kubeconfig_for("delivr-operator", token, on.folder / "operator.kubeconfig")
    port, log = free_ports(1)[0], on.folder / "operator.log"
    environment = {**os.environ, **on.variables, "KUBECONFIG": str(kubeconfig)}
    environment.pop("KUBERNETES_SERVICE_HOST", None)
    process = spawn(
        [program(), "run", "--health-port", str(port), "--log-format", "text"], log, environment=environment
    )
    try:
        yield
    except BaseException:
        print(f"\n-- the end of the operator's log\n{log.read_text()[-4000:]}", flush=True)
        raise
    finally:
        stop(process)


def install(on: Stage) -> None:
    """Install CRD, roles and policy (not the Deployment: the operator runs here), tables and migration."""
    on.access.install(ROOT / "manifests" / "base", on.kubectl)
    on.database.load("delivr", BASE_TABLES)
    on.operator("migrate", "up")


def secrets_of(seed: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return the example's Secrets with credentials that the simulator knows."""
    members = {
        "github": "github",
        "appStoreConnect": "app-store-connect",
        "playStore": "play-store",
        "slack": "slack",
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": {k: v for k, v in seed[member].items() if k != "serviceAccountKey"},
        }
        for member, name in members.items()
    ]


def declare(on: Stage, seed: Mapping[str, Mapping[str, str]]) -> None:
    """Try every example, and apply the complete one, its Secrets with the simulator's credentials."""
    on.kubectl("apply", "-f", "examples/namespace.yaml")
    for file in sorted((ROOT / "examples").glob("*.yaml")):
        on.access.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(file))
    expect(True, "the API server accepts every file in examples/")  # noqa: FBT003 - else kubectl had failed
    example = yaml.safe_load_all((ROOT / "examples" / "complete.yaml").read_text())
    kept = [found for found in example if found and found["kind"] == "ReleaseSetup"]
    on.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([*secrets_of(seed), *kept]))


def show(on: Stage) -> None:
    """Show the resource, its status and the rows."""
    on.kubectl("get", "releasesetups", "--namespace", NAMESPACE)
    status = on.setup()["status"]
    for condition in status["conditions"]:
        print(f"  {condition['type']:<30} {condition['status']:<8} {condition['reason']}")
    for entry in status["integrations"]:
        print(f"  {entry['type']:<20} {entry['verificationStatus']:<13} {entry['message']}")
    print("\n\033[1mSELECT * FROM tenant_release_settings\033[0m")
    for row in on.rows("SELECT * FROM tenant_release_settings"):
        print("  " + "\n  ".join(f"{name:<30} {value}" for name, value in row.items()))
    print("\n\033[1mSELECT * FROM tenant_integrations\033[0m")
    for row in on.rows("SELECT * FROM tenant_integrations ORDER BY integrationType"):
        config = json.loads(row.pop("config"))
        print(f"  {row['integrationType']:<20} {row['verificationStatus']:<13} {_flags(row)}")
        for name, value in config.items():
            print(f"    {name:<22} {_short(value)}")


def _flags(row: Mapping[str, Any]) -> str:
    names = [name for name in ("isEnabled", "isRequired") if row[name]]
    return f"{', '.join(names):<22} {row['configuredByAccountId']}  {row['lastVerifiedAt']}"


def _short(value: object) -> str:
    text = json.dumps(value) if isinstance(value, list) else str(value)
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}…"


def await_ready(on: Stage, truth: str) -> None:
    """Wait until Ready says `truth`."""
    on.kubectl(
        "wait",
        RESOURCE,
        "--namespace",
        NAMESPACE,
        f"--for=condition=Ready={truth}",
        f"--timeout={PATIENCE:.0f}s",
    )


def check_complete(on: Stage, seed: Mapping[str, Mapping[str, str]]) -> None:
    """Check the plan's answer, the plan's rows, and that no credential stands in them in clear."""
    status = on.setup()["status"]
    expect(status["setupComplete"] is True, "setupComplete is true")
    expect(
        status["message"] == "Release Management setup completed successfully",
        "the message is the plan's own",
    )
    settings = on.rows("SELECT * FROM tenant_release_settings")
    expect(len(settings) == 1 and settings[0]["setupComplete"] == 1, "tenant_release_settings says complete")
    rows = {row["integrationType"]: row for row in on.rows("SELECT * FROM tenant_integrations")}
    expected = {"GITHUB", "APP_STORE_CONNECT", "PLAY_STORE", "GITHUB_ACTIONS", "SLACK"}
    expect(set(rows) == expected, f"tenant_integrations has {len(expected)} rows")
    expect(all(row["verificationStatus"] == "VALID" for row in rows.values()), "each of them is VALID")
    clear = {
        value
        for fields in seed.values()
        for name, value in fields.items()
        if "mail" not in name and value != "admin"
    }
    stored = json.dumps([json.loads(row["config"]) for row in rows.values()])
    expect(
        not [value for value in clear if json.dumps(value)[1:-1] in stored], "no credential stands in clear"
    )


def replace_token(on: Stage, token: str) -> None:
    """Put another GitHub token into its Secret, as a person would."""
    print('\n\033[1m$ kubectl patch secret github --patch \'{"stringData":{"accessToken":"…"}}\'\033[0m')
    patch = json.dumps({"stringData": {"accessToken": token}})
    on.access.kubectl("patch", "secret", "github", "--namespace", NAMESPACE, "--patch", patch)


def perform(on: Stage) -> None:
    """Play the whole demonstration."""
    with Simulator(dict(on.variables)) as simulator:
        seed = simulator.seed()
    heading("Install: CRD, roles, tables")
    install(on)
    heading("A tenant declares its setup")
    declare(on, seed)
    with running_operator(on):
        await_ready(on, "True")
        show(on)
        check_complete(on, seed)
        heading("A token breaks")
        replace_token(on, "ghp_0000000000000000000000000000broken")
        await_ready(on, "False")
        show(on)
        broken = on.rows("SELECT verificationStatus FROM tenant_integrations WHERE integrationType='GITHUB'")
        expect(broken[0]["verificationStatus"] == "INVALID", "GITHUB's row is INVALID")
        expect(on.setup()["status"]["setupComplete"] is False, "the setup is no longer complete")
        heading("The token is mended")
        replace_token(on, seed["github"]["accessToken"])
        await_ready(on, "True")
        show(on)
        check_complete(on, seed)
        heading("The setup is deleted")
        on.kubectl("delete", RESOURCE, "--namespace", NAMESPACE, "--timeout=60s")
        expect(not on.rows("SELECT id FROM tenant_integrations"), "its rows went with it")


def main(_: Sequence[str] | None = None) -> int:
    """The demonstration has been played and everything it started is stopped; 0 only if all of it held."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with stage() as on:
            perform(on)
    except DemoError as error:
        say(f"error: this did not hold: {error}")
        return 1
    except subprocess.CalledProcessError as error:
        say(f"error: {' '.join(map(str, error.cmd))}: {error.stderr or ''}")
        return 1
    except StartError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    heading("All of it held.")
    if os.environ.get("DEMO_CLUSTER") == "current":
        say(f"Left in your cluster: namespace {NAMESPACE}, and what manifests/base holds but the Deployment.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
