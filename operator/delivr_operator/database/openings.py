"""What sealed texts were seen to hold, so that an envelope that is dear to open is opened once."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from pydantic import SecretStr

from delivr_operator.sealing import CannotOpen, Sealer

LARGEST = 20_000
"""Entries of 100 bytes; beyond that everything is forgotten, which only costs time."""


@dataclass(frozen=True)
class Openings:
    """Seals, and compares sealed texts with what they should hold.

    Keeps no secret: of a text that was opened, only a keyed digest of what was in it, under a key that lives
    as long as the process.
    """

    sealer: Sealer
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _seen: dict[bytes, bytes] = field(default_factory=dict, repr=False)

    def say(self, text: str, wanted: SecretStr) -> bool:
        """Tell whether `text` seals what is wanted; what does not open says something else."""
        name = hashlib.sha256(text.encode()).digest()
        if (found := self._seen.get(name)) is None:
            try:
                found = self._digest(self.sealer.open(text))
            except CannotOpen:
                return False
            self._remember(name, found)
        return hmac.compare_digest(found, self._digest(wanted))

    def sealed(self, secret: SecretStr) -> str:
        """Return the secret sealed."""
        text = self.sealer.seal(secret)
        self._remember(hashlib.sha256(text.encode()).digest(), self._digest(secret))
        return text

    def _remember(self, name: bytes, digest: bytes) -> None:
        if len(self._seen) >= LARGEST:
            self._seen.clear()
        self._seen[name] = digest

    def _digest(self, secret: SecretStr) -> bytes:
        return hmac.new(self._key, secret.get_secret_value().encode(), hashlib.sha256).digest()
