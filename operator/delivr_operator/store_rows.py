"""PURE: how stores read in `store_integrations` and `store_credentials`; Firebase is one of them there."""

import json
from collections.abc import Iterator, Mapping

from pydantic import SecretStr

from delivr_operator.outcome import IntegrationType, VerificationStatus
from delivr_operator.projection import Category, Projected, SealedWhole
from delivr_operator.shown import Shown

GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - where tokens are, not one
STORE_OFF = "REVOKED"
APPLE, GOOGLE = "APPLE_API_KEY", "GOOGLE_SERVICE_ACCOUNT"
_STATUSES = {
    VerificationStatus.NOT_VERIFIED: "PENDING",
    VerificationStatus.VALID: "VERIFIED",
    VerificationStatus.INVALID: STORE_OFF,
    VerificationStatus.EXPIRED: STORE_OFF,
}
_APPS = {"IOS": "iosAppId", "ANDROID": "androidAppId"}
FIREBASE_SLOTS = tuple(f"{IntegrationType.FIREBASE}/{platform}" for platform in _APPS)
Key = Mapping[str, str | SecretStr]


def show_app_store(shown: Shown) -> Iterator[Projected]:
    """Yield the app's row and its key's."""
    names = {"issuerId": "issuerId", "keyId": "apiKeyId", "privateKeyPem": "privateKey"}
    key = {name: SecretStr(shown.text(source)) for name, source in names.items()}
    app = {"storeType": "APP_STORE", "platform": "IOS", "appIdentifier": shown.text("bundleId")}
    yield _store(shown, shown.row.type, app)
    yield _credential(shown, shown.row.type, APPLE, key)


def show_play_store(shown: Shown) -> Iterator[Projected]:
    """Yield the app's row and its service account's."""
    names = {"client_email": "serviceAccountEmail", "private_key": "privateKey"}
    key: dict[str, str | SecretStr] = {"type": "service_account", "token_uri": GOOGLE_TOKEN_URL}
    key |= {name: SecretStr(shown.text(source)) for name, source in names.items()}
    app = {"storeType": "PLAY_STORE", "platform": "ANDROID", "appIdentifier": shown.text("packageName")}
    yield _store(shown, shown.row.type, app)
    yield _credential(shown, shown.row.type, GOOGLE, key)


def show_firebase(shown: Shown) -> Iterator[Projected]:
    """Yield both rows for each of its apps."""
    key = _members(shown.text("serviceAccountKey")) if shown.whole else {}
    for (platform, member), slot in zip(_APPS.items(), FIREBASE_SLOTS, strict=True):
        if app := shown.text(member):
            yield _store(shown, slot, {"storeType": "FIREBASE", "platform": platform, "appIdentifier": app})
            yield _credential(shown, slot, GOOGLE, key)


def _members(text: str) -> Key:
    """Return the members of a service account's key, which its proof has read as JSON already."""
    found = json.loads(text)
    return {name: SecretStr(value) for name, value in found.items() if isinstance(value, str)}


def _store(shown: Shown, slot: str, app: Mapping[str, str]) -> Projected:
    return Projected(
        table=Category.STORE,
        type=shown.row.type,
        slot=slot,
        identities=(app,),
        columns={
            **app,
            "status": _STATUSES[shown.row.status] if shown.row.enabled else STORE_OFF,
            "lastVerifiedAt": shown.row.last_verified_at,
        },
        initial={"displayName": app["appIdentifier"], **shown.made_by},
        whole=shown.whole,
    )


def _credential(shown: Shown, slot: str, kind: str, key: Key) -> Projected:
    return Projected(
        table=Category.CREDENTIAL,
        type=shown.row.type,
        slot=slot,
        identities=({"credentialType": kind},),
        columns={"credentialType": kind, "encryptionScheme": "AES-256-GCM"},
        credentials={"encryptedPayload": SealedWhole(key)} if shown.whole else {},
        parent=slot,
        whole=shown.whole,
    )
