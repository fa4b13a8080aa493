"""Two operators at once: without an election they do no harm, with one only one of them writes."""

import json
import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import yaml

from tests.integration.forge import Forge, Operator, forge
from tests.integration.rest import Rest
from tests.integration.tenancy import ROOT, TENANT, Tenancy, eventually

CHANGES = 25
LEASE_SECONDS = 15
JOURNAL = """
CREATE TABLE journal (
  at DATETIME(6) NOT NULL, session BIGINT NOT NULL, tableName VARCHAR(64) NOT NULL, what VARCHAR(255) NOT NULL
)
"""


@pytest.fixture(scope="module")
def smith() -> Iterator[Forge]:
    with forge() as found:
        yield found


@pytest.fixture
def rest(on_either: Tenancy) -> Iterator[Rest]:
    found = Rest(on_either.access, on_either.namespace)
    yield found
    found.close()


def keep_journal(tenancy: Tenancy) -> None:
    """Have the database itself write down who wrote, when, and what."""
    tenancy.rows(JOURNAL)
    written = {
        "tenant_release_settings": "'settings'",
        "tenant_integrations": "NEW.integrationType",
        "tenant_release_claims": "CONCAT_WS(' ', NEW.resourceUid, NEW.generation)",
    }
    for table, what in written.items():
        for event in ("INSERT", "UPDATE"):
            tenancy.rows(
                f"CREATE TRIGGER {table}_{event} AFTER {event} ON {table} FOR EACH ROW "  # noqa: S608
                f"INSERT INTO journal VALUES (NOW(6), CONNECTION_ID(), '{table}', {what})"
            )


def generations(tenancy: Tenancy) -> list[int]:
    found = tenancy.rows("SELECT what FROM journal WHERE tableName = 'tenant_release_claims' ORDER BY at")
    return [int(row["what"].split()[1]) for row in found]


def test_two_that_dawdle_and_know_nothing_of_each_other_do_no_harm(
    on_either: Tenancy, rest: Rest, smith: Forge
) -> None:
    tenancy = on_either
    keep_journal(tenancy)
    spec: dict[str, Any] = {
        "github": tenancy.github(),
        "slack": tenancy.slack(),
        "jenkins": tenancy.jenkins(),
    }
    optional: dict[str, Any] = {name: spec[name] for name in ("slack", "jenkins")}
    rest.create(tenancy.setup(targets=[], platforms=["IOS"], **spec))
    observed: list[int] = []
    chance = random.Random(7)  # noqa: S311 - no secret
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(smith.operator(tenancy, dawdle=0.15))
        for number in range(CHANGES):
            name = chance.choice(sorted(optional))
            wanted = chance.choice([None, optional[name]])
            rest.patch({"spec": {name: wanted, "interval": f"{60 + number}m"}})
            until = time.monotonic() + chance.uniform(0, 0.8)
            while time.monotonic() < until:
                observed.append(rest.standing()["status"]["observedGeneration"])
        last = rest.patch({"spec": {"interval": "3h", "slack": optional["slack"], "jenkins": None}})
        generation = last["metadata"]["generation"]

        def settled() -> bool:
            found = rest.standing()
            claim = tenancy.rows("SELECT generation FROM tenant_release_claims")
            return bool(
                found["status"].get("committedGeneration") == generation
                and claim == [{"generation": generation}]
                and set(tenancy.integrations()) == {"GITHUB", "SLACK"}
            )

        eventually(settled, "both have come to rest at the last change")
    assert observed == sorted(observed), "a status about an older generation came after one about a newer"
    written = generations(tenancy)
    assert written == sorted(written), "rows of an older generation came after those of a newer"
    assert len(tenancy.rows("SELECT id FROM tenant_release_settings WHERE tenantId = %s", TENANT)) == 1
    found = rest.standing()
    types = [entry["type"] for entry in found["status"]["integrations"]]
    assert types == ["GITHUB", "SLACK"]
    assert {row["verificationStatus"] for row in tenancy.integrations().values()} == {"VALID"}
    sessions = {row["session"] for row in tenancy.rows("SELECT DISTINCT session FROM journal")}
    assert len(sessions) > 1, "only one of them ever wrote: nothing was shown"


def lease_rights(tenancy: Tenancy) -> None:
    """What the component grants for the Lease, in this namespace."""
    rendered = (ROOT / "manifests" / "components" / "leader-election" / "lease-role.yaml").read_text()
    objects = list(yaml.safe_load_all(rendered))
    for one in objects:
        one["metadata"]["namespace"] = tenancy.namespace
        for subject in one.get("subjects", ()):
            subject["namespace"] = tenancy.namespace
    tenancy.apply(*objects)


def leads(operator: Operator) -> bool:
    return '"leading"' in operator.log()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_of_two_that_elect_one_writes_and_the_other_takes_over(
    on_either: Tenancy, rest: Rest, smith: Forge, number: signal.Signals
) -> None:
    tenancy = on_either
    keep_journal(tenancy)
    lease_rights(tenancy)
    rest.create(tenancy.setup(github=tenancy.github()))
    lease = ("--leader-elect", f"{tenancy.namespace}/delivr-operator-leader")
    operators = [smith.start(tenancy, *lease) for _ in range(2)]
    try:
        eventually(lambda: any(map(leads, operators)), "one of them leads")
        (first,) = (one for one in operators if leads(one))
        (second,) = (one for one in operators if one is not first)
        eventually(lambda: rest.standing()["status"].get("committedGeneration") == 1, "it wrote")
        eventually(lambda: '"watching"' in second.log(), "the other stands by")
        rest.patch({"spec": {"interval": "90m"}})
        eventually(lambda: rest.standing()["status"].get("committedGeneration") == 2, "it works on")
        before = {row["session"] for row in tenancy.rows("SELECT DISTINCT session FROM journal")}
        rest.patch({"spec": {"interval": "2h"}})
        told = time.monotonic()
        first.send(number)
        rest.patch({"spec": {"interval": "3h"}})
        eventually(lambda: leads(second), "the other leads", 40)
        took = time.monotonic() - told
        eventually(lambda: rest.standing()["status"].get("committedGeneration") == 4, "and works")
    finally:
        for one in operators:
            one.end()
    assert '"reconciled"' not in second.log().partition('"leading"')[0], "whoever stands by worked too"
    assert took < (2 if number == signal.SIGTERM else LEASE_SECONDS + 3), took
    rows = tenancy.rows("SELECT session, MIN(at) AS began, MAX(at) AS ended FROM journal GROUP BY session")
    old = [row for row in rows if row["session"] in before]
    new = [row for row in rows if row["session"] not in before]
    assert old
    assert new
    assert max(row["ended"] for row in old) < min(row["began"] for row in new), json.dumps(rows, default=str)
    assert '"exception"' not in second.log()
