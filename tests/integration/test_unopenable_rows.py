"""Rows that no key opens: said in status and log, sealed anew where declared, and else left as they are."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

from delivr_operator.sealing import Envelope, Sealer
from tests.integration.tenancy import TENANT, Tenancy

KEY = SecretStr("00112233445566778899aabbccddeeff" * 2)
OURS = Sealer(KEY)
OTHERS = Sealer(SecretStr("ff" * 32))
PASSPHRASE = SecretStr("a passphrase of thirty-two chars")
TOKEN = SecretStr("xoxb-left-here-by-somebody")


def tampered(sealed: str) -> str:
    return sealed[:-1] + ("0" if sealed[-1] != "0" else "1")


FAULTS = {
    "another key": OTHERS.seal(TOKEN),
    "truncated": OURS.seal(TOKEN)[:-8],
    "truncated to nothing": "",
    "tampered with": tampered(OURS.seal(TOKEN)),
    "an envelope whose key is absent": Sealer(KEY, PASSPHRASE, Envelope.PBKDF2).seal(TOKEN),
    "in clear": TOKEN.get_secret_value(),
}


def stored_config(tenancy: Tenancy) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tenancy.integrations()["SLACK"]["config"])
    return found


def store(tenancy: Tenancy, value: str) -> str:
    config = json.dumps({**stored_config(tenancy), "botToken": value})
    tenancy.rows(
        "UPDATE tenant_integrations SET config = %s WHERE tenantId = %s AND integrationType = 'SLACK'",
        *(config, TENANT),
    )
    return str(tenancy.integrations()["SLACK"]["config"])


def passed(tenancy: Tenancy, request: str) -> str:
    """Have a pass done; return what Synced says after it."""
    mark = f"release.delivr.live/requestedAt={request}"
    tenancy.kubectl("annotate", "releasesetup", "mobile-app", "--overwrite", mark)
    told = "--for=jsonpath={.status.lastHandledReconcileAt}=" + request
    tenancy.kubectl("wait", "releasesetup/mobile-app", told, "--timeout=60s")
    return str(tenancy.condition("Synced")["message"])


@pytest.mark.timeout(400)
def test_what_does_not_open_is_said_and_sealed_anew_only_where_it_is_declared(on_either: Tenancy) -> None:
    tenancy = on_either
    setup = tenancy.complete(deletionPolicy="Retain")
    tenancy.apply(setup)
    with tenancy.operator():
        tenancy.await_ready("True")
        right = tenancy.issued["slack"].secret["botToken"]
        for number, (name, value) in enumerate(FAULTS.items()):
            store(tenancy, value)
            logged = tenancy.log().count("stored credentials did not open")
            said = passed(tenancy, f"fault-{number}")
            assert "The stored credentials of Slack did not open" in said, name
            assert "INTEGRATION_ENCRYPTION_KEY" in said
            assert tenancy.log().count("stored credentials did not open") == logged + 1, name
            assert OURS.open(stored_config(tenancy)["botToken"]).get_secret_value() == right, name
            assert tenancy.condition()["status"] == "True"
            assert passed(tenancy, f"after-{number}") == "Delivr's tables say what this resource says."
        warning = next(line for line in tenancy.log().splitlines() if '"types": "SLACK"' in line)
        assert f'"namespace": "{tenancy.namespace}"' in warning
        assert TOKEN.get_secret_value() not in tenancy.log()

        # Declared, but its Secret is gone: there is nothing to seal anew.
        tenancy.kubectl("delete", "secret", "slack")
        tenancy.await_ready("False", "SecretNotFound")
        kept = store(tenancy, FAULTS["another key"])
        passed(tenancy, "no-secret")
        assert tenancy.integrations()["SLACK"]["config"] == kept
        tenancy.apply(tenancy.secret("slack", tenancy.issued["slack"].secret))
        tenancy.await_ready("True")

        # Suspended: the database is not touched.
        setup["spec"]["suspend"] = True
        tenancy.apply(setup)
        tenancy.await_ready("False", "Suspended")
        kept = store(tenancy, FAULTS["tampered with"])
        passed(tenancy, "suspended")
        assert tenancy.integrations()["SLACK"]["config"] == kept

        # No longer declared: switched off, and nothing else.
        setup["spec"] |= {"suspend": False}
        del setup["spec"]["slack"]
        tenancy.apply(setup)
        tenancy.await_ready("True")
        passed(tenancy, "undeclared")
        row = tenancy.integrations()["SLACK"]
        assert (row["config"], row["isEnabled"]) == (kept, 0)
