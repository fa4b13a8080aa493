"""status, verify and completion as people meet them: their own rights, a real cluster, a running operator."""

import json
import os
import pty
import select
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.operating import operating
from tests.integration.tenancy import PROGRAM, ROOT, TENANT, Tenancy
from tests.integration.test_command_line import NOWHERE

Done = subprocess.CompletedProcess[str]


def run(tenancy: Tenancy, *arguments: str, kubeconfig: Path | None = None, **environment: str) -> Done:
    done = subprocess.run(
        [PROGRAM, *arguments],
        env={**NOWHERE, "KUBECONFIG": str(kubeconfig or tenancy.access.kubeconfig), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    for one in tenancy.issued.values():
        for name, value in one.secret.items():
            assert name == "serviceAccountEmail" or value not in done.stdout + done.stderr, name
    return done


def on_terminal(*command: str, **environment: str) -> tuple[int, str]:
    """Run it on a terminal; its exit code and everything that was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, *command],
        stdout=theirs,
        stderr=theirs,
        stdin=theirs,
        env={**NOWHERE, "TERM": "xterm", **environment},
    )
    os.close(theirs)
    shown = b""
    while process.poll() is None or select.select([ours], [], [], 0.1)[0]:
        try:
            shown += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    return process.wait(30), shown.decode()


def person(tenancy: Tenancy, role: str) -> Path:
    """A kubeconfig of somebody with that role in the namespace, and no other right."""
    name = f"person-{role}"
    tenancy.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": tenancy.namespace}],
        },
    )
    token = tenancy.access.service_account_token(tenancy.namespace, name)
    return tenancy.access.kubeconfig_for(name, token, tenancy.folder / f"{name}.kubeconfig")


@pytest.fixture
def roles(tenancy: Tenancy) -> Tenancy:
    tenancy.access.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "-f",
        str(ROOT / "manifests" / "base" / "tenant-roles.yaml"),
    )
    return tenancy


def test_status_shows_what_the_operator_found_and_what_to_do(tenancy: Tenancy) -> None:
    own = ("--namespace", tenancy.namespace)
    assert "no ReleaseSetup" in run(tenancy, "status", *own).stderr
    tenancy.apply(tenancy.complete())
    waiting = run(tenancy, "status", "mobile-app", *own)
    assert waiting.returncode == 2
    assert "has not looked at this generation yet" in waiting.stdout
    with operating(tenancy):
        tenancy.await_ready("True")
        one = run(tenancy, "status", "mobile-app", *own)
        assert (one.returncode, one.stderr) == (0, "")
        assert one.stdout.startswith(f"{tenancy.namespace}/mobile-app  Ready=True  SetupCompleted\n")
        for title in ("GitHub", "App Store Connect", "Play Store", "GitHub Actions", "Slack"):
            assert f"\n{title} " in one.stdout
        assert "\x1b" not in one.stdout
        tenancy.apply(tenancy.secret("github", {"accessToken": "ghp_" + "0" * 36}))
        tenancy.await_ready("False", "BadCredentials")
        refused = run(tenancy, "status", "mobile-app", *own)
    assert refused.returncode == 1
    assert "  - GitHub refused the credential: put a valid one into the Secret." in refused.stdout

    many = run(tenancy, "status", *own)
    assert (many.returncode, many.stdout.split()[:5]) == (1, ["NAME", "READY", "COMPLETE", "REASON", "AGE"])
    wide = run(tenancy, "status", *own, "--output", "wide")
    assert TENANT in wide.stdout
    everywhere = run(tenancy, "status", "--all-namespaces")
    assert f"\n{tenancy.namespace}   " in everywhere.stdout
    machine = json.loads(run(tenancy, "status", "mobile-app", *own, "-o", "json").stdout)
    assert (machine["ready"], machine["reason"]) == ("False", "BadCredentials")
    assert machine["status"] == tenancy.get()["status"]
    listed = json.loads(run(tenancy, "status", *own, "-o", "json").stdout)
    assert [found["name"] for found in listed] == ["mobile-app"]


def test_verify_asks_waits_and_says_what_came_out(tenancy: Tenancy) -> None:
    own = ("mobile-app", "--namespace", tenancy.namespace)
    tenancy.apply(tenancy.complete())
    with operating(tenancy):
        tenancy.await_ready("True")
        github = tenancy.issued["github"].label
        before = (
            tenancy.simulator.count(credential=github),
            tenancy.simulator.count(credential=tenancy.issued["slack"].label),
        )
        proved = run(tenancy, "verify", "github", *own)
        assert (proved.returncode, proved.stderr) == (0, "")
        assert "GitHub " in proved.stdout
        assert "Slack" not in proved.stdout.partition("What to do next")[0]
        assert tenancy.simulator.count(credential=github) > before[0]
        assert tenancy.simulator.count(credential=tenancy.issued["slack"].label) == before[1]
        asked = tenancy.get()["metadata"]["annotations"]["release.delivr.live/requestedAt"]
        assert asked.endswith("/GITHUB")
        assert tenancy.get()["status"]["lastHandledReconcileAt"] == asked

        tenancy.simulator.change(tenancy.issued["slack"], state="REVOKED")
        assert run(tenancy, "verify", "SLACK", *own).returncode == 2  # refused once: not yet sure
        tenancy.simulator.fault("STATUS", credential=github, status=503)
        assert run(tenancy, "verify", "GITHUB", *own).returncode == 2
        assert run(tenancy, "verify", "all", *own).returncode == 2
        undeclared = run(tenancy, "verify", "JIRA", *own)
        assert undeclared.returncode == 1
        assert "does not declare JIRA" in undeclared.stderr


def test_verify_without_an_operator_ends_and_says_where_to_look(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.setup())
    done = run(tenancy, "verify", "all", "mobile-app", "-n", tenancy.namespace, "--timeout", "2s")
    assert (done.returncode, done.stdout) == (2, "")
    assert "kubectl --namespace delivr-system get pods" in done.stderr


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("status nowhere -n {ns}", 1, "There is no ReleaseSetup nowhere in namespace {ns}"),
        ("verify all nowhere -n {ns}", 1, "There is no ReleaseSetup nowhere in namespace {ns}"),
        ("verify all x -n {ns} --timeout soon", 1, "--timeout must be a duration such as 90s"),
        ("verify MYSPACE x", 2, "is not one of"),
        ("status x --all-namespaces", 1, "leave one out"),
        ("status x --tenant y", 1, "leave out the name"),
    ],
)
def test_an_error_names_its_mending(tenancy: Tenancy, command: str, code: int, said: str) -> None:
    done = run(tenancy, *command.format(ns=tenancy.namespace).split())
    assert (done.returncode, done.stdout) == (code, "")
    assert said.format(ns=tenancy.namespace) in done.stderr


def test_peoples_own_rights_count(roles: Tenancy) -> None:
    tenancy = roles
    tenancy.apply(tenancy.setup())
    viewer, stranger = person(tenancy, "delivr-tenant-viewer"), person(tenancy, "no-such-role")
    own = ("mobile-app", "--namespace", tenancy.namespace)
    assert run(tenancy, "status", *own, kubeconfig=viewer).returncode == 2
    for command, who in ((("verify", "all"), viewer), (("status",), stranger), (("verify", "all"), stranger)):
        done = run(tenancy, *command, *own, kubeconfig=who)
        assert (done.returncode, done.stdout) == (1, "")
        assert "ask for the role delivr-tenant-viewer" in done.stderr
    owner = person(tenancy, "delivr-tenant-owner")
    waiting = run(tenancy, "verify", "all", *own, "--timeout", "1s", kubeconfig=owner)
    assert "did not answer in time" in waiting.stderr


def test_a_cluster_that_is_not_there_or_knows_nobody_is_said(tenancy: Tenancy, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    document = yaml.safe_load(tenancy.access.kubeconfig.read_text())
    cases: tuple[tuple[str, dict[str, Any], int, str], ...] = (
        ("users", {"user": {"token": "nobody"}}, 1, "does not know you"),
        ("clusters", {"cluster": {"server": "https://127.0.0.1:1"}}, 2, "gave no answer"),
    )
    for part, change, code, said in cases:
        made = yaml.safe_load(yaml.safe_dump(document))
        made[part][0] |= change
        path.write_text(yaml.safe_dump(made))
        done = run(tenancy, "status", "--all-namespaces", kubeconfig=path)
        assert (done.returncode, done.stdout) == (code, "")
        assert said in done.stderr
    nothing = run(tenancy, "status", kubeconfig=tmp_path / "absent")
    assert (nothing.returncode, "KUBECONFIG" in nothing.stderr) == (1, True)


def test_on_a_terminal_there_are_colours_and_progress(tenancy: Tenancy, tmp_path: Path) -> None:
    setup = tenancy.complete()
    tenancy.apply(setup)
    with operating(tenancy):
        tenancy.await_ready("True")
        kubeconfig = str(tenancy.access.kubeconfig)
        code, shown = on_terminal("status", "mobile-app", "-n", tenancy.namespace, KUBECONFIG=kubeconfig)
    assert code == 0
    assert "\x1b[32mVALID\x1b[0m" in shown
    secrets = [
        tenancy.secret(name, tenancy.issued[member].secret)
        for name, member in (("github", "github"), ("slack", "slack"))
    ]
    kept = {
        name: value for name, value in setup["spec"].items() if name not in {"appStoreConnect", "playStore"}
    }
    path = tmp_path / "given.yaml"
    path.write_text(yaml.safe_dump_all([{**setup, "spec": kept}, *secrets]))
    settings = {k: v for k, v in tenancy.simulator.settings.items() if not k.startswith("SIMULATOR")}
    code, shown = on_terminal("check", str(path), **settings)
    assert code == 0, shown
    assert "asking" in shown
    assert "3/3" in shown
    assert "\x1b[32mok" in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell: str, tenancy: Tenancy) -> None:
    done = run(tenancy, "completion", shell)
    assert done.returncode == 0, done.stderr
    assert "_DELIVR_OPERATOR_COMPLETE" in done.stdout
    assert "delivr-operator" in done.stdout


def test_bash_completes_commands_and_types(tenancy: Tenancy) -> None:
    script = f"""
    PATH={Path(PROGRAM).parent}:$PATH
    source <(delivr-operator completion bash)
    COMP_WORDS=(delivr-operator verify GIT) COMP_CWORD=2
    _delivr_operator_completion delivr-operator GIT verify
    echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, env=NOWHERE)
    assert done.stdout.split() == ["GITHUB", "GITLAB", "GITHUB_ACTIONS"], done.stderr
