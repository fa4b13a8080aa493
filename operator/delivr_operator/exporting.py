"""`export`: a tenant that stands in the tables as the YAML that adopts it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml

from delivr_operator.adoption import Adopting, Adoption, Owner, unproved
from delivr_operator.database import read_adoptable
from delivr_operator.manifest import printable
from delivr_operator.resource import ALLOWED_HOSTS_ANNOTATION, GROUP, KIND, TENANT_ANNOTATION, VERSION
from delivr_operator.rows import TenantRecord
from delivr_operator.settings import Settings

NAME = "release-setup"


class NotAdoptable(Exception):  # noqa: N818 - a finding about a tenant, not a programming error
    """There is nothing to export for this tenant; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the objects are to stand."""

    namespace: str | None
    name: str = NAME


@dataclass(frozen=True, slots=True)
class Exported:
    """One tenant's adoption, with what else the report tells."""

    adoption: Adoption = field(repr=False)
    record: TenantRecord = field(repr=False)
    tenant_id: str
    place: Place

    @property
    def faithful(self) -> bool:
        """Tell whether applying it adopts every row and changes none."""
        return not self.adoption.left_out and not self.adoption.changes

    def documents(self, *, with_secrets: bool) -> str:
        """Return the YAML; without Secrets, comments say which ones to make."""
        spec = _object(
            f"{GROUP}/{VERSION}", KIND, self._metadata(self.place.name), "spec", self.adoption.spec
        )
        if not with_secrets:
            return "".join(f"# {line}\n" for line in self._wanted()) + _yaml([spec])
        return _yaml([*self._secrets(), spec])

    def _metadata(self, name: str, **annotations: str) -> dict[str, Any]:
        place = {"namespace": self.place.namespace} if self.place.namespace else {}
        return {"name": name, **place, **({"annotations": annotations} if annotations else {})}

    def _secrets(self) -> Iterator[dict[str, Any]]:
        for one in self.adoption.secrets:
            hosts = {ALLOWED_HOSTS_ANNOTATION: one.allowed_host} if one.allowed_host else {}
            data = {name: value.get_secret_value() for name, value in one.values.items()}
            yield _object("v1", "Secret", self._metadata(one.name, **hosts), "stringData", data)

    def _wanted(self) -> Iterator[str]:
        yield "Secrets to make first, in the same namespace:"
        for one in self.adoption.secrets:
            host = f"; annotation {ALLOWED_HOSTS_ANNOTATION}: {one.allowed_host}" if one.allowed_host else ""
            yield f"  {one.name}: {', '.join(sorted(one.values))}{host}"

    def report(self) -> Iterator[str]:
        """Yield what a person should know before applying it; names in a row may hold anything."""
        yield from map(printable, self._report())

    def _report(self) -> Iterator[str]:
        for kind, why in sorted(self.adoption.left_out.items()):
            yield f"left out, and never touched by the operator: {kind}: {why}"
        for change in self.adoption.changes:
            yield f"applying changes: {change}"
        declared = {kind for kind in unproved(self.record) if kind not in self.adoption.left_out}
        if declared:
            yield f"not VALID now, and proved when applied: {', '.join(sorted(declared))}"
        namespace = self.place.namespace or "NAMESPACE"
        yield (
            "the namespace must be bound to the tenant: "
            f"kubectl annotate namespace {namespace} {TENANT_ANNOTATION}={self.tenant_id}"
        )


def export(
    settings: Settings, tenant_id: str, place: Place, now: datetime, *, allow_changes: bool
) -> Exported:
    """Read one tenant and return what adopts it.

    Raises:
        NotAdoptable: there is no such tenant, nobody may own it, or a ReleaseSetup has it already.
        DatabaseUnavailable: the database gave no answer.
    """
    record, members = read_adoptable(settings.database_url, tenant_id)
    if not record.exists:
        raise NotAdoptable(f"Delivr knows no tenant {tenant_id}: give its id exactly as in Delivr.")
    if record.claim is not None:
        holder = f"{record.claim.namespace}/{record.claim.name}"
        raise NotAdoptable(f"The tenant's rows come from the ReleaseSetup {holder} already.")
    if not record.integrations and record.settings is None:
        raise NotAdoptable("The tenant has no rows: there is nothing to adopt. Write a ReleaseSetup for it.")
    if not members:
        raise NotAdoptable("The tenant has no Owner: make somebody Owner in Delivr first.")
    owners = tuple(Owner(account, email) for account, email in members)
    adopting = Adopting(tenant_id, record, owners, settings.sealer, now, allow_changes)
    return Exported(adopting.result(), record, tenant_id, place)


def _object(version: str, kind: str, metadata: dict[str, Any], member: str, value: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": metadata, member: value}


class _Dumper(yaml.SafeDumper):
    """Writes keys with their line breaks as people do."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def _yaml(documents: list[dict[str, Any]]) -> str:
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
