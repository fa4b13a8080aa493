"""Code signing on real servers: binary Secrets become VALID and sealed rows, end on time, and are mended."""

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dev.node import node_command
from tests.integration.tenancy import Tenancy, eventually
from tests.signing_files import BUNDLE, TEAM, android, as_text, endless, identity, ios

Json = Any
FILES = ("certificateP12", "provisioningProfile", "keystoreFile")
CONFIG = {"ios": {"teamId": TEAM, "bundleId": BUNDLE}, "android": {"keyAlias": "upload"}}
OPENED = """
const crypto = require('crypto'), given = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const open = text => {
  const [iv, tag, sealed] = text.split(':').map(part => Buffer.from(part, 'hex'));
  const cipher = crypto.createDecipheriv('aes-256-gcm', Buffer.from(given.key, 'hex'), iv);
  cipher.setAuthTag(tag);
  return Buffer.concat([cipher.update(sealed), cipher.final()]).toString('utf8');
};
const sealed = new Set(given.sealed), read = value => Object.fromEntries(Object.entries(value).map(
  ([name, one]) => [name, typeof one === 'object' ? read(one) : sealed.has(name) ? open(one) : one]));
process.stdout.write(JSON.stringify(read(given.config)));
"""


def binary(tenancy: Tenancy, values: Mapping[str, str]) -> dict[str, Json]:
    """A Secret with the files as they are, as kubectl makes it from files."""
    given = tenancy.secret("code-signing", values)
    given["data"] |= {name: values[name] for name in FILES if name in values}  # base64 of the file itself
    return given


def member() -> dict[str, Json]:
    return {**CONFIG, "secretRef": {"name": "code-signing"}}


def row_status(tenancy: Tenancy) -> str:
    return str(tenancy.integrations()["CODE_SIGNING"]["verificationStatus"])


def opened_by_node(tenancy: Tenancy, config: Json, sealed: list[str]) -> Json:
    """What Delivr's own code reads in a row."""
    key = tenancy.environment["INTEGRATION_ENCRYPTION_KEY"]
    answer = subprocess.run(
        [node_command(), "-e", OPENED],
        input=json.dumps({"key": key, "sealed": sealed, "config": config}),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return json.loads(answer.stdout)


def test_a_binary_secret_becomes_valid_and_a_row_that_node_reads(on_either: Tenancy) -> None:
    tenancy, secret = on_either, ios() | android()
    tenancy.apply(tenancy.complete(codeSigning=member()), binary(tenancy, secret))
    with tenancy.operator():
        found = tenancy.await_ready("True")
        entry = tenancy.entry("CODE_SIGNING")
        assert (entry["verificationStatus"], entry["reason"]) == ("VALID", "Verified")
        assert (entry["caveats"], entry["expiresAt"]) == (["IssuerUnproven"], "2040-01-01T00:00:00Z")
        assert "expiresWithinDays" not in entry
        row = tenancy.integrations()["CODE_SIGNING"]
        assert (row["verificationStatus"], row["isEnabled"], row["isRequired"]) == ("VALID", 1, 0)
        config = json.loads(row["config"])
        clear = {"teamId": TEAM, "bundleId": BUNDLE, "keyAlias": "upload"}
        shapes = {part: sorted(fields) for part, fields in config.items()}
        assert shapes == {
            "ios": ["bundleId", "certificateP12", "certificatePassword", "provisioningProfile", "teamId"],
            "android": ["keyAlias", "keyPassword", "keystoreFile", "keystorePassword"],
        }
        assert opened_by_node(tenancy, config, list(secret)) == {
            "ios": {name: (secret | clear)[name] for name in shapes["ios"]},
            "android": {name: (secret | clear)[name] for name in shapes["android"]},
        }
        shown = row["config"] + json.dumps(found) + tenancy.log()
        assert not [name for name, value in secret.items() if value in shown]

        # The same files as text are the same credential, so that the row is not written anew.
        tenancy.apply(tenancy.secret("code-signing", secret))
        was = entry["secretVersion"]
        eventually(lambda: tenancy.entry("CODE_SIGNING")["secretVersion"] != was, "looked at")
        assert tenancy.entry("CODE_SIGNING")["fingerprint"] == entry["fingerprint"]
        assert json.loads(tenancy.integrations()["CODE_SIGNING"]["config"]) == config  # each sealing differs


def test_a_wrong_password_is_invalid_at_once_and_a_right_one_recovers(tenancy: Tenancy) -> None:
    secret = ios() | android()
    tenancy.apply(tenancy.complete(codeSigning=member()), binary(tenancy, secret))
    with tenancy.operator():
        tenancy.await_ready("True")
        tenancy.apply(binary(tenancy, secret | {"keyPassword": "wrong"}))
        found = tenancy.await_ready("False", "BadCredentials")
        entry = tenancy.entry("CODE_SIGNING")
        assert entry["verificationStatus"] == "INVALID"
        assert "keyPassword does not open the key upload" in entry["message"]
        assert not {"refusedAt", "retryAt"} & entry.keys()
        assert found["status"]["setupComplete"] is True
        eventually(lambda: row_status(tenancy) == "INVALID", "the row")
        assert ("Warning", "BadCredentials") in tenancy.events()
        assert "RefusalUnconfirmed" not in tenancy.log()
        tenancy.apply(binary(tenancy, secret))
        tenancy.await_ready("True")


def test_an_end_that_comes_near_is_told_of_once(tenancy: Tenancy) -> None:
    days, notice = 13, 14
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    tenancy.apply(tenancy.complete(codeSigning=member()), binary(tenancy, ios(ends=end) | android()))
    with tenancy.operator():
        status = tenancy.await_ready("True")["status"]
        entry = tenancy.entry("CODE_SIGNING")
        assert (entry["verificationStatus"], entry["expiresWithinDays"]) == ("VALID", notice)
        assert f"expires within {notice} days: renew it" in entry["message"]
        assert status["nextExpiryAt"] == entry["expiresAt"] == end.strftime("%Y-%m-%dT%H:%M:%SZ")
        eventually(lambda: ("Warning", "ExpiresSoon") in tenancy.events(), "the event")
        asked = "release.delivr.live/requestedAt=again"
        tenancy.kubectl("annotate", "releasesetup", "mobile-app", asked)
        eventually(
            lambda: tenancy.get()["status"].get("lastHandledReconcileAt") == "again", "it was looked at again"
        )
        assert [reason for _, reason in tenancy.events()].count("ExpiresSoon") == 1


def test_what_ends_is_expired_on_time_without_any_trigger(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.complete(codeSigning=member()), binary(tenancy, ios() | android()))
    with tenancy.operator():
        tenancy.await_ready("True")
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30)
        tenancy.apply(binary(tenancy, ios() | android(identity(end))))
        eventually(lambda: tenancy.entry("CODE_SIGNING").get("expiresWithinDays") == 7, "it ends soon")
        eventually(lambda: tenancy.condition().get("reason") == "CredentialExpired", "it ended", 90)
        found, entry = tenancy.get(), tenancy.entry("CODE_SIGNING")
        assert entry["verificationStatus"] == "EXPIRED"
        assert "The certificate of upload in keystoreFile ended at" in entry["message"]
        seen = datetime.fromisoformat(entry["lastVerifiedAt"])
        assert timedelta() <= seen - end < timedelta(seconds=20)
        assert found["status"]["setupComplete"] is True
        eventually(lambda: row_status(tenancy) == "EXPIRED", "the row")


def test_an_endless_file_holds_nobody_up(tenancy: Tenancy) -> None:
    tenancy.apply(tenancy.complete(codeSigning=member()), binary(tenancy, ios() | android()))
    with tenancy.operator():
        tenancy.await_ready("True")
        tenancy.apply(binary(tenancy, ios() | android() | {"certificateP12": as_text(endless())}))
        tenancy.await_ready("False", "Misconfigured")
        assert "takes more than 1000000 rounds" in tenancy.entry("CODE_SIGNING")["message"]
        assert tenancy.get()["status"]["setupComplete"] is True
