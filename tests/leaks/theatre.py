"""Rows of the verdict matrix, played through a real operator for all types at the same time."""

import base64
import json
import secrets
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from pydantic import SecretStr

from delivr_operator.cluster import Absent
from delivr_operator.outcome import IntegrationType
from delivr_operator.providers import provider_of_type
from delivr_operator.sealing import Sealer
from tests.integration.tenancy import Tenancy, eventually
from tests.integration.test_verdict_matrix import Stage
from tests.leaks.evidence import Evidence
from tests.leaks.needles import Needles, worth_looking_for
from tests.leaks.planting import canary, planted
from tests.leaks.sent import credentials_of, held_by
from tests.verdict_matrix import MATRICES
from tests.verdict_matrix.passing import Setup
from tests.verdict_matrix.row import Answer, Matrix, Row, Surroundings, verified

Scene = tuple[Matrix, Row]
OWN_FORMS = [matrix for matrix in MATRICES if not matrix.form.words]
NOT_PLAYED = {Answer.TIMEOUT}
"""Silence takes as long as the read timeout; an end in the middle of it is a test of its own."""


@dataclass(frozen=True)
class Played:
    """A row that is being played, and what is then declared."""

    matrix: Matrix
    stage: Stage
    setup: Setup

    @property
    def kind(self) -> IntegrationType:
        return self.matrix.type

    @property
    def happens(self) -> str:
        return f"{self.kind} {self.stage.row.happens}"


def groups(where: Surroundings | Absent) -> list[list[Scene]]:
    """Return a row of every class of answer of every type, as many types at a time as can be."""
    columns = []
    for matrix in OWN_FORMS:
        firsts: dict[Answer, Row] = {}
        for row in matrix.rows:
            if row.answer not in NOT_PLAYED and _surroundings(row) is where:
                firsts.setdefault(row.answer, row)
        columns.append([(matrix, row) for row in firsts.values()])
    return [[one for one in found if one is not None] for found in zip_longest(*columns)]


def well() -> list[Scene]:
    """Return a row of every type in which all is well, and every field of every Secret is its own."""
    own = {"password": canary(), "store": canary(), "key": canary()}
    issued = {IntegrationType.CODE_SIGNING: own}
    return [
        (matrix, Row(Answer.VERIFIED, "all is well", (), verified(), issued=issued.get(matrix.type, {})))
        for matrix in OWN_FORMS
    ]


def _surroundings(row: Row) -> Surroundings | Absent:
    """Return what a row needs of the operator; a Secret that is not there needs nothing of it."""
    found = next((one for one in row.causes if isinstance(one, Surroundings | Absent)), Surroundings.USUAL)
    return Surroundings.USUAL if found is Absent.NOT_FOUND else found


@dataclass
class Theatre:
    """Plays rows and collects what must not be found."""

    evidence: Evidence
    secret: dict[str, str] = field(default_factory=dict)
    sealed: dict[str, str] = field(default_factory=dict)
    canaries: dict[str, str] = field(default_factory=dict)

    @property
    def tenancy(self) -> Tenancy:
        return self.evidence.tenancy

    def play(self, group: list[Scene]) -> list[Played]:
        """Have the operator prove one row of each type; return once its status speaks of all of them."""
        played = [self._staged(*one) for one in group]
        self._apply(played)
        expected = {one.kind: one.stage.row.course.never.reason for one in played}
        # On a machine that is too busy a connection may break; the operator asks again within a minute.
        eventually(
            lambda: self._said() == expected,
            f"the verdicts on {[one.happens for one in played]}",
            patience=120,
        )
        for one in played:
            self._keep_what_was_sent(one)
        return played

    def _said(self) -> dict[str, str]:
        """Return the reasons by their types, if they are about the newest generation."""
        found = self.tenancy.get()
        status = found.get("status", {})
        current = status.get("observedGeneration") == found["metadata"]["generation"]
        return {one["type"]: one["reason"] for one in status.get("integrations", ())} if current else {}

    def _staged(self, matrix: Matrix, row: Row) -> Played:
        text = canary()
        self.canaries[f"{matrix.type} {row.happens}"] = text
        stage = Stage.laid(self.tenancy.simulator, matrix, planted(row, text))
        played = Played(matrix, stage, stage.turned())
        for name, value in {**stage.scene.issued.secret, **held_by(played.setup)}.items():
            where = f"{played.happens}: {name}"
            self.secret[where] = value
            if name in provider_of_type(matrix.type).sealed:
                self.sealed[where] = value
        return played

    def _apply(self, played: list[Played]) -> None:
        members: dict[str, Any] = {"github": None}
        objects, unique = [], secrets.token_hex(3)
        for one in played:
            name = f"{one.kind.lower().replace('_', '-')}-{unique}"
            held = one.stage.well.secret if one.setup.secret is Absent.FORBIDDEN else one.setup.secret
            if not isinstance(held, Absent):
                objects.append(self._secret(name, {k: v.get_secret_value() for k, v in held.data.items()}))
            members[provider_of_type(one.kind).member] = {**one.setup.member, "secretRef": {"name": name}}
        members |= {"targets": ["APP_STORE", "PLAY_STORE"], "platforms": ["IOS", "ANDROID"]}
        self.tenancy.apply(*objects, self.tenancy.setup(**members))

    def _secret(self, name: str, values: dict[str, bytes]) -> dict[str, Any]:
        made = self.tenancy.secret(name, {})
        made["data"] = {key: base64.b64encode(value).decode() for key, value in values.items()}
        return made

    def _keep_what_was_sent(self, one: Played) -> None:
        """Take down signatures and headers, which must not be found either."""
        label = one.stage.scene.issued.label
        for number, request in enumerate(self.tenancy.simulator.requests(credential=label)):
            carried = credentials_of(request).items()
            self.secret |= {f"{one.happens}: request {number} {name}": value for name, value in carried}
        self.tenancy.simulator.lift(credential=label)

    def holds_what_was_sealed(self, played: list[Played]) -> None:
        """Hold that the rows hold every credential, so that the search looked for the right thing."""
        sealer = Sealer(SecretStr(self.tenancy.environment["INTEGRATION_ENCRYPTION_KEY"]))
        rows = self.tenancy.integrations()
        for one in played:
            provider, given = provider_of_type(one.kind), held_by(one.setup)
            config = json.loads(rows[one.kind]["config"])
            for name in provider.sealed & given.keys():
                part = config[provider.parts[name]] if name in provider.parts else config
                opened = sealer.open(part[name]).get_secret_value()
                assert opened == given[name].strip(), (one.kind, name)

    @property
    def needles(self) -> Needles:
        """Everything that must stand nowhere outside the database and the Secrets themselves."""
        return worth_looking_for({**self.secret, **self.canaries}.items())

    @property
    def database_needles(self) -> Needles:
        """What must stand in no row: the plan keeps names of accounts readable there."""
        return worth_looking_for({**self.sealed, **self.canaries}.items())
