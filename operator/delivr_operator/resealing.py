"""PURE: what becomes of one row's config when the key or the envelope of its credentials is changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from pydantic import SecretStr

from delivr_operator.rows import Clear
from delivr_operator.sealing import CannotOpen, Sealer, Unopenable, envelope_of


class Turn(Enum):
    """What becomes of a row; the value is for people."""

    MOVED = "re-sealed"
    STANDS = "already sealed so"
    BARE = "without anything to seal"
    UNOPENABLE = "cannot be opened, left as they are"


@dataclass(frozen=True, slots=True)
class Resealed:
    """One row's config after its turn; `config` only where it is to be written."""

    turn: Turn
    config: Clear = field(default=None, repr=False)
    in_clear: tuple[str, ...] = ()
    """Credentials that stand there unsealed, by their names."""
    why: Unopenable | None = None


class _Fate(Enum):
    MOVES = 1
    STANDS = 2
    IN_CLEAR = 3


@dataclass(frozen=True, slots=True)
class Rotation:
    """Opens with any of the keys, seals with the new one; what no key opens is never written over."""

    new: Sealer
    old: tuple[Sealer, ...]
    seal_clear: bool = False
    """Whether credentials that stand there in clear are sealed too, or only told of."""

    def reseal(self, config: Clear, sealed: frozenset[str]) -> Resealed:
        """Return what becomes of a row's config.

        Args:
            config: as stored.
            sealed: names of the fields that hold credentials. What has the shape of an envelope is taken
                for sealed under any name.
        """
        if not isinstance(config, dict):
            return Resealed(Turn.BARE)
        fates: dict[Path, _Fate] = {}
        try:
            for path, text in _leaves(config):
                if (fate := self._fate(path, text, sealed)) is not None:
                    fates[path] = fate
        except CannotOpen as error:
            return Resealed(Turn.UNOPENABLE, why=error.reason)
        clear = {path for path, fate in fates.items() if fate is _Fate.IN_CLEAR}
        moves = {path for path, fate in fates.items() if fate is _Fate.MOVES}
        moves |= clear if self.seal_clear else set()
        left = () if self.seal_clear else tuple(sorted(".".join(path) for path in clear))
        if moves:
            return Resealed(Turn.MOVED, self._moved(config, moves), left)
        return Resealed(Turn.STANDS if fates.keys() - clear else Turn.BARE, None, left)

    def _fate(self, path: "Path", text: str, sealed: frozenset[str]) -> _Fate | None:
        envelope = envelope_of(text)
        if envelope is None:
            secret = not sealed.isdisjoint({path[-1], ".".join(path)})
            return _Fate.IN_CLEAR if secret and text else None
        try:
            self.new.open(text)
        except CannotOpen:
            self._open_formerly(text)
            return _Fate.MOVES
        return _Fate.STANDS if envelope is self.new.envelope else _Fate.MOVES

    def _open(self, text: str) -> SecretStr:
        if envelope_of(text) is None:
            return SecretStr(text)
        try:
            return self.new.open(text)
        except CannotOpen:
            return self._open_formerly(text)

    def _open_formerly(self, text: str) -> SecretStr:
        reason = Unopenable.NO_KEY
        for sealer in self.old:
            try:
                return sealer.open(text)
            except CannotOpen as error:
                reason = reason if error.reason is Unopenable.NO_KEY else error.reason
        raise CannotOpen(reason)

    def _moved(self, value: Clear, moves: "set[Path]", path: "Path" = ()) -> Clear:
        if isinstance(value, dict):
            return {name: self._moved(one, moves, (*path, name)) for name, one in value.items()}
        if isinstance(value, list):
            return [self._moved(one, moves, (*path, str(n))) for n, one in enumerate(value)]
        if path in moves and isinstance(value, str):
            return self.new.seal(self._open(value))
        return value


Path: TypeAlias = tuple[str, ...]
"""Where a text stands in a config: the names and numbers that lead to it."""


def _leaves(value: Clear, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(one, (*path, name))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _leaves(one, (*path, str(number)))
