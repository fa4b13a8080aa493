"""A tenant that people set up in the tables comes under a ReleaseSetup without any row changing for it."""

import json
import os
import pty
import subprocess
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from pydantic import SecretStr

from delivr_operator.sealing import Sealer
from tests.documented import commands
from tests.integration.tenancy import PROGRAM, TENANT, Tenancy

SEALER = Sealer(SecretStr("00112233445566778899aabbccddeeff" * 2))
PUBLIC = {"username", "email", "serviceAccountEmail"}
TYPES = {
    "github": "GITHUB",
    "appStoreConnect": "APP_STORE_CONNECT",
    "playStore": "PLAY_STORE",
    "jenkins": "JENKINS",
    "githubActions": "GITHUB_ACTIONS",
    "slack": "SLACK",
}
LONG_AGO = "2025-01-02 03:04:05"


def set_up_by_hand(tenancy: Tenancy, **changes: Any) -> dict[str, Any]:
    """Have rows as the plan's own services write them, and no Secret in the cluster; return the setup."""
    setup = tenancy.complete(jenkins=tenancy.jenkins())
    for member, kind in TYPES.items():
        fields = {k: v for k, v in setup["spec"][member].items() if k != "secretRef"}
        secret = tenancy.issued[member].secret if member in tenancy.issued else {}
        secret = {name: value for name, value in secret.items() if name != "serviceAccountKey"}
        sealed = {k: v if k in PUBLIC else SEALER.seal(SecretStr(v)) for k, v in secret.items()}
        events = {"notifyOnEvents": ["release_started"]} if member == "slack" else {}
        tenancy.rows(
            "INSERT INTO tenant_integrations (id, tenantId, integrationType, isEnabled, isRequired, config, "
            "configuredByAccountId, lastVerifiedAt, verificationStatus, createdAt, updatedAt) VALUES "
            "(%s, %s, %s, 1, %s, %s, 'own_7Qx2-', %s, 'VALID', %s, %s)",
            *(f"by hand {kind}", TENANT, kind, kind in ("GITHUB", "APP_STORE_CONNECT", "PLAY_STORE")),
            *(json.dumps({**fields, **sealed, **events, **changes.get(kind, {})}), *[LONG_AGO] * 3),
        )
    tenancy.rows(
        "INSERT INTO tenant_release_settings (id, tenantId, setupComplete, setupCompletedAt, "
        "setupCompletedByAccountId, githubConnected, targetPlatformsConfigured, "
        "platformCredentialsConfigured, cicdConfigured, slackConfigured, selectedTargets, "
        "selectedPlatforms, createdAt, updatedAt) VALUES "
        "('by hand', %s, 1, %s, 'own_other', 1, 1, 1, 1, 1, %s, %s, %s, %s)",
        *(TENANT, LONG_AGO, '["PLAY_STORE", "APP_STORE"]', '["ANDROID", "IOS"]', LONG_AGO, LONG_AGO),
    )
    tenancy.kubectl("delete", "secrets", "--all")
    return setup


def dump(tenancy: Tenancy) -> dict[str, Any]:
    """Every column of the tenant's rows, JSON as the bytes that the server keeps."""
    tables = ("tenant_release_settings", "tenant_integrations")
    found = [row for table in tables for row in tenancy.rows(f"SELECT * FROM {table}")]  # noqa: S608
    return {row["id"]: row for row in found}


def export(tenancy: Tenancy, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM, "export", "--tenant", TENANT, *arguments]
    done = subprocess.run(
        command,
        env={**tenancy.environment, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    for one in tenancy.issued.values():
        assert not [
            value for name, value in one.secret.items() if name not in PUBLIC and value in done.stderr
        ]
    return done


def test_applying_what_was_exported_changes_no_row(on_either: Tenancy) -> None:
    tenancy = on_either
    set_up_by_hand(tenancy)
    before = dump(tenancy)
    done = export(tenancy, "--namespace", tenancy.namespace, "--name", "mobile-app")
    assert done.returncode == 0, done.stderr
    assert dump(tenancy) == before

    tenancy.kubectl("apply", "-f", "-", stdin=done.stdout)
    with tenancy.operator():
        status = tenancy.await_ready("True")["status"]
        after = dump(tenancy)
    assert {e["verificationStatus"] for e in status["integrations"]} == {"VALID"}
    assert len(status["integrations"]) == 6
    assert status["completedAt"] == "2025-01-02T03:04:05Z"
    assert after.keys() == before.keys()
    moved = {
        (key, column) for key, row in before.items() for column in row if row[column] != after[key][column]
    }
    proofs = {
        (f"by hand {kind}", column) for kind in TYPES.values() for column in ("lastVerifiedAt", "updatedAt")
    }
    assert moved == proofs
    assert all(after[f"by hand {kind}"]["lastVerifiedAt"] > datetime(2026, 1, 1) for kind in TYPES.values())  # noqa: DTZ001
    (claim,) = tenancy.rows("SELECT * FROM tenant_release_claims")
    assert set(json.loads(claim["integrationTypes"])) == set(TYPES.values())

    tenancy.kubectl("delete", "releasesetup", "mobile-app", "--wait=false")
    with tenancy.operator():
        tenancy.kubectl("wait", "--for=delete", "releasesetup/mobile-app", "--timeout=30s")
    assert dump(tenancy) == after  # the rows outlive a resource that was only tried


def test_without_secrets_it_says_which_ones_to_make(tenancy: Tenancy) -> None:
    set_up_by_hand(tenancy)
    done = export(tenancy, "--sealed-refs")
    assert done.returncode == 0, done.stderr
    for one in tenancy.issued.values():
        assert not [value for value in one.secret.values() if value in done.stdout]
    (setup,) = yaml.safe_load_all(done.stdout)
    assert (setup["metadata"], setup["spec"]["github"]["secretRef"]) == (
        {"name": "release-setup"},
        {"name": "github"},
    )
    comments = [line for line in done.stdout.splitlines() if line.startswith("#")]
    host = urlsplit(tenancy.simulator.settings["JENKINS_URL"]).netloc
    assert comments == [
        "# Secrets to make first, in the same namespace:",
        "#   app-store-connect: apiKeyId, issuerId, privateKey",
        "#   github: accessToken",
        f"#   jenkins: apiToken, username; annotation release.delivr.live/allowed-hosts: {host}",
        "#   play-store: privateKey, serviceAccountEmail",
        "#   slack: botToken",
    ]
    assert f"kubectl annotate namespace NAMESPACE release.delivr.live/tenant-id={TENANT}" in done.stderr


def test_rows_that_cannot_be_expressed_are_named_and_left_alone(tenancy: Tenancy) -> None:
    stranger = Sealer(SecretStr("ff" * 32)).seal(SecretStr("xoxb-stranger"))
    set_up_by_hand(tenancy, SLACK={"botToken": stranger}, JENKINS={"crumb": True})
    before = dump(tenancy)
    done = export(tenancy, "--namespace", tenancy.namespace, "--name", "mobile-app")
    assert done.returncode == 1
    assert "never touched by the operator: SLACK: its credentials do not open" in done.stderr
    assert "never touched by the operator: JENKINS: spec.jenkins.crumb" in done.stderr
    assert "applying changes: tenant_release_settings: slackConfigured" in done.stderr
    tenancy.kubectl("apply", "-f", "-", stdin=done.stdout)
    with tenancy.operator():
        tenancy.await_ready("True")
        after = dump(tenancy)
    for kind in ("SLACK", "JENKINS"):
        assert after[f"by hand {kind}"] == before[f"by hand {kind}"]


def test_a_terminal_is_shown_no_credential_unasked(tenancy: Tenancy) -> None:
    set_up_by_hand(tenancy)

    def on_a_terminal(*flags: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        command = [PROGRAM, "export", "--tenant", TENANT, *flags]
        process = subprocess.Popen(
            command, env=tenancy.environment, stdout=theirs, stderr=subprocess.PIPE, text=True
        )
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 1 << 16):
                shown += chunk
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        _, said = process.communicate(timeout=60)
        return process.returncode, shown.decode() + said

    token = tenancy.issued["github"].secret["accessToken"]
    code, said = on_a_terminal()
    assert (code, token in said) == (1, False)
    assert "--allow-terminal" in said
    assert token in on_a_terminal("--allow-terminal")[1]
    assert on_a_terminal("--sealed-refs")[0] == 0


@pytest.mark.parametrize(
    ("tenant", "statement", "said"),
    [
        ("nobody", "DO 0", "Delivr knows no tenant nobody"),
        (TENANT, "DO 0", "nothing to adopt"),
        ("kp3xq7_m-z", "DELETE FROM collaborators", "has no rows"),
        ("bad tenant", "DO 0", "--tenant must be a tenant's id"),
    ],
)
def test_a_tenant_that_cannot_be_adopted_is_refused_with_the_reason(
    tenancy: Tenancy, tenant: str, statement: str, said: str
) -> None:
    tenancy.rows(statement)
    done = subprocess.run(
        [PROGRAM, "export", "--tenant", tenant],
        env=tenancy.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_a_tenant_that_has_a_releasesetup_or_no_owner_is_refused(tenancy: Tenancy) -> None:
    set_up_by_hand(tenancy)
    tenancy.rows(
        "INSERT INTO tenant_release_claims (tenantId, resourceUid, namespace, name, resourceCreatedAt, "
        "generation, integrationTypes) VALUES (%s, 'u', 'falcon', 'mobile-app', '2025-01-01', 1, '[]')",
        TENANT,
    )
    assert "from the ReleaseSetup falcon/mobile-app already" in export(tenancy).stderr
    tenancy.rows("DELETE FROM tenant_release_claims")
    tenancy.rows("UPDATE collaborators SET permission = 'Editor'")
    assert "The tenant has no Owner" in export(tenancy).stderr
    done = export(tenancy, DATABASE_URL="mysql+pymysql://u:p@127.0.0.1:9/d")
    assert (done.returncode, done.stderr) == (2, "Error: The database cannot be reached.\n")


def test_the_commands_of_the_page_work(tenancy: Tenancy) -> None:
    set_up_by_hand(tenancy)
    shown = commands("adoption.md")
    assert len(shown) == 3
    for arguments in shown:
        plain = [word for word in arguments if word != "|"]
        end = next((n for n, word in enumerate(arguments) if word in ("|", ">")), len(plain))
        done = subprocess.run(
            [PROGRAM, *arguments[:end]], env=tenancy.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert list(yaml.safe_load_all(done.stdout))
