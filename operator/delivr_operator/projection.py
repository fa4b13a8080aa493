"""PURE: rows of the per-category tables of today's Delivr as values, and the ids that tell who made them."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import SecretStr

from delivr_operator.outcome import IntegrationType
from delivr_operator.rows import Config


class Category(StrEnum):
    """The tables, parents before the children that refer to them."""

    SCM = "tenant_scm_integrations"
    CI_CD = "tenant_ci_cd_integrations"
    WORKFLOW = "tenant_ci_cd_workflows"
    COMMUNICATION = "tenant_comm_integrations"
    STORE = "store_integrations"
    CREDENTIAL = "store_credentials"
    PROJECT = "project_management_integrations"
    TEST = "tenant_test_management_integrations"


PARENTS = {Category.WORKFLOW: Category.CI_CD, Category.CREDENTIAL: Category.STORE}


@dataclass(frozen=True, slots=True)
class SealedObject:
    """A JSON column whose secret leaves are sealed; other members that stand there stay."""

    members: Config = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedWhole:
    """A whole JSON object under one seal."""

    members: Mapping[str, str | SecretStr] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Projected:
    """How one row of a category should read.

    Attributes:
        table: where it stands.
        type: the integration that it shows.
        slot: what tells it from this tenant's other rows there.
        identities: a row that has all columns of one of these is the same integration, whoever made it;
            `config.x` is a member of that JSON column.
        columns: what the row says and is held to.
        credentials: the same, left as it is where the credential cannot be read now.
        initial: what it says only when it is made.
        parent: the slot of the row that it belongs to.
        whole: whether `credentials` are known, without which no row is made.
    """

    table: Category
    type: IntegrationType
    slot: str
    identities: tuple[Mapping[str, Any], ...]
    columns: Mapping[str, Any]
    credentials: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    whole: bool = True


def own_id(tenant_id: str, table: Category, slot: str) -> str:
    """Return the id of the row that the operator makes: 21 characters that tell that it did."""
    body = _letters(f"{table}\0{tenant_id}\0{slot}", 12)
    return f"rs{body}{_mark(tenant_id, body)}"


def is_own(tenant_id: str, row_id: str) -> bool:
    """Tell whether the operator made the row, whatever was done to it since."""
    body, mark = row_id[2:14], row_id[14:]
    return row_id.startswith("rs") and mark == _mark(tenant_id, body)


def _mark(tenant_id: str, body: str) -> str:
    return _letters(f"delivr-operator\0{tenant_id}\0{body}", 7)


def _letters(text: str, count: int) -> str:
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:count]
