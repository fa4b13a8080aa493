"""What the API server cannot refuse: each flaw reaches a status that says what to do, and stops nothing."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from tests.integration.tenancy import Tenancy, eventually
from tests.unit.providers.samples import elliptic_key, key_file, pem, rsa_key

CANARY = "c4naryZq"
TOKEN = f"ghp_{CANARY}".encode()
EC, RSA = elliptic_key().encode(), rsa_key().encode()
P384 = pem(ec.generate_private_key(ec.SECP384R1())).encode()
LOCKED = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(CANARY.encode())
)
EMAIL = f"{CANARY}@acme.iam.gserviceaccount.com".encode()
APPLE = {"apiKeyId": CANARY.encode(), "issuerId": CANARY.encode(), "privateKey": EC}
JENKINS = {"username": b"builder", "apiToken": TOKEN}

Data = Mapping[str, bytes] | None
LONG = 15
"""Shorter lines of a value are words such as a user name or JSON's braces."""
UNVERIFIED, INVALID = "NOT_VERIFIED", "INVALID"


@dataclass(frozen=True)
class Flaw:
    """One thing wrong with one integration.

    Attributes:
        name: what is wrong.
        member: which integration.
        data: what its Secret holds; None: there is no Secret.
        reason: of its entry.
        says: parts of the entry's message.
        changes: to the member; `{...}` in a text stands for what the tenancy calls so.
        issued: the Secret holds a good credential, and only the target is wrong.
        allows: the Secret's annotation names Jenkins' host.
    """

    name: str
    member: str
    data: Data
    reason: str
    says: tuple[str, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    issued: bool = False
    allows: str = ""

    @property
    def status(self) -> str:
        return UNVERIFIED if self.reason.startswith("Secret") else INVALID

    @property
    def writes_a_row(self) -> bool:
        """Only what could be asked about has a config to write; its row says INVALID."""
        return self.reason not in {"SecretNotFound", "SecretKeyMissing", "Misconfigured"}


def misconfigured(name: str, member: str, data: Data, *says: str) -> Flaw:
    return Flaw(name, member, data, "Misconfigured", says)


WORD = "must be one word of plain ASCII characters"
KEY_FILE = "must be the whole JSON key file of a service account"
FLAWS = (
    Flaw("no Secret", "github", None, "SecretNotFound", ("create it in this namespace", "{secret}")),
    Flaw("no Secret", "slack", None, "SecretNotFound", ("create it in this namespace", "{secret}")),
    Flaw("no key", "github", {}, "SecretKeyMissing", ("Secret {secret} lacks the key accessToken", "add it")),
    Flaw("another key", "slack", {"token": TOKEN}, "SecretKeyMissing", ("lacks the key botToken",)),
    Flaw(
        "a renaming to a key that is missing",
        *("github", {"accessToken": TOKEN}, "SecretKeyMissing", ("lacks the key other-token",)),
        changes={"secretRef": {"name": "{secret}", "keys": {"accessToken": "other-token"}}},
    ),
    Flaw(
        "one of three keys missing",
        *("appStoreConnect", {"apiKeyId": b"x", "privateKey": EC}, "SecretKeyMissing"),
        ("lacks the key issuerId",),
    ),
    misconfigured(
        "an empty value", "github", {"accessToken": b""}, "Key accessToken of Secret {secret}", "empty"
    ),
    misconfigured(
        "only a line break", "slack", {"botToken": b"\n"}, "Key botToken of Secret {secret}", "empty"
    ),
    misconfigured("no UTF-8", "github", {"accessToken": TOKEN + b"\xff\xfe"}, "accessToken", "no UTF-8 text"),
    misconfigured("a line break inside", "slack", {"botToken": TOKEN + b"\nx"}, "Key botToken", WORD),
    misconfigured("a space inside", "github", {"accessToken": TOKEN + b" x"}, "Key accessToken", WORD),
    misconfigured("no ASCII", "slack", {"botToken": TOKEN + "ü".encode()}, "Key botToken", WORD),
    misconfigured("a NUL", "github", {"accessToken": TOKEN + b"\0x"}, "Key accessToken", WORD),
    misconfigured(
        *("no PEM", "appStoreConnect", {**APPLE, "privateKey": TOKEN}),
        *("Key privateKey of Secret {secret}", "the whole .p8 file"),
    ),
    misconfigured(
        "EC for RSA", "playStore", {"serviceAccountEmail": EMAIL, "privateKey": EC}, "RSA private key"
    ),
    misconfigured("RSA for EC", "appStoreConnect", {**APPLE, "privateKey": RSA}, "P-256 private key"),
    misconfigured("no JSON", "playStore", {"serviceAccountKey": TOKEN}, "Key serviceAccountKey", KEY_FILE),
    misconfigured("another curve", "appStoreConnect", {**APPLE, "privateKey": P384}, "P-256 private key"),
    misconfigured(
        *("a user's key file", "playStore", {"serviceAccountKey": key_file(type="authorized_user").encode()}),
        *("Key serviceAccountKey of Secret {secret}", KEY_FILE),
    ),
    misconfigured("an encrypted key", "appStoreConnect", {**APPLE, "privateKey": LOCKED}, "unencrypted"),
    misconfigured(
        *("another token_uri", "playStore"),
        {"serviceAccountKey": key_file(token_uri=f"https://{CANARY}.test/token").encode()},
        *("Key serviceAccountKey", "names another token_uri than Google's"),
    ),
    misconfigured("half a PEM", "appStoreConnect", {**APPLE, "privateKey": EC[:60]}, "BEGIN and END lines"),
    misconfigured(
        *("fields that contradict the file", "playStore"),
        {"serviceAccountKey": key_file().encode(), "serviceAccountEmail": EMAIL},
        *("says otherwise than serviceAccountEmail", "keep only one of them"),
    ),
    misconfigured(
        "a user name with a colon",
        "jenkins",
        {**JENKINS, "username": b"a:b"},
        "Key username",
        "without colons",
    ),
    Flaw(
        "half of a service account",
        *("playStore", {"serviceAccountEmail": EMAIL}, "SecretKeyMissing"),
        ("lacks the key privateKey (or serviceAccountKey with all of it)",),
    ),
    Flaw(
        "an unnamed host", "jenkins", JENKINS, "HostNotAllowed", ("Write {host} into", "of Secret {secret}")
    ),
    misconfigured(
        *("no address", "playStore", {"serviceAccountEmail": TOKEN, "privateKey": RSA}),
        *("Key serviceAccountEmail", "must be an email address"),
    ),
    Flaw(
        "a name that stands for loopback",
        *("jenkins", JENKINS, "HostNotAllowed", ("no public address", "TRUSTED_HOSTS")),
        allows="{host}",
    ),
    Flaw(
        "a wrong token",
        "github",
        {"accessToken": TOKEN},
        "BadCredentials",
        ("put a valid one into the Secret",),
    ),
    Flaw(
        "the cloud's metadata",
        *("jenkins", JENKINS, "HostNotAllowed", ("no public address",)),
        changes={"url": "https://169.254.169.254/ci"},
        allows="169.254.169.254",
    ),
    Flaw(
        "no such repository",
        *("github", None, "TargetNotFound", ("Repository {organization}/gone is absent, or hidden",)),
        changes={"repoName": "gone"},
        issued=True,
    ),
    Flaw(
        "no such channel",
        *("slack", None, "TargetNotFound", ("gone", "mend the name in the spec or grant access")),
        changes={"channels": ["releases", "gone"]},
        issued=True,
    ),
    Flaw(
        "no such app at Apple",
        *("appStoreConnect", None, "TargetNotFound", ("App com.acme.gone is absent",)),
        changes={"bundleId": "com.acme.gone"},
        issued=True,
    ),
    Flaw(
        "no such app at Google",
        *("playStore", None, "TargetNotFound", ("App com.acme.gone is absent",)),
        changes={"packageName": "com.acme.gone"},
        issued=True,
    ),
)
TYPES = {
    "github": "GITHUB",
    "appStoreConnect": "APP_STORE_CONNECT",
    "playStore": "PLAY_STORE",
    "jenkins": "JENKINS",
    "slack": "SLACK",
}


def told(text: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@dataclass
class Bench:
    """One operator at work on one resource, whose only member has a flaw."""

    tenancy: Tenancy
    good: Mapping[str, Mapping[str, Any]]

    def names(self, secret: str) -> dict[str, str]:
        host = self.good["jenkins"]["url"].removeprefix("https://").partition("/")[0]
        return {"secret": secret, "host": host, "organization": self.tenancy.organization}

    def declare(self, flaw: Flaw, secret: str) -> None:
        tenancy, names = self.tenancy, self.names(secret)
        member = {**self.good[flaw.member], **({} if flaw.issued else {"secretRef": {"name": secret}})}
        changes = json.loads(told(json.dumps(dict(flaw.changes)), names))
        if flaw.data is not None:
            given = tenancy.secret(
                secret, {}, **{"release.delivr.live/allowed-hosts": told(flaw.allows, names)}
            )
            given["data"] = {key: base64.b64encode(value).decode() for key, value in flaw.data.items()}
            tenancy.apply(given)
        spec: dict[str, Any] = {flaw.member: {**member, **changes}}
        tenancy.apply(tenancy.setup(**spec))

    def expect(self, flaw: Flaw, secret: str) -> None:
        tenancy, kind = self.tenancy, TYPES[flaw.member]
        wanted = (flaw.status, flaw.reason)

        def entry() -> dict[str, Any] | None:
            found = tenancy.get()
            if found.get("status", {}).get("observedGeneration") != found["metadata"]["generation"]:
                return None
            entries = {one["type"]: one for one in found["status"]["integrations"]}
            one: dict[str, Any] = entries[kind]
            return one if (one["verificationStatus"], one["reason"]) == wanted else None

        message = eventually(entry, f"{flaw.member}, {flaw.name}: {wanted}", 20)["message"]
        for part in flaw.says:
            assert told(part, self.names(secret)) in message, flaw.name
        row = tenancy.integrations().get(kind, {})
        assert row.get("verificationStatus") == (INVALID if flaw.writes_a_row else None), flaw.name

    def keeps_secrets(self) -> None:
        """Nothing that people can read holds a value, of the broken ones and of the good ones."""
        tenancy = self.tenancy
        shown = tenancy.kubectl("get", "releasesetups,events", "--output=yaml") + tenancy.log()
        given = [value for flaw in FLAWS for value in (flaw.data or {}).values()]
        issued = [value.encode() for one in tenancy.issued.values() for value in one.secret.values()]
        lines = {line for value in (*given, *issued) for line in value.splitlines() if len(line) > LONG}
        for line in lines:
            assert line.decode(errors="replace") not in shown
            assert base64.b64encode(line).decode() not in shown
        assert CANARY not in shown


@pytest.mark.timeout(500)
def test_every_flaw_is_said_stops_nothing_and_can_be_mended(tenancy: Tenancy) -> None:
    tenancy.extra |= {"RECHECK_INTERVAL": "1s", "TRUSTED_HOSTS": ""}
    complete = tenancy.complete()
    bench = Bench(tenancy, {**complete["spec"], "jenkins": tenancy.jenkins()})
    assert all(one.member != two.member for one, two in pairwise(FLAWS))
    with tenancy.operator():
        for number, flaw in enumerate(FLAWS):
            kind, secret = TYPES[flaw.member], f"case-{number}"
            assert kind not in tenancy.integrations(), "the flaw before this one was of another type"
            bench.declare(flaw, secret)
            bench.expect(flaw, secret)
            bench.keeps_secrets()
        missing = {
            **complete["spec"]["githubActions"]["workflows"][0],
            "workflowPath": ".github/workflows/gone.yml",
        }
        tenancy.apply(tenancy.complete(githubActions={"workflows": [missing]}))
        tenancy.await_ready("False", "TargetNotFound")
        assert "Workflow .github/workflows/gone.yml is absent" in tenancy.entry("GITHUB_ACTIONS")["message"]
        assert tenancy.integrations()["GITHUB_ACTIONS"]["verificationStatus"] == INVALID
        tenancy.apply({**complete, "spec": {**complete["spec"], "owner": "nobody@example.test"}})
        tenancy.await_ready("False", "OwnerNotFound")
        tenancy.apply(complete)
        tenancy.await_ready("True")
        assert {row["verificationStatus"] for row in tenancy.integrations().values()} == {"VALID"}
        bench.keeps_secrets()
    assert '"exception"' not in tenancy.log()
