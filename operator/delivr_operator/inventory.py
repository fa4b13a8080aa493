"""What the watches have shown: the newest ReleaseSetups, and which of them a change elsewhere concerns."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TypeVar

from delivr_operator.providers.declaration import Declaration, declarations
from delivr_operator.resource import InvalidSpec, Key, ReleaseSetup

SecretName = tuple[str, str]
Name = TypeVar("Name")


class Inventory:
    """The informer's memory; every method that takes news returns the keys that it concerns.

    Nothing here is truth: it is filled again by the first list after a start.
    """

    def __init__(self) -> None:
        self._setups: dict[Key, ReleaseSetup] = {}
        self._tenants: dict[str, set[Key]] = defaultdict(set)
        self._secrets: dict[SecretName, set[Key]] = defaultdict(set)
        self._namespaces: dict[str, str | None] = {}

    def __iter__(self) -> Iterator[Key]:
        """Go over all known keys."""
        return iter(tuple(self._setups))

    def get(self, key: Key) -> ReleaseSetup | None:
        """Return the newest that is known of one resource."""
        return self._setups.get(key)

    def has_seen(self, key: Key, version: str) -> bool:
        """Tell whether this version of what stands at `key`, or a later one, has been shown."""
        known = self._setups.get(key)
        return known is not None and not _is_later(version, known.resource_version)

    def rivals(self, setup: ReleaseSetup) -> tuple[ReleaseSetup, ...]:
        """Return the other living resources that declare the same tenant."""
        if isinstance(setup.spec, InvalidSpec):
            return ()
        keys = self._tenants.get(setup.spec.tenant_id, set()) - {setup.key}
        return tuple(rival for key in sorted(keys) if not (rival := self._setups[key]).deleting)

    def put(self, setup: ReleaseSetup) -> frozenset[Key]:
        """Take a resource as a watch showed it; an echo or something older concerns nobody.

        News of an object and of a later one in its place come on separate ways and may overtake each other.
        """
        known = self._setups.get(setup.key)
        if known is not None and not _is_newer(setup, known):
            return frozenset()
        affected = self._unlink(setup.key)
        self._setups[setup.key] = setup
        affected |= self._link(setup)
        return frozenset(affected | {setup.key})

    def remember(self, setup: ReleaseSetup) -> None:
        """Take what an own write returned, so that the next pass starts from it; concerns nobody."""
        known = self._setups.get(setup.key)
        if known is not None and known.uid == setup.uid and _is_newer(setup, known):
            self._unlink(setup.key)
            self._setups[setup.key] = setup
            self._link(setup)

    def drop(self, setup: ReleaseSetup) -> frozenset[Key]:
        """Forget a resource that is gone; its rivals may take over, and one in its place stays known."""
        known = self._setups.get(setup.key)
        if known is None or known.uid != setup.uid:
            return frozenset()
        affected = self._unlink(setup.key)
        del self._setups[setup.key]
        return frozenset(affected - {setup.key})

    def concerned_by_secret(self, namespace: str, name: str) -> frozenset[Key]:
        """Return the resources that refer to a Secret."""
        return frozenset(self._secrets.get((namespace, name), ()))

    def bind(self, namespace: str, tenant: str | None) -> frozenset[Key]:
        """Take a namespace's tenant; a change concerns the resources in it."""
        if self._namespaces.get(namespace, ...) == tenant:
            return frozenset()
        self._namespaces[namespace] = tenant
        return frozenset(key for key in self._setups if key.namespace == namespace)

    def unbind(self, namespace: str) -> None:
        """Forget a namespace that is gone."""
        self._namespaces.pop(namespace, None)

    def knows_namespace(self, namespace: str) -> bool:
        """Tell whether a watch has shown this namespace."""
        return namespace in self._namespaces

    def tenant_of(self, namespace: str) -> str | None:
        """Return the tenant that a known namespace is bound to."""
        return self._namespaces[namespace]

    def _link(self, setup: ReleaseSetup) -> set[Key]:
        if isinstance(setup.spec, InvalidSpec):
            return set()
        for name in secret_names(setup):
            self._secrets[name].add(setup.key)
        tenants = self._tenants[setup.spec.tenant_id]
        tenants.add(setup.key)
        return set(tenants)

    def _unlink(self, key: Key) -> set[Key]:
        setup = self._setups.get(key)
        if setup is None or isinstance(setup.spec, InvalidSpec):
            return set()
        for name in secret_names(setup):
            _remove(self._secrets, name, key)
        rivals = set(self._tenants.get(setup.spec.tenant_id, ()))
        _remove(self._tenants, setup.spec.tenant_id, key)
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


def _is_newer(setup: ReleaseSetup, known: ReleaseSetup) -> bool:
    return _is_later(setup.resource_version, known.resource_version)


def _is_later(new: str, old: str) -> bool:
    """Compare resource versions, which the API server counts upwards."""
    return int(new) > int(old) if new.isdigit() and old.isdigit() else new != old


def _remove(index: dict[Name, set[Key]], name: Name, key: Key) -> None:
    index[name].discard(key)
    if not index[name]:
        del index[name]
