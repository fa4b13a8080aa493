"""What every simulated provider is: a name, its settings, its types of state, and one pure answer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from dev.simulator.exchange import Answer, Ask
from dev.simulator.state import Credential, Target, World

NO_TARGETS: Mapping[str, type[Target]] = MappingProxyType({})


class Provider(ABC):
    """One vendor's API: a new provider is a subclass in its own module and a line in `providers.py`."""

    name: ClassVar[str]
    """Its name in the admin API and in the record."""
    setting: ClassVar[str]
    """The setting of the operator that holds its URL."""
    path: ClassVar[str] = ""
    """What follows the origin in that URL."""
    credential_type: ClassVar[type[Credential] | None] = None
    target_types: ClassVar[Mapping[str, type[Target]]] = NO_TARGETS

    def __init__(self, world: World) -> None:
        self.world = world

    @abstractmethod
    def presented(self, ask: Ask) -> str | None:
        """Give the lookup of the credential that a request carries, known or not."""

    @abstractmethod
    def answer(self, ask: Ask, /) -> Answer:
        """Give the vendor's answer."""

    def is_write(self, ask: Ask) -> bool:
        """Tell whether the vendor would change something for this request."""
        return ask.method not in ("GET", "HEAD", "OPTIONS")

    def find(self, lookup: str | None) -> Credential | None:
        """Give the known credential of a lookup."""
        return None if lookup is None else self.world.credential(self.name, lookup)


def bearer(ask: Ask, *schemes: str) -> str | None:
    """Give what follows one of these schemes (Bearer unless named) in Authorization."""
    scheme, _, value = ask.header("authorization").partition(" ")
    return value.strip() or None if scheme.lower() in (schemes or ("bearer",)) else None
