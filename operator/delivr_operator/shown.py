"""PURE: one integration as the per-category tables are told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from delivr_operator.outcome import IntegrationType, VerificationStatus
from delivr_operator.rows import Config, DesiredIntegration

NOT_PROVED = "PENDING"
_STATUSES = {
    VerificationStatus.NOT_VERIFIED: NOT_PROVED,
    VerificationStatus.VALID: "VALID",
    VerificationStatus.INVALID: "INVALID",
    VerificationStatus.EXPIRED: "EXPIRED",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One integration, and the configs of the others."""

    row: DesiredIntegration
    config: Config = field(repr=False)
    configs: Mapping[IntegrationType, Config] = field(repr=False)

    def text(self, name: str, otherwise: str = "") -> str:
        """Return a member of the config that stands there in clear."""
        found = self.config.get(name)
        if isinstance(found, SecretStr):
            return found.get_secret_value()
        return otherwise if found is None else str(found)

    @property
    def verified(self) -> dict[str, Any]:
        """The columns that tell of the proof; an error of before is none any more once it holds."""
        healed = {"verificationError": None} if self.row.status is VerificationStatus.VALID else {}
        return {
            "verificationStatus": _STATUSES[self.row.status],
            "lastVerifiedAt": self.row.last_verified_at,
            **healed,
        }

    @property
    def verified_if_enabled(self) -> dict[str, Any]:
        """The same for a table that has no other switch."""
        return self.verified | ({} if self.row.enabled else {"verificationStatus": NOT_PROVED})

    @property
    def made_by(self) -> dict[str, Any]:
        """The column that tells whose row it is, once it is made."""
        return {"createdByAccountId": self.row.configured_by}

    @property
    def whole(self) -> bool:
        """Tell whether the credential is known."""
        return self.row.config is not None

    def build(self, name: str) -> list[Mapping[str, Any]]:
        """Return the workflows or pipelines."""
        found: Any = self.config.get(name)
        return [one for one in found or () if isinstance(one, Mapping)]

    def secrets(self, **columns: str) -> dict[str, Any]:
        """Return columns with the secrets of the config that they hold; none while these cannot be read."""
        return {column: self.config.get(name) for column, name in columns.items()} if self.whole else {}
