"""Reads Apple's provisioning profiles: a property list that is wrapped in a signature (CMS)."""

import plistlib
from datetime import UTC, datetime
from typing import Annotated
from xml.parsers.expat import ExpatError

from pydantic import Field, ValidationError

from delivr_operator.providers.exchange import Body
from delivr_operator.providers.signing_files.ber import EXPLICIT_0, IDENTIFIER, SEQUENCE, parse
from delivr_operator.providers.signing_files.unusable import Malformed

_SIGNED = "1.2.840.113549.1.7.2"
_UNREADABLE = (
    ExpatError,
    ValueError,  # plistlib's own errors are of this kind
    TypeError,
    AttributeError,
    LookupError,
    OverflowError,
)
"""The ways in which plistlib tells that a list is none."""


class _Entitlements(Body):
    app: Annotated[str, Field(alias="application-identifier")] = ""
    mac_app: Annotated[str, Field(alias="com.apple.application-identifier")] = ""


class Profile(Body):
    """The part of a profile that is looked at."""

    certificates: Annotated[list[bytes], Field(alias="DeveloperCertificates", repr=False)]
    teams: Annotated[list[str], Field(alias="TeamIdentifier")]
    ends: Annotated[datetime, Field(alias="ExpirationDate")]
    entitlements: Annotated[_Entitlements, Field(alias="Entitlements")] = _Entitlements()

    @property
    def ends_at(self) -> datetime:
        """When the profile ends; property lists write UTC without saying so."""
        return self.ends.replace(tzinfo=UTC)

    def is_for(self, bundle_id: str) -> bool:
        """Tell whether apps with this bundle id may be built with the profile."""
        named = self.entitlements.app or self.entitlements.mac_app
        _, _, allowed = named.partition(".")
        if allowed.endswith("*"):
            return bundle_id.startswith(allowed[:-1])
        return allowed == bundle_id


def read(data: bytes) -> Profile:
    """Return what a provisioning profile says; who signed it is not looked at.

    Raises:
        Malformed: it is none.
    """
    file = parse(data)
    if file.at(0, IDENTIFIER).identifier != _SIGNED:
        raise Malformed
    signed = file.at(1, EXPLICIT_0).at(0, SEQUENCE)
    held = signed.at(2, SEQUENCE).at(1, EXPLICIT_0)
    try:
        written = plistlib.loads(held.octets_at(0), fmt=plistlib.FMT_XML)
        return Profile.model_validate(written)
    except (*_UNREADABLE, ValidationError):
        raise Malformed from None
