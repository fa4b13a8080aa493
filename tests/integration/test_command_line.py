"""The command line as people and pipelines meet it: real processes, their words and their exit codes."""

import base64
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivr_operator.settings import ProbeSettings
from dev.access import ClusterAccess
from dev.database_server import DatabaseAccess
from dev.ports import free_ports
from dev.simulator.client import Simulator
from tests.delivr_tables import OWNER, TENANT, TWIN, DelivrDatabase, delivr_database
from tests.integration.tenancy import PROGRAM, Tenancy

CANARY = "pa55-canary"
NOWHERE = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
"""An environment without a cluster, a database or a key."""
GOOD = {
    "DATABASE_URL": f"mysql+pymysql://delivr:{CANARY}@127.0.0.1:3306/delivr",
    "INTEGRATION_ENCRYPTION_KEY": "0123456789abcdef" * 4,
}


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        env={**NOWHERE, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert CANARY not in done.stdout + done.stderr
    return done


# Settings


BAD: tuple[tuple[str, str], ...] = (
    ("DATABASE_URL", ""),
    ("DATABASE_URL", f"postgresql://u:{CANARY}@h/d"),
    ("DATABASE_URL", f"mysql+pymysql://u:{CANARY}@h"),
    ("DATABASE_URL", f"mysql+pymysql://u:{CANARY}@h:33o6/d"),
    ("DATABASE_URL", f"mysql+pymysql://u:{CANARY}/x@h/d"),
    ("DATABASE_URL", f"mysql+pymysql://u:p@h/d?password2={CANARY}"),
    ("INTEGRATION_ENCRYPTION_KEY", ""),
    ("INTEGRATION_ENCRYPTION_KEY", CANARY),
    ("INTEGRATION_ENCRYPTION_KEY", "0123456789abcdef" * 2),
    ("INTEGRATION_ENCRYPTION_KEY", f"{'0123456789abcdef' * 4}\n"),
    ("INTEGRATION_ENCRYPTION_ENVELOPE", CANARY),
    ("BACKEND_STORAGE_ENCRYPTION_KEY", CANARY),
    ("INTEGRATION_ENCRYPTION_KEY_PREVIOUS", CANARY),
    ("BACKEND_STORAGE_ENCRYPTION_KEY_PREVIOUS", CANARY),
    ("GITHUB_API_RATE_LIMIT", CANARY),
    ("GITHUB_API_RATE_LIMIT", "0"),
    ("APPSTORE_CONNECT_TIMEOUT", CANARY),
    ("APPSTORE_CONNECT_TIMEOUT", "30s"),
    ("PLAYSTORE_API_TIMEOUT", "-30000"),
    ("PLAYSTORE_API_TIMEOUT", "99999999"),
    ("ENABLE_JENKINS_INTEGRATION", CANARY),
    ("ENABLE_GITHUB_ACTIONS_INTEGRATION", "on"),
    ("ENABLE_SLACK_INTEGRATION", "2"),
    ("GITHUB_API_URL", CANARY),
    ("GITHUB_API_URL", f"https://h:{CANARY}"),
    ("PLAY_STORE_API_URL", f"https://u:{CANARY}@h"),
    ("GOOGLE_TOKEN_URL", f"https://h/?{CANARY}"),
    ("GOOGLE_TOKEN_URL", f"https://[{CANARY}]"),
    ("SLACK_API_URL", f"https://{CANARY} .test"),
    *(
        (name.upper(), f"http://{CANARY}.test")
        for name in ProbeSettings.model_fields
        if name.endswith("_url")
    ),
    ("EXTRA_CA_FILE", f"/nonexistent/{CANARY}.pem"),
    ("TRUSTED_HOSTS", "10.0.0.0/99"),
    ("TRUSTED_HOSTS", f"https://{CANARY}.test"),
    ("MAX_STALENESS", CANARY),
    ("STATUS_HEARTBEAT", CANARY),
    ("RECHECK_INTERVAL", "0s"),
    ("DRIFT_INTERVAL", CANARY),
    ("PROJECTIONS", CANARY),
    ("WORKERS", "0"),
)


def test_every_bad_value_stops_the_operator_with_its_name() -> None:
    for variable, value in BAD:
        done = run("run", "--health-port", "0", **{**GOOD, variable: value})
        about = f"{variable}={value!r}: {done.stderr}"
        assert done.returncode == 1, about
        assert done.stderr.startswith(f"Error: {variable}"), about
        assert len(done.stderr.splitlines()) == 1, about
        if len(value) > 3:
            assert value not in done.stderr, about


def test_the_list_of_bad_values_leaves_no_setting_out() -> None:
    named = {variable for variable, _ in BAD}
    assert {name.upper() for name in ProbeSettings.model_fields} <= named
    assert {"DATABASE_URL", "INTEGRATION_ENCRYPTION_KEY", "BACKEND_STORAGE_ENCRYPTION_KEY"} <= named


def test_all_bad_values_are_said_in_one_go() -> None:
    done = run("run", WORKERS="x", GITHUB_API_URL="x")
    names = {line.removeprefix("Error: ").split()[0].rstrip(":") for line in done.stderr.splitlines()}
    assert names == {"DATABASE_URL", "INTEGRATION_ENCRYPTION_KEY", "WORKERS", "GITHUB_API_URL"}


@pytest.mark.parametrize("command", ["run --health-port 0", "status", "verify all falcon"])
def test_a_good_environment_gets_past_the_settings_and_wants_a_cluster(command: str) -> None:
    done = run(*command.split(), **GOOD)
    assert done.returncode == 1
    assert "KUBECONFIG" in done.stderr


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
"""


@pytest.mark.parametrize(
    "content",
    [
        "canary7Zq: [",
        "canary7Zq",
        KUBECONFIG.replace("token: t", "client-certificate-data: canary7Zq, client-key-data: canary7Zq"),
        KUBECONFIG.replace("server:", "certificate-authority-data: canary7Zq, server:"),
    ],
    ids=["no YAML", "no mapping", "no key", "no authority"],
)
def test_a_kubeconfig_that_cannot_be_read_is_said_and_not_repeated(tmp_path: Path, content: str) -> None:
    (tmp_path / "kubeconfig").write_text(content)
    done = run("run", "--health-port", "0", KUBECONFIG=str(tmp_path / "kubeconfig"), **GOOD)
    assert done.returncode == 1
    assert "KUBECONFIG" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "canary7Zq" not in done.stdout + done.stderr


def test_a_health_port_that_is_taken_is_said(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - where the operator would listen
        port = str(server.getsockname()[1])
        done = run("run", "--health-port", port, KUBECONFIG=str(tmp_path / "kubeconfig"), **GOOD)
    assert done.returncode == 1
    assert done.stderr == f"Error: Port {port} cannot be opened: choose another by --health-port.\n"


@pytest.mark.parametrize("command", ["status --tenant x", "migrate status"])
def test_commands_on_the_tables_need_the_database_and_nothing_else(command: str) -> None:
    done = run(*command.split())
    assert (done.returncode, done.stderr) == (1, "Error: DATABASE_URL must be set\n")


# Words


def test_version_is_the_packages() -> None:
    done = run("version")
    assert (done.returncode, done.stdout.strip()) == (0, version("delivr-operator"))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", ("run", "migrate", "check", "status", "version", "Exit codes")),
        ("run", ("DATABASE_URL", "INTEGRATION_ENCRYPTION_KEY", "KUBECONFIG", "--namespace", "/healthz")),
        ("migrate", ("up", "down", "status", "DATABASE_URL", "Exit codes")),
        ("check", ("FILES", "read-only", "Exit codes")),
        ("status", ("--tenant", "DATABASE_URL", "Exit codes")),
        ("version", ("version",)),
    ],
)
def test_help_says_what_is_needed_and_what_the_exit_codes_mean(command: str, words: tuple[str, ...]) -> None:
    done = run(*command.split(), "--help")
    assert done.returncode == 0
    assert not [word for word in words if word not in done.stdout]
    assert "..." not in done.stdout.replace("ARGS]...", "").replace("FILES...", "")  # no sentence cut short
    assert done.stdout == run(*command.split(), "-h").stdout


@pytest.mark.parametrize(
    "command",
    [
        "nonsense",
        "migrate sideways",
        "migrate",
        "check",
        "status one two",
        "run --pace",
        "run --health-port 99999",
        "run --leader-elect delivr-system",
        "run --leader-elect a/B",
        "run --shard 3/2 --shard-leases a/b",
        "run --shard 1/25 --shard-leases a/b",
        "run --shard 1/2",
        "run --shard-leases a/b",
        "run --shard 1/2 --shard-leases a/b --leader-elect a/b",
    ],
)
def test_wrong_usage_is_shown_where_to_look(command: str) -> None:
    done = run(*command.split())
    assert done.returncode == 2
    assert "--help" in done.stderr


@pytest.mark.parametrize("tenant", [f"{TENANT} ", "日本語", "' OR 1 -- ", "x" * 37, ""])
def test_what_can_be_no_tenant_is_not_asked_for(tenant: str) -> None:
    done = run("status", "--tenant", tenant, **GOOD)
    assert (done.returncode, done.stdout) == (1, "")
    assert "--tenant must be a tenant's id" in done.stderr


# The tables


@pytest.fixture
def legacy(mysql_server: DatabaseAccess) -> Iterator[DelivrDatabase]:
    with delivr_database(mysql_server, legacy=True) as database:
        yield database


@pytest.fixture
def fresh(mysql_server: DatabaseAccess) -> Iterator[DelivrDatabase]:
    with delivr_database(mysql_server) as database:
        yield database


def on(database: DelivrDatabase, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(*arguments, DATABASE_URL=database.url.get_secret_value())


DOWN = {"DATABASE_URL": f"mysql+pymysql://delivr:{CANARY}@127.0.0.1:{{port}}/delivr"}


@pytest.mark.parametrize("command", ["migrate up", "migrate down", "migrate status", "status --tenant x"])
def test_a_database_that_is_down_is_an_outage_without_its_address(command: str) -> None:
    (port,) = free_ports(1)
    done = run(*command.split(), DATABASE_URL=DOWN["DATABASE_URL"].format(port=port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: The database cannot be reached.\n"


def test_a_refused_login_is_an_outage_without_the_password(fresh: DelivrDatabase) -> None:
    url = f"mysql+pymysql://delivr:{CANARY}@127.0.0.1:{fresh.access.port}/{fresh.name}"
    done = run("status", "--tenant", TENANT, DATABASE_URL=url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "refuses the operator's user" in done.stderr
    assert fresh.name not in done.stderr


def test_the_migration_goes_up_once_and_down_once(fresh: DelivrDatabase) -> None:
    before = fresh.schema()
    assert "migration 003_tenant_release_settings: pending" in on(fresh, "migrate", "status").stdout
    up = on(fresh, "migrate", "up")
    assert (up.returncode, up.stdout.splitlines()[-1]) == (
        0,
        "migration 003_tenant_release_settings: applied",
    )
    assert any(line.startswith("done: ") for line in up.stdout.splitlines())
    again = on(fresh, "migrate", "up")
    assert again.stdout.splitlines() == ["migration 003_tenant_release_settings: applied"]
    assert on(fresh, "migrate", "status").stdout == again.stdout
    down = on(fresh, "migrate", "down")
    assert down.returncode == 0
    assert fresh.schema() == before
    assert on(fresh, "migrate", "down").returncode == 0


def test_orphans_are_named_and_nothing_is_changed(legacy: DelivrDatabase) -> None:
    before = legacy.schema()
    for direction in ("up", "status"):
        done = on(legacy, "migrate", direction)
        assert done.returncode == 1
        assert "blocked" in done.stdout
        assert "old_orphan" in done.stderr
        assert "tenant_integrations.tenantId" in done.stderr
        assert "plaintext-left-over" not in done.stdout + done.stderr
    assert legacy.schema() == before
    legacy.run("DELETE FROM tenant_integrations WHERE id = 'old_orphan'")
    assert on(legacy, "migrate", "up").returncode == 0


STEPS = (
    "githubConnected",
    "targetPlatformsConfigured",
    "platformCredentialsConfigured",
    "cicdConfigured",
    "slackConfigured",
)


def setup_status(database: DelivrDatabase, tenant: str) -> Mapping[str, Any]:
    done = on(database, "status", "--tenant", tenant)
    assert (done.returncode, done.stderr) == (0, "")
    found: Mapping[str, Any] = yaml.safe_load(done.stdout)
    assert done.stdout.startswith("{")
    return found


def every_step(*, held: bool) -> Mapping[str, Any]:
    return {"setupComplete": held, "steps": dict.fromkeys(STEPS, held)}


def test_status_is_the_plans_answer_for_exactly_this_tenant(fresh: DelivrDatabase) -> None:
    unmigrated = on(fresh, "status", "--tenant", TENANT)
    assert unmigrated.returncode == 2
    assert "migrate up" in unmigrated.stderr
    assert on(fresh, "migrate", "up").returncode == 0
    assert setup_status(fresh, TENANT) == every_step(held=False)
    fresh.run(
        "INSERT INTO tenant_release_settings (id, tenantId, setupComplete, setupCompletedAt,"
        " githubConnected, targetPlatformsConfigured, platformCredentialsConfigured, cicdConfigured,"
        " slackConfigured, setupCompletedByAccountId)"
        " VALUES ('one', %s, 1, UTC_TIMESTAMP(), 1, 1, 1, 1, 1, %s)",
        *(TENANT, OWNER),
    )
    assert setup_status(fresh, TENANT) == every_step(held=True)
    assert setup_status(fresh, TWIN) == every_step(held=False)
    fresh.run("UPDATE tenant_release_settings SET setupComplete = 0, slackConfigured = 0")
    incomplete = setup_status(fresh, TENANT)
    assert incomplete == {
        "setupComplete": False,
        "steps": {**every_step(held=True)["steps"], STEPS[-1]: False},
    }


# check


@dataclass
class Written(Tenancy):
    """A tenancy whose objects are written into files; it has neither a cluster nor a database."""

    objects: list[Mapping[str, Any]] = field(default_factory=list)

    def apply(self, *objects: Mapping[str, Any]) -> None:
        self.objects.extend(objects)

    @property
    def environment(self) -> dict[str, str]:
        found = {k: v for k, v in self.simulator.settings.items() if not k.startswith("SIMULATOR")}
        return {**found, **self.extra}

    def file(self, name: str, *objects: Mapping[str, Any]) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump_all(list(objects)))
        return path

    def check(self, *objects: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        """Check these objects and all Secrets, and hold the output to what it must never show."""
        return self.check_files(self.file("given.yaml", *objects, *self.objects))

    def check_files(self, *paths: Path) -> subprocess.CompletedProcess[str]:
        done = run("check", *paths, **self.environment)
        for one in self.issued.values():
            for name, value in one.secret.items():
                if name not in {"serviceAccountEmail", "username"}:
                    for shape in (value, value[-40:].strip(), base64.b64encode(value.encode()).decode()):
                        assert shape not in done.stdout + done.stderr, name
        return done


@pytest.fixture
def files(simulator: dict[str, str], tmp_path: Path) -> Iterator[Written]:
    nobody = ClusterAccess("", tmp_path, tmp_path, tmp_path)
    name = f"c{tmp_path.stat().st_ino:x}"
    with Simulator(simulator) as admin:
        yield Written(nobody, DatabaseAccess("", 0, ""), "", admin, name, tmp_path)


def verdicts(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    """Return verdict and reason by part, as a person reads them from the rows."""
    rows = [line.removeprefix("  ") for line in done.stdout.splitlines() if line.startswith("  ")]
    words = [row.split("  ") for row in rows if not row.startswith(" ")]
    found = [[word.strip() for word in row if word.strip()] for row in words]
    return {part: (verdict, reason) for verdict, part, reason in found}


def test_everything_proved_is_zero_without_cluster_database_or_key(files: Written) -> None:
    done = files.check(files.complete(jenkins=files.jenkins()))
    parts = ("GitHub", "App Store Connect", "Play Store", "Jenkins", "GitHub Actions", "Slack")
    assert verdicts(done) == dict.fromkeys(parts, ("ok", "Verified")), done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"{files.namespace}/mobile-app"
    assert done.stdout.splitlines()[-1] == "6 ok, 0 refused, 0 cannot tell: nothing stands in the way."
    columns = {line.index("Verified") for line in done.stdout.splitlines() if "Verified" in line}
    assert len(columns) == 1
    asked = sum(files.simulator.count(credential=one.label) for one in files.issued.values())
    assert asked > 0
    assert not any(files.simulator.count(credential=x.label, write=True) for x in files.issued.values())


def test_one_refused_is_one_and_says_what_to_do(files: Written) -> None:
    setup = files.complete()
    files.simulator.change(files.issued["slack"], state="REVOKED")
    done = files.check(setup)
    assert done.returncode == 1
    assert verdicts(done)["Slack"] == ("REFUSED", "Revoked")
    assert verdicts(done)["GitHub"] == ("ok", "Verified")
    assert "make a new one and put it into the Secret" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("mend what is refused and check again.")


def test_a_provider_that_is_down_cannot_be_told(files: Written) -> None:
    (port,) = free_ports(1)
    files.extra["SLACK_API_URL"] = f"https://127.0.0.1:{port}/api"
    done = files.check(files.complete())
    assert (done.returncode, verdicts(done)["Slack"]) == (2, ("cannot tell", "NetworkError"))
    assert str(port) not in done.stdout


def test_a_secret_that_no_file_holds_cannot_be_told_and_is_named(files: Written) -> None:
    setup = files.complete()
    files.objects = [one for one in files.objects if one["metadata"]["name"] != "slack"]
    done = files.check(setup)
    assert (done.returncode, verdicts(done)["Slack"]) == (2, ("cannot tell", "SecretNotFound"))
    assert f"No file holds Secret {files.namespace}/slack" in done.stdout


def test_a_refusal_weighs_more_than_a_doubt(files: Written) -> None:
    setup = files.complete()
    files.simulator.change(files.issued["github"], state="WRONG")
    files.objects = [one for one in files.objects if one["metadata"]["name"] != "slack"]
    done = files.check(setup)
    assert done.returncode == 1
    assert verdicts(done)["Slack"][0] == "cannot tell"
    assert verdicts(done)["GitHub"] == ("REFUSED", "BadCredentials")
    assert verdicts(done)["GitHub Actions"] == ("REFUSED", "BadCredentials")


def test_the_host_that_a_tenant_chose_must_be_named_by_the_secret(files: Written) -> None:
    files.extra["TRUSTED_HOSTS"] = ""
    done = files.check(files.setup(jenkins=files.jenkins()))
    assert (done.returncode, verdicts(done)["Jenkins"]) == (1, ("REFUSED", "HostNotAllowed"))
    assert "release.delivr.live/allowed-hosts of Secret jenkins" in done.stdout
    assert files.simulator.count(credential=files.issued["jenkins"].label) == 0


def test_types_that_are_switched_off_are_not_asked_about(files: Written) -> None:
    setup = files.complete(jenkins=files.jenkins())
    for name in ("JENKINS", "GITHUB_ACTIONS", "SLACK"):
        files.extra[f"ENABLE_{name}_INTEGRATION"] = "false"
    done = files.check(setup)
    assert done.returncode == 0
    assert verdicts(done)["Jenkins"] == verdicts(done)["GitHub Actions"] == ("ok", "Disabled")
    assert verdicts(done)["Slack"] == ("ok", "Disabled")
    assert files.simulator.count(credential=files.issued["slack"].label) == 0


def test_a_setup_without_integrations_passes_and_says_so(files: Written) -> None:
    done = files.check(files.setup())
    assert (done.returncode, verdicts(done)) == (0, {"spec": ("ok", "NotDeclared")})
    assert "Declares no integration yet." in done.stdout


def test_several_files_are_one_and_each_setup_has_its_block(files: Written) -> None:
    first, second = files.setup("first", github=files.github()), files.setup("second", slack=files.slack())
    elsewhere = {**second, "metadata": {"name": "third", "namespace": "elsewhere"}}
    done = files.check_files(
        files.file("setups.yaml", first, second), files.file("secrets.yaml", *files.objects, elsewhere)
    )
    assert done.returncode == 2
    blocks = [line for line in done.stdout.splitlines()[:-1] if line and not line.startswith(" ")]
    assert blocks == [f"{files.namespace}/first", f"{files.namespace}/second", "elsewhere/third"]
    assert "No file holds Secret elsewhere/slack" in done.stdout


@pytest.mark.parametrize(
    ("change", "part", "reason", "place"),
    [
        ({"owner": None}, "spec", "InvalidSpec", "spec.owner"),
        ({"interval": "5s"}, "spec", "InvalidSpec", "spec.interval"),
        ({"targets": ["APP_STORE"]}, "spec", "InvalidSpec", "target APP_STORE needs platform IOS"),
        ({"gitHub": {"organization": CANARY}}, "spec", "InvalidSpec", "spec.gitHub"),
        (
            {"github": {"organization": CANARY, "secretRef": {"name": "x"}}},
            *("GitHub", "Misconfigured", "spec.github.repoName"),
        ),
        ({"slack": {"channels": ["releases"]}}, "Slack", "Misconfigured", "spec.slack.secretRef"),
    ],
)
def test_a_malformed_spec_is_refused_with_the_field(
    files: Written, change: dict[str, Any], part: str, reason: str, place: str
) -> None:
    done = files.check(files.setup(**change))
    assert (done.returncode, verdicts(done)[part]) == (1, ("REFUSED", reason)), done.stdout
    assert place in done.stdout


def test_a_flaw_in_a_secret_is_named_by_key_and_secret(files: Written) -> None:
    setup = files.setup(github=files.github())
    files.objects = [files.secret("github", {"accessToken": f"ghp_{CANARY} twice"})]
    done = files.check(setup)
    assert (done.returncode, verdicts(done)["GitHub"]) == (1, ("REFUSED", "Misconfigured"))
    assert "Key accessToken of Secret github must be one word" in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "is no valid YAML"),
        ("when: 2026-13-45", "such as an impossible date"),
        ("just words", "no Kubernetes object"),
        (
            "kind: Secret\nmetadata: {name: s}\ndata: {k: '%%pa55-canary'}",
            "Secret default/s, key k: is no base64",
        ),
        (
            "kind: Secret\nmetadata: {name: s}\nstringData: {k: 12345}",
            "Secret default/s, key k: must be text",
        ),
        ("kind: Secret\nmetadata: {name: s}\ndata: pa55-canary", "Secret default/s: data must be an object"),
        ("kind: Secret\nmetadata: pa55-canary", "Secret: metadata must be an object"),
        ("kind: Secret\ndata: {}", "Secret without a name"),
        ("kind: ConfigMap\nmetadata: {name: x}", "hold no ReleaseSetup"),
        ("\x00", "is no valid YAML"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_place(files: Written, text: str, said: str) -> None:
    path = files.folder / "given.yaml"
    path.write_text(text)
    done = files.check_files(path)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert str(path) in done.stderr or "no ReleaseSetup" in said


def test_missing_files_and_folders_are_named(files: Written) -> None:
    (files.folder / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for path, said in (("nowhere.yaml", "No such file"), (".", "directory"), ("binary.yaml", "UTF-8")):
        done = files.check_files(files.folder / path)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert str(files.folder / path) in done.stderr


def test_both_forms_of_secret_data_are_read_as_the_api_server_does(files: Written) -> None:
    setup = files.setup(github=files.github())
    token = files.issued["github"].secret["accessToken"]
    encoded = base64.b64encode(token.encode()).decode()
    for member in (
        {"stringData": {"accessToken": token}},
        {"data": {"accessToken": f"{encoded[:20]}\n{encoded[20:]}\n"}},
    ):
        secret = files.secret("github", {})
        files.objects = [{**secret, **member}]
        done = files.check(setup)
        assert (done.returncode, verdicts(done)["GitHub"]) == (0, ("ok", "Verified")), done.stdout
