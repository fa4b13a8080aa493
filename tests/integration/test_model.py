"""People, providers, faults and crashes at random, against a short model of what must be true afterwards."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from pydantic import SecretStr

from delivr_operator.sealing import Sealer
from dev.access import ClusterAccess
from dev.database_server import DatabaseAccess
from tests.integration.forge import Forge, Operator, Point, forge
from tests.integration.rest import Rest
from tests.integration.tenancy import Tenancy, eventually, make_tenancy

SOAK = os.environ.get("DELIVR_SOAK_SECONDS")
SECONDS = float(SOAK) / 2 if SOAK else 45.0  # for each server; in a soak both have their turn
STEPS = 40 if SOAK else 12
SERVERS = ["mysql", "mariadb"] if SOAK else ["mysql"]
SEALER = Sealer(SecretStr("00112233445566778899aabbccddeeff" * 2))
MEMBERS = {"GITHUB": "github", "SLACK": "slack", "PLAY_STORE": "playStore"}
SECRETS = {"GITHUB": "github", "SLACK": "slack", "PLAY_STORE": "play-store"}
TOKENS = {"GITHUB": "accessToken", "SLACK": "botToken", "PLAY_STORE": "privateKey"}
BAD = {"GITHUB": "ghp_" + "0" * 36, "SLACK": "xoxb-" + "0" * 30}
KINDS = st.sampled_from(sorted(MEMBERS))
OPTIONAL = st.sampled_from(["SLACK", "PLAY_STORE"])
TABLES = ("tenant_release_settings", "tenant_integrations", "tenant_release_claims")
GOOD, REFUSED, MISSING = "good", "bad", "missing"
Json = Any


@dataclass
class Stage:
    """The servers, and the one tenant that everything happens to."""

    tenancy: Tenancy
    rest: Rest
    forge: Forge
    user: str
    members: dict[str, Json]
    good: dict[str, dict[str, str]]
    looks: int = 0
    """How often everything was compared."""

    def password(self, word: str) -> None:
        """Have the operator's user log in with this from now on, and close its connections."""
        self.tenancy.rows(f"ALTER USER '{self.user}'@'%' IDENTIFIED BY '{word}'")
        found = self.tenancy.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = %s", self.user)
        for row in found:
            with suppress(pymysql.OperationalError):
                self.tenancy.rows(f"KILL {row['ID']}")

    def clear(self) -> None:
        """Nothing is left of what happened before."""
        self.tenancy.simulator.lift()
        self.password("Operator-1")
        if self.rest.setup():
            self.rest.patch({"metadata": {"finalizers": None}})
            if self.rest.setup():
                self.rest.delete()
        for table in reversed(TABLES):
            self.tenancy.rows(f"DELETE FROM {table}")  # noqa: S608
        for kind, values in self.good.items():
            self.rest.secret(SECRETS[kind], values)


@dataclass
class Model:
    """What people want, and what may be true of a row whose Secret is missing."""

    exists: bool = False
    declared: set[str] = field(default_factory=lambda: {"GITHUB"})
    secrets: dict[str, str] = field(default_factory=lambda: dict.fromkeys(MEMBERS, GOOD))
    maybe: dict[str, set[str | None]] = field(default_factory=lambda: {kind: {None} for kind in MEMBERS})

    def happened(self, kind: str) -> None:
        """Note what the operator may have seen of one integration before it comes to rest."""
        if not self.exists or kind not in self.declared:
            self.maybe[kind].add(None)
        elif self.secrets[kind] != MISSING:  # and its provider may have been down
            self.maybe[kind] |= {"VALID" if self.secrets[kind] == GOOD else "INVALID", "NOT_VERIFIED", None}

    def row(self, kind: str) -> set[str | None]:
        """What the row of one integration may say at rest; None: there is none."""
        if not self.exists or kind not in self.declared:
            return {None}
        return {GOOD: {"VALID"}, REFUSED: {"INVALID"}}.get(self.secrets[kind], self.maybe[kind])  # type: ignore[return-value]

    def ready(self) -> bool:
        """Everything that is required is declared, and everything declared is proved."""
        return "PLAY_STORE" in self.declared and all(self.secrets[kind] == GOOD for kind in self.declared)


class Life(RuleBasedStateMachine):
    """One tenant's life; each rule is something that happens, `rest` is when it is looked at."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.stage.clear()
        self.model = Model()
        self.operators: list[Operator] = [self.stage.forge.start(self.stage.tenancy)]
        self.number = 0

    @precondition(lambda self: not self.model.exists)
    @rule(optional=st.sets(OPTIONAL))
    def create(self, optional: set[str]) -> None:
        if self.stage.rest.setup():  # the one before is still on its way out
            self._settle()
        self.model.exists, self.model.declared = True, {"GITHUB", *optional}
        spec = {MEMBERS[kind]: self.stage.members[kind] for kind in self.model.declared}
        wanted = self.stage.tenancy.setup(targets=["PLAY_STORE"], platforms=["ANDROID"], **spec)
        self.stage.rest.create(wanted)
        self._happened()

    @precondition(lambda self: self.model.exists)
    @rule(kind=OPTIONAL)
    def declare_or_take_out(self, kind: str) -> None:
        self.model.declared ^= {kind}
        member = self.stage.members[kind] if kind in self.model.declared else None
        self.stage.rest.patch({"spec": {MEMBERS[kind]: member}})
        self._happened()

    @rule(kind=KINDS, value=st.sampled_from([GOOD, REFUSED, MISSING]))
    def secret(self, kind: str, value: str) -> None:
        if value == REFUSED and kind not in BAD:
            return
        self.model.secrets[kind] = value
        if value == MISSING:
            self.stage.rest.delete_secret(SECRETS[kind])
        else:
            content = {**self.stage.good[kind], **({TOKENS[kind]: BAD[kind]} if value == REFUSED else {})}
            self.stage.rest.secret(SECRETS[kind], content)
        self._happened()

    @rule(kind=KINDS)
    def provider_goes_down(self, kind: str) -> None:
        self.stage.tenancy.simulator.fault("STATUS", provider=kind, status=503)

    @rule()
    def database_refuses(self) -> None:
        self.stage.password("Another-1")

    @rule(kind=KINDS)
    def somebody_deletes_a_row(self, kind: str) -> None:
        self.stage.tenancy.rows("DELETE FROM tenant_integrations WHERE integrationType = %s", kind)
        if self.model.secrets[kind] == MISSING:
            self.model.maybe[kind].add(None)

    @rule(later=st.integers(1, 1000))
    def somebody_edits_the_claim(self, later: int) -> None:
        self.stage.tenancy.rows("UPDATE tenant_release_claims SET generation = generation + %s", later)

    @rule(number=st.integers(1, 40))
    def operator_will_die(self, number: int) -> None:
        self.operators[0].arm(Point("any", number))

    @rule()
    def operator_is_killed(self) -> None:
        self.operators[0].send(signal.SIGKILL)

    @precondition(lambda self: len(self.operators) == 1)
    @rule()
    def another_operator_starts(self) -> None:
        self.operators.append(self.stage.forge.start(self.stage.tenancy))

    @precondition(lambda self: self.model.exists)
    @rule()
    def delete(self) -> None:
        self.stage.rest.delete()
        self.model.exists = False
        self._happened()

    @rule()
    def rest(self) -> None:
        """Mend what is broken, let it come to rest, and compare."""
        self._settle()
        setup = self.stage.rest.setup()
        assert (setup is not None) is self.model.exists
        rows = self.stage.tenancy.integrations()
        for kind in MEMBERS:
            row = rows.get(kind)
            found = row and row["verificationStatus"]
            assert found in self.model.row(kind), f"{kind}: {found}"
            if row and self.model.secrets[kind] != MISSING:
                wanted = (
                    BAD[kind]
                    if self.model.secrets[kind] == REFUSED
                    else self.stage.good[kind][TOKENS[kind]].strip()
                )
                assert SEALER.open(json.loads(row["config"])[TOKENS[kind]]).get_secret_value() == wanted
            self.model.maybe[kind] = {found}
        self.stage.looks += 1
        self._compare(setup, {kind: row["verificationStatus"] for kind, row in rows.items()})

    def _compare(self, setup: Json, rows: dict[str, str]) -> None:
        """Rows, status and finalizer say the same; and nothing is there for a resource that is gone."""
        settings_row = self.stage.tenancy.settings_row()
        claims = self.stage.tenancy.rows("SELECT resourceUid, generation FROM tenant_release_claims")
        if setup is None:
            assert (settings_row, claims, rows) == (None, [], {})
            return
        status, metadata = setup["status"], setup["metadata"]
        conditions = {one["type"]: one["status"] for one in status["conditions"]}
        assert (conditions["Ready"] == "True") is self.model.ready(), status["message"]
        said = {one["type"]: one["verificationStatus"] for one in status["integrations"]}
        assert set(said) == self.model.declared
        assert rows == {kind: said[kind] for kind in rows}
        assert claims == [{"resourceUid": metadata["uid"], "generation": metadata["generation"]}]
        assert "release.delivr.live/rows" in metadata["finalizers"]
        complete = said["GITHUB"] == "VALID" == said.get("PLAY_STORE")
        assert settings_row is not None
        assert (bool(settings_row["setupComplete"]), status["setupComplete"]) == (complete, complete)
        assert (settings_row["setupCompletedAt"] is not None) is complete

    def _settle(self) -> None:
        self.stage.tenancy.simulator.lift()
        self.stage.password("Operator-1")
        for one in self.operators[1:]:
            one.end()
        self.operators[0].arm(None)
        self._revive()
        del self.operators[1:]
        self.number += 1
        if self.model.exists:
            asked = f"asked-{self.number}"
            annotations = {"metadata": {"annotations": {"release.delivr.live/requestedAt": asked}}}
            generation = self.stage.rest.patch(annotations)["metadata"]["generation"]
            eventually(lambda: self._answered(asked, generation), "it comes to rest", 60)
        else:
            eventually(self._is_gone, "the resource goes", 60)

    def _is_gone(self) -> bool:
        self._revive()
        return self.stage.rest.setup() is None

    def _revive(self) -> None:
        if not self.operators[0].alive:  # it was to die at a step that came only now
            self.operators[0] = self.stage.forge.start(self.stage.tenancy)

    def _answered(self, asked: str, generation: int) -> bool:
        self._revive()
        status = self.stage.rest.standing().get("status", {})
        answered = status.get("lastHandledReconcileAt") == asked
        return answered and status.get("committedGeneration") == generation and self._idle()

    def _idle(self) -> bool:
        names = [step.name for step in self.operators[0].steps()]
        over = names.count("after queue.done") + names.count("after queue.failed")
        return names.count("after queue.take") == over > 0

    def _happened(self) -> None:
        for kind in MEMBERS:
            self.model.happened(kind)

    def teardown(self) -> None:
        try:
            self.rest()
        finally:
            for one in self.operators:
                one.send(signal.SIGKILL)
                one.await_end()


def ordinary_life(life: Life) -> None:
    """What happens to every tenant, so that a short run has seen it whatever chance brings."""
    try:
        life.create(optional={"SLACK", "PLAY_STORE"})
        life.rest()
        life.secret(kind="GITHUB", value=REFUSED)
        life.rest()
        life.secret(kind="GITHUB", value=GOOD)
        life.somebody_deletes_a_row(kind="PLAY_STORE")
        life.declare_or_take_out(kind="SLACK")
        life.operator_is_killed()
        life.rest()
        life.somebody_edits_the_claim(later=5)
        life.secret(kind="PLAY_STORE", value=MISSING)
        life.rest()
        life.delete()
    finally:
        life.teardown()


@pytest.fixture(params=SERVERS)
def stage(
    request: pytest.FixtureRequest, installed: ClusterAccess, simulator: dict[str, str], tmp_path: Path
) -> Iterator[Stage]:
    database_server: DatabaseAccess = request.getfixturevalue(f"{request.param}_server")
    with ExitStack() as stack:
        smith = stack.enter_context(forge())
        for tenancy in make_tenancy(installed, database_server, simulator, tmp_path):
            members = {
                "GITHUB": tenancy.github(),
                "SLACK": tenancy.slack(),
                "PLAY_STORE": tenancy.play_store(),
            }
            good = {kind: dict(tenancy.issued[member].secret) for kind, member in MEMBERS.items()}
            good["PLAY_STORE"].pop("serviceAccountKey", None)
            user = f"app_{tenancy.database_name}"
            name = tenancy.database_name
            tenancy.rows(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'Operator-1'")
            tenancy.rows(f"GRANT ALL ON `{name}`.* TO '{user}'@'%'")
            address = f"mysql+pymysql://{user}:Operator-1@127.0.0.1:{database_server.port}/{name}"
            tenancy.extra |= {"DATABASE_URL": address, "RECHECK_INTERVAL": "1s"}
            rest = Rest(installed, tenancy.namespace)
            stack.callback(rest.close)
            yield Stage(tenancy, rest, smith, user, members, good)
            tenancy.rows(f"DROP USER '{user}'@'%'")


@pytest.mark.timeout(SECONDS + 300)
def test_whatever_happens_the_rows_come_to_say_what_the_resource_says(stage: Stage) -> None:
    class OnThisStage(Life):
        pass

    OnThisStage.stage = stage
    began, longest = time.monotonic(), 0.0
    ordinary_life(OnThisStage())
    hurried = settings(
        max_examples=1,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    while time.monotonic() - began + longest < SECONDS:
        life = time.monotonic()
        run_state_machine_as_test(OnThisStage, settings=hurried)
        longest = max(longest, time.monotonic() - life)
    assert stage.looks > 1
