"""What the watches have shown: the newest ReleaseSetups, and which of them a change elsewhere concerns."""

import asyncio
import sys
import zlib
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from pydantic_core import from_json, to_json

from delivr_operator.providers.declaration import Declaration, declarations
from delivr_operator.resource import FINALIZER, InvalidSpec, Key, ReleaseSetup

SecretName = tuple[str, str]
Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class _Kept:
    """One resource folded small, since of ten thousand nearly all are at rest at any time.

    What is asked of those at rest stands beside the folded whole; an unreadable one declares no tenant.
    """

    uid: str
    version: str
    tenant: str | None
    secrets: tuple[str, ...]
    deleting: bool
    folded: bytes

    @classmethod
    def fold(cls, setup: ReleaseSetup) -> Self:
        """Return the resource as it is kept."""
        return cls(
            uid=setup.uid,
            version=setup.resource_version,
            tenant=None if isinstance(setup.spec, InvalidSpec) else setup.spec.tenant_id,
            secrets=tuple(sys.intern(name) for _, name in sorted(secret_names(setup))),
            deleting=setup.deleting,
            folded=zlib.compress(to_json(setup.as_body()), 1),  # pickled, it takes twice the time and place
        )

    def unfold(self) -> ReleaseSetup:
        """Return the resource as it came."""
        return ReleaseSetup.parse(from_json(zlib.decompress(self.folded)))


class _Index(Generic[Name]):
    """Which resources have something in common; tuples, since mostly it is one resource."""

    def __init__(self) -> None:
        self._found: dict[Name, tuple[Key, ...]] = {}

    def __len__(self) -> int:
        return len(self._found)

    def of(self, name: Name) -> tuple[Key, ...]:
        return self._found.get(name, ())

    def add(self, name: Name, key: Key) -> None:
        self._found[name] = (*self.of(name), key)

    def remove(self, name: Name, key: Key) -> None:
        left = tuple(one for one in self.of(name) if one != key)
        if left:
            self._found[name] = left
        else:
            self._found.pop(name, None)


class Inventory:
    """The informer's memory; every method that takes news returns the keys that it concerns.

    Nothing here is truth: it is filled again by the first list after a start.
    """

    def __init__(self) -> None:
        self._setups: dict[Key, _Kept] = {}
        self._by_namespace: _Index[str] = _Index()
        self._by_tenant: _Index[str] = _Index()
        self._by_secret: _Index[SecretName] = _Index()
        self._namespaces: dict[str, str | None] = {}
        self._writes: dict[Key, asyncio.Event] = {}
        self._unreleased: dict[str, ReleaseSetup] = {}

    def __iter__(self) -> Iterator[Key]:
        """Go over all known keys."""
        return iter(tuple(self._setups))

    def get(self, key: Key) -> ReleaseSetup | None:
        """Return the newest that is known of one resource."""
        known = self._setups.get(key)
        return known.unfold() if known else None

    def knows(self, key: Key) -> bool:
        """Tell whether there is such a resource, as far as is known."""
        return key in self._setups

    def declared_tenant(self, key: Key) -> str | None:
        """Return the tenant that what stands at `key` declares; None where there is none that can be read."""
        if (known := self._setups.get(key)) is not None:
            return known.tenant
        return next((gone.tenant or None for gone in self.unreleased(key)), None)

    def has_seen(self, key: Key, version: str) -> bool:
        """Tell whether this version of what stands at `key`, or a later one, has been shown."""
        known = self._setups.get(key)
        return known is not None and not _is_later(version, known.version)

    def rivals(self, setup: ReleaseSetup) -> tuple[ReleaseSetup, ...]:
        """Return the other living resources that declare the same tenant."""
        if isinstance(setup.spec, InvalidSpec):
            return ()
        others = sorted(key for key in self._by_tenant.of(setup.spec.tenant_id) if key != setup.key)
        return tuple(self._setups[key].unfold() for key in others if not self._setups[key].deleting)

    def put(self, setup: ReleaseSetup) -> frozenset[Key]:
        """Take a resource as a watch showed it; an echo or something older concerns nobody.

        News of an object and of a later one in its place come on separate ways and may overtake each other.
        """
        if self.has_seen(setup.key, setup.resource_version):
            return frozenset()
        return self._set(setup) | {setup.key}

    async def written(self, key: Key, write: Awaitable[ReleaseSetup | None]) -> ReleaseSetup | None:
        """Carry out an own write of what stands at `key`, and take what it returned.

        The next pass starts from it, and its echo concerns nobody, even one that comes before the answer.
        """
        over = self._writes[key] = asyncio.Event()
        try:
            setup = await write
            if setup is not None:
                self.remember(setup)
            return setup
        finally:
            del self._writes[key]
            over.set()

    async def settled(self, key: Key) -> None:
        """Return once no own write of what stands at `key` is under way."""
        if (over := self._writes.get(key)) is not None:
            await over.wait()

    def remember(self, setup: ReleaseSetup) -> None:
        """Take what an own write returned, so that the next pass starts from it; concerns nobody."""
        known = self._setups.get(setup.key)
        if (
            known is not None
            and known.uid == setup.uid
            and not self.has_seen(setup.key, setup.resource_version)
        ):
            self._set(setup)

    def drop(self, setup: ReleaseSetup) -> frozenset[Key]:
        """Forget a resource that is gone; its rivals may take over, and one in its place stays known.

        One that went although our finalizer stood is `unreleased`: the API server deletes an object at once
        whose first finalizer came after the deletion had begun (kubernetes/kubernetes#77988).
        """
        known = self._setups.get(setup.key)
        if known is None or known.uid != setup.uid:
            return frozenset()
        affected = self._unlink(setup.key, known)
        del self._setups[setup.key]
        if FINALIZER in setup.finalizers and not setup.deleting:
            self._unreleased[setup.uid] = setup
        return frozenset(affected | {setup.key} if self.unreleased(setup.key) else affected - {setup.key})

    def unreleased(self, key: Key) -> tuple[ReleaseSetup, ...]:
        """Return what was at `key` and went before its rows could."""
        return tuple(gone for gone in self._unreleased.values() if gone.key == key)

    def is_unreleased(self, uid: str) -> bool:
        """Tell whether this resource went before its rows could."""
        return uid in self._unreleased

    def released(self, setup: ReleaseSetup) -> None:
        """Know that the rows of a resource that is gone went too."""
        self._unreleased.pop(setup.uid, None)

    def concerned_by_secret(self, namespace: str, name: str) -> frozenset[Key]:
        """Return the resources that refer to a Secret."""
        return frozenset(self._by_secret.of((namespace, name)))

    def bind(self, namespace: str, tenant: str | None) -> frozenset[Key]:
        """Take a namespace's tenant; a change concerns the resources in it."""
        if self._namespaces.get(namespace, ...) == tenant:
            return frozenset()
        self._namespaces[namespace] = tenant
        return frozenset(self._by_namespace.of(namespace))

    def unbind(self, namespace: str) -> None:
        """Forget a namespace that is gone."""
        self._namespaces.pop(namespace, None)

    def namespaces_listed(self, names: frozenset[str]) -> None:
        """Forget each namespace that is not among all those that there are."""
        for gone in self._namespaces.keys() - names:
            self.unbind(gone)

    def knows_namespace(self, namespace: str) -> bool:
        """Tell whether a watch has shown this namespace."""
        return namespace in self._namespaces

    def tenant_of(self, namespace: str) -> str | None:
        """Return the tenant that a known namespace is bound to."""
        return self._namespaces[namespace]

    def _set(self, setup: ReleaseSetup) -> frozenset[Key]:
        """Have `setup` stand; return who declared its tenant before or does now."""
        known, kept = self._setups.get(setup.key), _Kept.fold(setup)
        self._setups[setup.key] = kept
        if known is not None and (known.tenant, known.secrets) == (kept.tenant, kept.secrets):
            return frozenset(self._by_tenant.of(kept.tenant)) if kept.tenant is not None else frozenset()
        affected = self._unlink(setup.key, known) if known is not None else set[Key]()
        return frozenset(affected | self._link(setup.key, kept))

    def _link(self, key: Key, kept: _Kept) -> set[Key]:
        self._by_namespace.add(key.namespace, key)
        for name in kept.secrets:
            self._by_secret.add((key.namespace, name), key)
        if kept.tenant is None:
            return set()
        self._by_tenant.add(kept.tenant, key)
        return set(self._by_tenant.of(kept.tenant))

    def _unlink(self, key: Key, kept: _Kept) -> set[Key]:
        self._by_namespace.remove(key.namespace, key)
        for name in kept.secrets:
            self._by_secret.remove((key.namespace, name), key)
        if kept.tenant is None:
            return set()
        rivals = set(self._by_tenant.of(kept.tenant))
        self._by_tenant.remove(kept.tenant, key)
        return rivals


def secret_names(setup: ReleaseSetup) -> frozenset[SecretName]:
    """Return the Secrets that a resource refers to."""
    if isinstance(setup.spec, InvalidSpec):
        return frozenset()
    return frozenset(
        (setup.key.namespace, declared.secret_ref.name)
        for declared in declarations(setup.spec)
        if isinstance(declared, Declaration)
    )


def _is_later(new: str, old: str) -> bool:
    """Compare resource versions, which the API server counts upwards."""
    return int(new) > int(old) if new.isdigit() and old.isdigit() else new != old
