"""An operator at work on real servers: one tenant, one namespace, one database, one process of its own."""

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql.cursors
import yaml

from dev.access import ClusterAccess
from dev.database_server import DatabaseAccess
from dev.simulator.client import Issued, Simulator

ROOT = Path(__file__).parents[2]
TENANT = "Kp3xQ7_m-Z"
PROGRAM = str(Path(sys.executable).with_name("delivr-operator"))
PATIENCE = 45.0
Json = Any


def eventually(look: Callable[[], Json], what: str, patience: float = PATIENCE) -> Json:
    """Return what `look` gives as soon as that is true."""
    deadline, last = time.monotonic() + patience, None
    while time.monotonic() < deadline:
        last = look()
        if last:
            return last
        time.sleep(0.05)  # between two looks; the condition ends the wait
    raise AssertionError(f"never came true: {what}; last seen: {last!r}")


@dataclass
class Tenancy:
    """A tenant's world: its namespace, its Secrets at the providers, its database."""

    access: ClusterAccess
    database: DatabaseAccess
    database_name: str
    simulator: Simulator
    namespace: str
    folder: Path
    issued: dict[str, Issued] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def organization(self) -> str:
        return f"org-{self.namespace}"

    @property
    def package(self) -> str:
        return f"com.acme.{self.namespace.replace('-', '')}"

    @property
    def environment(self) -> dict[str, str]:
        """The operator's own settings, less where the cluster is."""
        return {
            **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")},
            **{k: v for k, v in self.simulator.settings.items() if not k.startswith("SIMULATOR")},
            "DATABASE_URL": self.database.url(self.database_name),
            "INTEGRATION_ENCRYPTION_KEY": "00112233445566778899aabbccddeeff" * 2,
            **self.extra,
        }

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.access.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    def apply(self, *objects: Mapping[str, Json]) -> None:
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(list(objects)))

    def secret(self, name: str, values: Mapping[str, str], **annotations: str) -> dict[str, Json]:
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        metadata = {"name": name, "namespace": self.namespace, "annotations": annotations}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}

    def setup(self, name: str = "mobile-app", **spec: Json) -> dict[str, Json]:
        """A ReleaseSetup of this tenant; a member given as None is left out."""
        wanted = {"tenantId": TENANT, "owner": "owner@example.test", **spec}
        return {
            "apiVersion": "release.delivr.live/v1",
            "kind": "ReleaseSetup",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {key: value for key, value in wanted.items() if value is not None},
        }

    def github(self, **fields: Json) -> dict[str, Json]:
        """Have a GitHub token and its repository; return the member of the spec."""
        self.issued["github"] = one = self.simulator.issue("GITHUB", **fields)
        repository = f"{self.organization}/mobile-app"
        self.simulator.target("GITHUB", "repository", repository, visible_to=[one.id])
        for file in ("ios-build.yml", "android-build.yml"):
            path = f".github/workflows/{file}"
            self.simulator.target("GITHUB", "workflow", path, repository=repository)
        self.apply(self.secret("github", one.secret))
        return {"organization": self.organization, "repoName": "mobile-app", "secretRef": {"name": "github"}}

    def app_store_connect(self) -> dict[str, Json]:
        self.issued["appStoreConnect"] = one = self.simulator.issue("APP_STORE_CONNECT")
        self.simulator.target("APP_STORE_CONNECT", "app", self.package, visible_to=[one.id])
        self.apply(self.secret("app-store-connect", one.secret))
        return {"bundleId": self.package, "secretRef": {"name": "app-store-connect"}}

    def play_store(self) -> dict[str, Json]:
        self.issued["playStore"] = one = self.simulator.issue("PLAY_STORE")
        self.simulator.target("PLAY_STORE", "package", self.package, visible_to=[one.id])
        values = {key: one.secret[key] for key in ("serviceAccountEmail", "privateKey")}
        self.apply(self.secret("play-store", values))
        return {"packageName": self.package, "secretRef": {"name": "play-store"}}

    def slack(self) -> dict[str, Json]:
        self.issued["slack"] = one = self.simulator.issue("SLACK")
        workspace = one.fields["workspace"]
        self.simulator.target("SLACK", "channel", "releases", workspace=workspace)
        self.apply(self.secret("slack", one.secret))
        return {"channels": ["releases"], "secretRef": {"name": "slack"}}

    def jenkins(self) -> dict[str, Json]:
        self.issued["jenkins"] = one = self.simulator.issue("JENKINS")
        self.simulator.target("JENKINS", "job", f"{self.namespace}/build", visible_to=[one.id])
        self.apply(self.secret("jenkins", one.secret))
        pipeline = {
            "name": "production",
            "jobPath": f"{self.namespace}/build",
            "platform": "ANDROID",
            "target": "PLAY_STORE",
        }
        url = self.simulator.settings["JENKINS_URL"]
        return {"url": url, "pipelines": [pipeline], "secretRef": {"name": "jenkins"}}

    def workflows(self) -> dict[str, Json]:
        return {
            "workflows": [
                {
                    "name": "iOS build",
                    "workflowPath": ".github/workflows/ios-build.yml",
                    "platform": "IOS",
                    "target": "APP_STORE",
                },
                {
                    "name": "Android build",
                    "workflowPath": ".github/workflows/android-build.yml",
                    "platform": "ANDROID",
                    "target": "PLAY_STORE",
                },
            ]
        }

    def complete(self, **spec: Json) -> dict[str, Json]:
        """Have everything that the plan's example request names; return the ReleaseSetup."""
        return self.setup(
            **{
                "targets": ["APP_STORE", "PLAY_STORE"],
                "platforms": ["IOS", "ANDROID"],
                "github": self.github(),
                "appStoreConnect": self.app_store_connect(),
                "playStore": self.play_store(),
                "githubActions": self.workflows(),
                "slack": self.slack(),
                **spec,
            }
        )

    def get(self, name: str = "mobile-app") -> dict[str, Json]:
        found: dict[str, Json] = json.loads(self.kubectl("get", "releasesetup", name, "--output=json"))
        return found

    def condition(self, kind: str = "Ready", name: str = "mobile-app") -> dict[str, Json]:
        """One condition as it stands for the newest generation; empty before that."""
        found = self.get(name)
        status = found.get("status", {})
        if status.get("observedGeneration") != found["metadata"]["generation"]:
            return {}
        return next((c for c in status.get("conditions", ()) if c["type"] == kind), {})

    def await_ready(
        self, status: str, reason: str | None = None, name: str = "mobile-app"
    ) -> dict[str, Json]:
        """Return the resource once Ready says `status` (and `reason`) about its newest generation."""

        def look() -> bool:
            ready = self.condition(name=name)
            return ready.get("status") == status and reason in (None, ready.get("reason"))

        try:
            eventually(look, f"Ready={status} {reason or ''}")
        except AssertionError as error:
            status_now = json.dumps(self.get(name).get("status"), indent=1)
            raise AssertionError(f"{error}\n{status_now}\n{self.log()[-3000:]}") from None
        return self.get(name)

    def entry(self, kind: str, name: str = "mobile-app") -> dict[str, Json]:
        entries = self.get(name).get("status", {}).get("integrations", ())
        return next((e for e in entries if e["type"] == kind), {})

    def rows(self, statement: str, *values: Json) -> list[dict[str, Json]]:
        with self.database.connect(self.database_name) as connection:
            cursor = connection.cursor(pymysql.cursors.DictCursor)
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    def integrations(self) -> dict[str, dict[str, Json]]:
        rows = self.rows("SELECT * FROM tenant_integrations WHERE tenantId = %s", TENANT)
        return {row["integrationType"]: row for row in rows}

    def settings_row(self) -> dict[str, Json] | None:
        rows = self.rows("SELECT * FROM tenant_release_settings WHERE tenantId = %s", TENANT)
        return rows[0] if rows else None

    def events(self, name: str = "mobile-app") -> list[tuple[str, str]]:
        found = json.loads(self.kubectl("get", "events", "--output=json"))["items"]
        return [(e["type"], e["reason"]) for e in found if e["involvedObject"]["name"] == name]

    def log(self) -> str:
        path = self.folder / "operator.log"
        return path.read_text() if path.exists() else ""

    def operator_kubeconfig(self, *, cluster_wide: bool = False) -> Path:
        """A kubeconfig with the operator's own service account, made once."""
        path = self.folder / "operator.kubeconfig"
        if not path.exists():
            home = "delivr-system" if cluster_wide else self.namespace
            token = self.access.service_account_token(home, "delivr-operator")
            self.access.kubeconfig_for("delivr-operator", token, path)
        return path

    @contextmanager
    def operator(self, *, cluster_wide: bool = False) -> Iterator[subprocess.Popen[bytes]]:
        """The operator runs as a process with its own service account, for this namespace or for all."""
        kubeconfig = self.operator_kubeconfig(cluster_wide=cluster_wide)
        scope = [] if cluster_wide else ["--namespace", self.namespace]
        command = [PROGRAM, "run", *scope, "--health-port", "0"]
        with (self.folder / "operator.log").open("ab") as log:
            process = subprocess.Popen(
                command, env={**self.environment, "KUBECONFIG": str(kubeconfig)}, stdout=log, stderr=log
            )
            try:
                yield process
                assert process.poll() is None, self.log()[-3000:]
            finally:
                end(process)


def end(process: subprocess.Popen[bytes], patience: float = 15) -> None:
    """Have it end as the kubelet would: told first, killed where it goes on."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _rights(access: ClusterAccess, namespace: str) -> list[dict[str, Json]]:
    """The namespaced overlay's objects, moved into `namespace`."""
    rendered = access.kubectl("kustomize", str(ROOT / "manifests" / "overlays" / "namespaced"))
    wanted = {"ServiceAccount", "Role", "RoleBinding"}
    found = [o for o in yaml.safe_load_all(rendered) if o and o["kind"] in wanted]
    for one in found:
        one["metadata"]["namespace"] = namespace
        for subject in one.get("subjects", ()):
            subject["namespace"] = namespace
    return found


def make_tenancy(
    access: ClusterAccess, database: DatabaseAccess, simulator: dict[str, str], folder: Path
) -> Iterator[Tenancy]:
    """Yield a tenancy and drop its database and resources afterwards."""
    name = f"t{secrets.token_hex(5)}"
    url = database.create_database(name, "utf8mb4")
    database.load(name, ROOT / "tests" / "data" / "base_tables.sql")
    with Simulator(simulator) as admin:
        found = Tenancy(access, database, name, admin, name, folder)
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "annotations": {"release.delivr.live/tenant-id": TENANT}},
        }
        found.apply(namespace)
        found.apply(*_rights(access, name))
        subprocess.run(
            [PROGRAM, "migrate", "up"],
            check=True,
            env={**found.environment, "DATABASE_URL": url},
            capture_output=True,
        )
        try:
            yield found
        finally:
            strip = '{"metadata":{"finalizers":null}}'
            for one in found.kubectl("get", "releasesetups", "--output=name").split():
                found.kubectl("patch", one, "--type=merge", "--patch", strip)
                found.kubectl("delete", one, "--wait=false", "--ignore-not-found")
            database.drop_database(name)
