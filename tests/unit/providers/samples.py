"""One good declaration of each type with its Secret and the row that it makes; every secret holds CANARY."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretBytes

from delivr_operator.outcome import IntegrationType
from delivr_operator.providers.declaration import (
    Credential,
    Declaration,
    InvalidMember,
    declarations,
    read_credential,
)
from delivr_operator.resource import Spec
from tests.signing_files import BUNDLE, TEAM, android, ios

CANARY = "canary7Zq"
SECRET = "<sealed>"
"""Stands for a closed value in an expected row."""


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def elliptic_key() -> str:
    return pem(ec.generate_private_key(ec.SECP256R1()))


@cache
def rsa_key() -> str:
    return pem(rsa.generate_private_key(65537, 2048))


def key_file(**changes: Any) -> str:
    whole = {
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "0a1b2c",
        "private_key": rsa_key(),
        "client_email": "publisher@acme.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return json.dumps({name: value for name, value in (whole | changes).items() if value is not None})


@dataclass(frozen=True)
class Sample:
    member: str
    written: Mapping[str, Any]
    secret: Mapping[str, str]
    row: Mapping[str, Any]


WORKFLOW = {
    "name": "iOS build",
    "workflowPath": ".github/workflows/ios-build.yml",
    "platform": "IOS",
    "target": "APP_STORE",
}
PIPELINE = {
    "name": "production-build",
    "jobPath": "folder/job",
    "platform": "ANDROID",
    "target": "PLAY_STORE",
}


TEAMS = {
    "tenantId": "8f5ba0d4-6d5e-4b3f-9a53-3f5b6c1d2e70",
    "clientId": "0c2a7c59-51d4-4f6a-8a5d-97f1f0a4b6c3",
    "teamId": "e2f8a1b0-7c4d-4a39-b6a5-1d0c9e8f7a61",
    "channels": ["Releases"],
}
FIREBASE = {
    "projectId": "acme-mobile",
    "iosAppId": "1:1234567890:ios:0a1b2c3d4e5f6789",
    "androidAppId": "1:1234567890:android:0a1b2c3d4e5f6789",
}
TEST_RAIL = {"url": "https://tests.acme.example/testrail", "projectId": 7, "suiteId": 12}
LINEAR = {"teamId": "MOB", "projectId": "9cfb482a-81e3-4154-b5b9-2c805e70a02d"}
JIRA = {"url": "https://acme.atlassian.net", "projectKey": "MOB"}
CODE_SIGNING: Mapping[str, Mapping[str, str]] = {
    "ios": {"teamId": TEAM, "bundleId": BUNDLE},
    "android": {"keyAlias": "upload"},
}
SIGNING_KEYS = {
    "ios": ("certificateP12", "certificatePassword", "provisioningProfile"),
    "android": ("keystoreFile", "keystorePassword", "keyPassword"),
}


@cache
def samples() -> Mapping[IntegrationType, Sample]:
    repository = {"organization": "acme", "repoName": "mobile-app"}
    return {
        IntegrationType.GITHUB: Sample(
            "github",
            {**repository, "secretRef": {"name": "github"}},
            {"accessToken": f"ghp_{CANARY}"},
            {"accessToken": SECRET, **repository},
        ),
        IntegrationType.GITLAB: Sample(
            "gitlab",
            {
                "projectId": "acme/mobile/app",
                "apiUrl": "https://gitlab.acme.example/git/api/v4",
                "secretRef": {"name": "gitlab"},
            },
            {"token": f"glpat-{CANARY}"},
            {
                "projectId": "acme/mobile/app",
                "apiUrl": "https://gitlab.acme.example/git/api/v4",
                "token": SECRET,
            },
        ),
        IntegrationType.BITBUCKET: Sample(
            "bitbucket",
            {"workspace": "acme", "repoSlug": "mobile-app", "secretRef": {"name": "bitbucket"}},
            {"email": "bot@acme.example", "token": f"ATATT{CANARY}"},
            {
                "workspace": "acme",
                "repoSlug": "mobile-app",
                "email": "bot@acme.example",
                "token": SECRET,
            },
        ),
        IntegrationType.APP_STORE_CONNECT: Sample(
            "appStoreConnect",
            {"bundleId": "com.acme.app", "secretRef": {"name": "apple"}},
            {"apiKeyId": f"KEY{CANARY}", "issuerId": f"issuer-{CANARY}", "privateKey": elliptic_key()},
            {"apiKeyId": SECRET, "issuerId": SECRET, "privateKey": SECRET, "bundleId": "com.acme.app"},
        ),
        IntegrationType.PLAY_STORE: Sample(
            "playStore",
            {"packageName": "com.acme.app", "secretRef": {"name": "google"}},
            {"serviceAccountEmail": "publisher@acme.iam.gserviceaccount.com", "privateKey": rsa_key()},
            {
                "serviceAccountEmail": "publisher@acme.iam.gserviceaccount.com",
                "privateKey": SECRET,
                "packageName": "com.acme.app",
            },
        ),
        IntegrationType.CODE_SIGNING: Sample(
            "codeSigning",
            {**CODE_SIGNING, "secretRef": {"name": "code-signing"}},
            ios(password=CANARY) | android(store=f"store-{CANARY}", key=f"key-{CANARY}"),
            {
                part: {**fields, **dict.fromkeys(SIGNING_KEYS[part], SECRET)}
                for part, fields in CODE_SIGNING.items()
            },
        ),
        IntegrationType.JENKINS: Sample(
            "jenkins",
            {
                "url": "https://jenkins.acme.example/ci",
                "pipelines": [PIPELINE],
                "secretRef": {"name": "jenkins"},
            },
            {"username": "admin", "apiToken": f"11{CANARY}"},
            {
                "url": "https://jenkins.acme.example/ci",
                "username": "admin",
                "apiToken": SECRET,
                "pipelines": [PIPELINE],
            },
        ),
        IntegrationType.GITHUB_ACTIONS: Sample(
            "githubActions",
            {"workflows": [WORKFLOW], **repository, "secretRef": {"name": "own"}},
            {"accessToken": f"ghp_{CANARY}"},
            {"workflows": [WORKFLOW], "accessToken": SECRET, **repository},
        ),
        IntegrationType.SLACK: Sample(
            "slack",
            {
                "channels": ["releases"],
                "notifyOnEvents": ["release_started", "build_completed"],
                "secretRef": {"name": "slack"},
            },
            {"botToken": f"xoxb-{CANARY}"},
            {
                "botToken": SECRET,
                "channels": ["releases"],
                "notifyOnEvents": ["release_started", "build_completed"],
            },
        ),
        IntegrationType.TEAMS: Sample(
            "teams",
            {**TEAMS, "secretRef": {"name": "teams"}},
            {"clientSecret": f"8Q~{CANARY}"},
            {**TEAMS, "clientSecret": SECRET},
        ),
        IntegrationType.FIREBASE: Sample(
            "firebase",
            {**FIREBASE, "secretRef": {"name": "firebase"}},
            {"serviceAccountKey": key_file()},
            {**FIREBASE, "serviceAccountKey": SECRET},
        ),
        IntegrationType.JIRA: Sample(
            "jira",
            {**JIRA, "secretRef": {"name": "jira"}},
            {"email": "bot@acme.example", "apiToken": f"ATATT{CANARY}"},
            {**JIRA, "email": "bot@acme.example", "apiToken": SECRET},
        ),
        IntegrationType.LINEAR: Sample(
            "linear",
            {**LINEAR, "secretRef": {"name": "linear"}},
            {"apiKey": f"lin_api_{CANARY}"},
            {**LINEAR, "apiKey": SECRET},
        ),
        IntegrationType.TEST_RAIL: Sample(
            "testRail",
            {**TEST_RAIL, "secretRef": {"name": "test-rail"}},
            {"username": "bot@acme.example", "apiKey": f"key{CANARY}"},
            {**TEST_RAIL, "username": "bot@acme.example", "apiKey": SECRET},
        ),
    }


def spec(**members: Any) -> Spec:
    return Spec.model_validate({"tenantId": "Kp3xQ7_m-Z", "owner": "owner@example.test", **members})


def declared(**members: Any) -> Declaration:
    """Return the last declaration of a spec with these members."""
    found = declarations(spec(**members))[-1]
    assert isinstance(found, Declaration), found
    return found


def invalid(**members: Any) -> InvalidMember:
    found = declarations(spec(**members))[-1]
    assert isinstance(found, InvalidMember), found
    return found


def data(values: Mapping[str, str | bytes]) -> dict[str, SecretBytes]:
    return {k: SecretBytes(v.encode() if isinstance(v, str) else v) for k, v in values.items()}


@cache
def credential(kind: IntegrationType) -> Credential:
    sample = samples()[kind]
    found = read_credential(declared(**{sample.member: dict(sample.written)}), data(sample.secret))
    assert isinstance(found, Credential), found
    return found


def _is_base64(value: str) -> bool:
    return len(value) > 600 and value.replace("+", "").replace("/", "").rstrip("=").isalnum()


def leaks(text: str, kind: IntegrationType) -> bool:
    """Tell whether any secret of this type's sample, or CANARY, stands in `text`, plain or as base64."""
    wanted = [CANARY, base64.b64encode(CANARY.encode()).decode().rstrip("=")]
    keys = [value for value in samples()[kind].secret.values() if "PRIVATE KEY" in value]
    lines = [line for key in keys for line in key.replace("\\n", "\n").split("\n")[1:3]]
    files = [value[:60] for value in samples()[kind].secret.values() if _is_base64(value)]
    return any(one in text for one in [*wanted, *lines, *files])
