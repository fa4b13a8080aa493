"""`rotate-key`: the keys it is given, and the report on what became of the rows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from delivr_operator.database.connection import Wire, open_engine
from delivr_operator.database.rotation import Resealer, RotatedRow
from delivr_operator.outcome import IntegrationType
from delivr_operator.providers import PROVIDERS
from delivr_operator.resealing import Rotation, Turn
from delivr_operator.sealing import Envelope, Sealer
from delivr_operator.setting_values import is_passphrase, is_sealing_key
from delivr_operator.settings import SettingsError

_SEALED = {provider.type: provider.sealed for provider in PROVIDERS}


def rotation(
    environment: Mapping[str, str],
    old: Sequence[str],
    new: str,
    envelope: Envelope,
    *,
    seal_clear: bool,
) -> Rotation:
    """Return the change of keys that the variables' names describe.

    Raises:
        SettingsError: a variable is not set, or holds nothing that can be such a key.
    """
    values = {name: SecretStr(environment.get(name, "")) for name in (*old, new)}
    missing = [f"{name} must be set" for name, value in values.items() if not value.get_secret_value()]
    if missing:
        raise SettingsError("\n".join(missing))
    target = values[new]
    if not (is_sealing_key(target) if envelope is Envelope.HEX else is_passphrase(target)):
        wanted = "64 hexadecimal digits" if envelope is Envelope.HEX else "at least 32 characters"
        raise SettingsError(f"{new}: must be {wanted} for the envelope {envelope}")
    former = tuple(_opener(name, values[name]) for name in old)
    return Rotation(_sealer(target, envelope), former, seal_clear)


def _sealer(key: SecretStr, envelope: Envelope) -> Sealer:
    """Return one that opens the other envelope too where this key could be of that kind."""
    hex_key = key if is_sealing_key(key) else None
    return Sealer(hex_key, key if is_passphrase(key) else None, envelope)


def _opener(name: str, key: SecretStr) -> Sealer:
    if not is_passphrase(key):
        raise SettingsError(
            f"{name}: must be 64 hexadecimal digits or a passphrase of at least 32 characters"
        )
    return _sealer(key, Envelope.HEX if is_sealing_key(key) else Envelope.PBKDF2)


def resealer(url: SecretStr, change: Rotation) -> Resealer:
    """Return what turns the rows of one database."""
    return Resealer(Wire(open_engine(url, pool_size=1)), change, _sealed_fields)


def _sealed_fields(kind: str) -> frozenset[str]:
    known = kind in set(IntegrationType)
    return _SEALED.get(IntegrationType(kind), frozenset()) if known else frozenset()


@dataclass(frozen=True, slots=True)
class RotationReport:
    """What became of all rows."""

    rows: tuple[RotatedRow, ...]

    @property
    def settled(self) -> bool:
        """Tell whether every credential is sealed with the new key, so that the old one may go."""
        return not any(row.result.turn is Turn.UNOPENABLE or row.result.in_clear for row in self.rows)

    def lines(self) -> Iterator[str]:
        """Yield the report: a count for each turn, then a line for each row that a person has to mend."""
        counts = Counter(row.result.turn for row in self.rows)
        for turn in Turn:
            yield f"rows {turn.value}: {counts[turn]}"
        for row in self.rows:
            place = f"tenant {row.tenant_id} {row.type}"
            if row.result.why is not None:
                yield f"{place}: {row.result.why.value}"
            if row.result.in_clear:
                yield f"{place}: not sealed: {', '.join(row.result.in_clear)} (--seal-clear seals it)"
