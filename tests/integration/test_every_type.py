"""Every type through a running operator: proved where the tenant says, stored sealed, counted for Ready."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from delivr_operator.outcome import IntegrationType
from delivr_operator.providers import provider_of_type
from dev.access import ClusterAccess
from dev.database_server import DatabaseAccess
from tests.integration.scenes import scene
from tests.integration.tenancy import Tenancy, make_tenancy
from tests.integration.test_chosen_hosts import CHOSEN, own_host

T = IntegrationType
ANNOTATION = "release.delivr.live/allowed-hosts"
SEALED = {
    T.GITHUB: {"accessToken"},
    T.GITLAB: {"token"},
    T.BITBUCKET: {"token"},
    T.APP_STORE_CONNECT: {"apiKeyId", "issuerId", "privateKey"},
    T.PLAY_STORE: {"privateKey"},
    T.JENKINS: {"apiToken"},
    T.GITHUB_ACTIONS: {"accessToken"},
    T.SLACK: {"botToken"},
    T.TEAMS: {"clientSecret"},
    T.JIRA: {"apiToken"},
    T.LINEAR: {"apiKey"},
    T.FIREBASE: {"serviceAccountKey"},
    T.TEST_RAIL: {"apiKey"},
}
"""What Delivr wants sealed of each config; accounts' names beside it stay readable."""


@pytest.fixture
def on_either(
    installed: ClusterAccess, database_server: DatabaseAccess, simulator: dict[str, str], tmp_path: Path
) -> Iterator[Tenancy]:
    yield from make_tenancy(installed, database_server, simulator, tmp_path)


def declared(tenancy: Tenancy, kind: IntegrationType) -> dict[str, Any]:
    """Have what one type needs, on a server of one's own where there is one; give its member."""
    sim = tenancy.simulator
    own = [matrix for matrix in CHOSEN if matrix.type is kind]
    given, host = own_host(sim, own[-1]) if own else (scene(sim, kind), "")
    tenancy.issued[kind] = given.issued
    name = kind.lower().replace("_", "-")
    tenancy.apply(tenancy.secret(name, given.issued.secret, **({ANNOTATION: host} if host else {})))
    return {**given.written, "secretRef": {"name": name}}


def test_every_type_is_proved_where_the_tenant_says_and_stored_sealed(on_either: Tenancy) -> None:
    tenancy = on_either
    tenancy.extra["TRUSTED_HOSTS"] = "127.0.0.0/8"
    members: dict[str, Any] = {provider_of_type(kind).member: declared(tenancy, kind) for kind in SEALED}
    tenancy.apply(tenancy.setup(targets=["APP_STORE", "PLAY_STORE"], platforms=["IOS", "ANDROID"], **members))
    with tenancy.operator():
        status = tenancy.await_ready("True")["status"]
        found = {one["type"]: one["verificationStatus"] for one in status["integrations"]}
        assert found == dict.fromkeys(map(str, SEALED), "VALID")
        is_stored_sealed(tenancy)

        hosts = tenancy.kubectl("get", "secret", "gitlab", "--output=jsonpath={.metadata.annotations}")
        tenancy.kubectl("annotate", "secret", "gitlab", f"{ANNOTATION}-")
        tenancy.await_ready("False", "HostNotAllowed")
        entry = tenancy.entry("GITLAB")
        assert (entry["verificationStatus"], entry["reason"]) == ("INVALID", "HostNotAllowed")
        tenancy.kubectl("annotate", "secret", "gitlab", f"{ANNOTATION}={json.loads(hosts)[ANNOTATION]}")
        tenancy.await_ready("True")
    assert ("Warning", "RefusalUnconfirmed") not in tenancy.events()


def is_stored_sealed(tenancy: Tenancy) -> None:
    """Hold that each row has its type's fields sealed, and no credential in clear."""
    rows = tenancy.integrations()
    assert rows.keys() == set(map(str, SEALED))
    for kind, fields in SEALED.items():
        config, secret = json.loads(rows[kind]["config"]), tenancy.issued[kind].secret
        assert fields <= config.keys()
        for field in fields:
            parts = config[field].split(":")
            assert [len(part) for part in parts[:2]] == [32, 32], field
            assert bytes.fromhex(parts[2]), field
        clear = {secret[field] for field in fields if field in secret}
        assert clear
        assert not [value for value in clear if json.dumps(value)[1:-1] in rows[kind]["config"]]


def test_what_takes_no_step_still_holds_ready_back(on_either: Tenancy) -> None:
    tenancy = on_either
    tenancy.extra["TRUSTED_HOSTS"] = "127.0.0.0/8"
    members: dict[str, Any] = {
        provider_of_type(kind).member: declared(tenancy, kind) for kind in (T.GITLAB, T.PLAY_STORE, T.TEAMS)
    }
    tenancy.apply(tenancy.setup(targets=["PLAY_STORE"], platforms=["ANDROID"], **members))
    with tenancy.operator():
        status = tenancy.await_ready("False", "CredentialsMissing")["status"]
        assert {one["verificationStatus"] for one in status["integrations"]} == {"VALID"}
        steps = status["steps"]
        assert (steps["githubConnected"], steps["slackConfigured"], status["setupComplete"]) == (False,) * 3

        tenancy.simulator.change(tenancy.issued[T.TEAMS], state="WRONG")
        tenancy.apply(
            tenancy.setup(
                targets=["PLAY_STORE"],
                platforms=["ANDROID"],
                github=declared(tenancy, T.GITHUB),
                **{**members, "teams": {**members["teams"], "channels": ["releases"]}},
            )
        )
        refused = tenancy.await_ready("False", "BadCredentials")["status"]
        assert (refused["setupComplete"], tenancy.entry("TEAMS")["verificationStatus"]) == (True, "INVALID")
        settings = tenancy.settings_row()
        assert settings is not None
        assert [settings[name] for name in ("setupComplete", "githubConnected", "slackConfigured")] == [
            1,
            1,
            0,
        ]
