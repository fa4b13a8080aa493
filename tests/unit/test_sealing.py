import base64
import json
import re
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from delivr_operator.rows import Config
from delivr_operator.sealing import CannotOpen, Envelope, Sealer, Unopenable, looks_sealed
from dev.node import node_command

HEX_KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
PASSPHRASE = "a passphrase of 32 characters, ü!"
CLEAR = "ghp_tökén 🔑\n-----END PRIVATE KEY-----"

NODE_SEALS = {
    Envelope.HEX: """
        const c = require('crypto'), iv = c.randomBytes(16);
        const e = c.createCipheriv('aes-256-gcm', Buffer.from(input.key, 'hex'), iv);
        const text = Buffer.concat([e.update(input.value, 'utf8'), e.final()]);
        output = [iv, e.getAuthTag(), text].map(part => part.toString('hex')).join(':');""",
    Envelope.PBKDF2: """
        const c = require('crypto'), salt = c.randomBytes(64), iv = c.randomBytes(16);
        const key = c.pbkdf2Sync(input.passphrase, salt, 100000, 32, 'sha256');
        const e = c.createCipheriv('aes-256-gcm', key, iv);
        const text = Buffer.concat([e.update(input.value, 'utf8'), e.final()]);
        output = [salt, iv, e.getAuthTag(), text].map(part => part.toString('base64')).join(':');""",
}
NODE_OPENS = {
    Envelope.HEX: """
        const c = require('crypto');
        const [iv, tag, text] = input.value.split(':').map(part => Buffer.from(part, 'hex'));
        const d = c.createDecipheriv('aes-256-gcm', Buffer.from(input.key, 'hex'), iv);
        d.setAuthTag(tag);
        output = Buffer.concat([d.update(text), d.final()]).toString('utf8');""",
    Envelope.PBKDF2: """
        const c = require('crypto');
        const [salt, iv, tag, text] = input.value.split(':').map(part => Buffer.from(part, 'base64'));
        const key = c.pbkdf2Sync(input.passphrase, salt, 100000, 32, 'sha256');
        const d = c.createDecipheriv('aes-256-gcm', key, iv);
        d.setAuthTag(tag);
        output = Buffer.concat([d.update(text), d.final()]).toString('utf8');""",
}
NODE_FINGERPRINT = """
    const c = require('crypto'), label = 'delivr-operator credential fingerprint v1';
    const key = Buffer.from(c.hkdfSync('sha256', Buffer.from(input.key, 'hex'), '', label, 32));
    output = c.createHmac('sha256', key).update(input.value).digest('hex').slice(0, 16);"""
EITHER = pytest.mark.parametrize("envelope", Envelope)


def sealer(envelope: Envelope = Envelope.HEX) -> Sealer:
    return Sealer(SecretStr(HEX_KEY), SecretStr(PASSPHRASE), envelope)


def node(script: str, value: str) -> str:
    given_to_node = json.dumps({"key": HEX_KEY, "passphrase": PASSPHRASE, "value": value})
    program = (
        "const input = JSON.parse(require('fs').readFileSync(0, 'utf8')); let output;"
        f"{script}; process.stdout.write(JSON.stringify(output));"
    )
    answer = subprocess.run(
        [node_command(), "-e", program],
        input=given_to_node,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return str(json.loads(answer.stdout))


def reason_of(closed: Sealer, text: str) -> Unopenable:
    with pytest.raises(CannotOpen) as caught:
        closed.open(text)
    return caught.value.reason


@EITHER
def test_node_opens_what_is_sealed_here(envelope: Envelope) -> None:
    assert node(NODE_OPENS[envelope], sealer(envelope).seal(SecretStr(CLEAR))) == CLEAR


@EITHER
def test_what_node_sealed_opens_here(envelope: Envelope) -> None:
    sealed = node(NODE_SEALS[envelope], CLEAR)
    other = Envelope.HEX if envelope is Envelope.PBKDF2 else Envelope.PBKDF2
    assert sealer(envelope).open(sealed).get_secret_value() == CLEAR
    assert sealer(other).open(sealed).get_secret_value() == CLEAR


@given(st.text())
def test_hex_round_trip(clear: str) -> None:
    sealed = sealer().seal(SecretStr(clear))
    assert re.fullmatch(r"[0-9a-f]{32}:[0-9a-f]{32}:(?:[0-9a-f]{2})*", sealed)
    assert sealer().open(sealed).get_secret_value() == clear


@settings(max_examples=8, deadline=None)
@given(st.text())
def test_pbkdf2_round_trip(clear: str) -> None:
    sealed = sealer(Envelope.PBKDF2).seal(SecretStr(clear))
    assert [len(base64.b64decode(part)) for part in sealed.split(":")][:3] == [64, 16, 16]
    assert sealer(Envelope.PBKDF2).open(sealed).get_secret_value() == clear


def test_no_two_sealings_share_an_iv() -> None:
    sealed = [sealer().seal(SecretStr(CLEAR)) for _ in range(500)]
    assert len({text.split(":")[0] for text in sealed}) == 500


def test_no_two_derivations_share_a_salt_or_an_iv() -> None:
    sealed = [sealer(Envelope.PBKDF2).seal(SecretStr(CLEAR)).split(":") for _ in range(4)]
    assert len({parts[0] for parts in sealed}) == len({parts[1] for parts in sealed}) == 4


@given(st.data())
def test_one_changed_digit_is_noticed(data: st.DataObject) -> None:
    sealed = sealer().seal(SecretStr(CLEAR))
    at = data.draw(st.sampled_from([i for i, character in enumerate(sealed) if character != ":"]))
    changed = sealed[:at] + ("0" if sealed[at] != "0" else "1") + sealed[at + 1 :]
    assert reason_of(sealer(), changed) is Unopenable.WRONG_KEY


@pytest.mark.parametrize("part", range(4))
def test_one_changed_part_is_noticed(part: int) -> None:
    parts = [base64.b64decode(p) for p in sealer(Envelope.PBKDF2).seal(SecretStr(CLEAR)).split(":")]
    parts[part] = bytes([parts[part][0] ^ 1]) + parts[part][1:]
    changed = ":".join(base64.b64encode(p).decode() for p in parts)
    assert reason_of(sealer(), changed) is Unopenable.WRONG_KEY


@EITHER
def test_another_key_does_not_open(envelope: Envelope) -> None:
    sealed = sealer(envelope).seal(SecretStr(CLEAR))
    other = Sealer(SecretStr("ff" * 32), SecretStr("another passphrase of 32 characters"), envelope)
    assert reason_of(other, sealed) is Unopenable.WRONG_KEY


@EITHER
@pytest.mark.parametrize("cut", [1, 2, 20, 60])
def test_a_truncated_envelope_does_not_open(envelope: Envelope, cut: int) -> None:
    sealed = sealer(envelope).seal(SecretStr(CLEAR))
    assert reason_of(sealer(envelope), sealed[:-cut]) in (Unopenable.WRONG_KEY, Unopenable.NOT_SEALED)
    assert reason_of(sealer(envelope), sealed.rpartition(":")[0]) is Unopenable.NOT_SEALED


def test_without_a_passphrase_its_envelope_stays_closed() -> None:
    sealed = sealer(Envelope.PBKDF2).seal(SecretStr(CLEAR))
    assert reason_of(Sealer(SecretStr(HEX_KEY)), sealed) is Unopenable.NO_KEY


def test_without_a_hex_key_its_envelope_stays_closed() -> None:
    sealed = sealer().seal(SecretStr(CLEAR))
    closed = Sealer(None, SecretStr(PASSPHRASE), Envelope.PBKDF2)
    assert reason_of(closed, sealed) is Unopenable.NO_KEY
    assert "no key for this envelope" in str(CannotOpen(Unopenable.NO_KEY))


@EITHER
def test_parts_of_two_sealings_do_not_mix(envelope: Envelope) -> None:
    closed = sealer(envelope)
    first, second = (closed.seal(SecretStr(CLEAR)).split(":") for _ in range(2))
    for part in range(len(first)):
        mixed = [*first[:part], second[part], *first[part + 1 :]]
        assert reason_of(closed, ":".join(mixed)) is Unopenable.WRONG_KEY
    iv, tag = len(first) - 3, len(first) - 2
    first[iv], first[tag] = first[tag], first[iv]
    assert reason_of(closed, ":".join(first)) is Unopenable.WRONG_KEY


@EITHER
def test_equal_secrets_of_one_row_are_sealed_apart(envelope: Envelope) -> None:
    config: Config = {name: SecretStr(CLEAR) for name in ("a", "b")} | {"c": {"d": SecretStr(CLEAR)}}
    stored = sealer(envelope).seal_config(config)
    texts = [stored["a"], stored["b"], stored["c"]["d"]]  # type: ignore[index, call-overload]
    parts = [part for text in texts for part in str(text).split(":")]
    assert len(set(parts)) == len(parts)


def test_a_passphrase_is_needed_to_seal_with_it() -> None:
    with pytest.raises(ValueError, match="passphrase"):
        Sealer(SecretStr(HEX_KEY), None, Envelope.PBKDF2)


def test_sealed_bytes_that_are_no_text_are_told_apart() -> None:
    script = NODE_SEALS[Envelope.HEX].replace("e.update(input.value, 'utf8')", "e.update(Buffer.from([255]))")
    assert reason_of(sealer(), node(script, "")) is Unopenable.NOT_TEXT


@pytest.mark.parametrize(
    "text",
    ["", ":", "::", ":::", "xoxb-plaintext-left-over", "a:b:c", "é:é:é:é", "YQ==:YQ==:YQ==:YQ==", "00:11:22"],
)
def test_plain_text_is_no_envelope(text: str) -> None:
    assert not looks_sealed(text)
    assert reason_of(sealer(), text) is Unopenable.NOT_SEALED


@EITHER
def test_an_envelope_is_recognised(envelope: Envelope) -> None:
    assert looks_sealed(sealer(envelope).seal(SecretStr(CLEAR)))


def test_neither_the_sealer_nor_its_errors_show_a_secret() -> None:
    sealed = sealer().seal(SecretStr(CLEAR))
    with pytest.raises(CannotOpen) as caught:
        Sealer(SecretStr("ff" * 32)).open(sealed)
    shown = f"{sealer()!r} {caught.value!r} {caught.value}"
    for secret in (HEX_KEY, PASSPHRASE, CLEAR, sealed):
        assert secret not in shown
    assert caught.value.__cause__ is None


CONFIG: Config = {
    "organization": "acme",
    "accessToken": SecretStr("ghp_1"),
    "ios": {"certificateP12": SecretStr("cDEy"), "teamId": "T1"},
    "workflows": [{"name": "iOS build", "platform": "IOS"}],
    "retries": 1,
    "draft": True,
}


def test_only_secret_leaves_are_sealed_at_any_depth() -> None:
    stored = sealer().seal_config(CONFIG)
    assert json.loads(json.dumps(stored)) == stored
    ios = stored["ios"]
    assert isinstance(ios, dict)
    for sealed, clear in ((stored.pop("accessToken"), "ghp_1"), (ios.pop("certificateP12"), "cDEy")):
        assert isinstance(sealed, str)
        assert sealer().open(sealed).get_secret_value() == clear
    assert stored == {
        "organization": "acme",
        "ios": {"teamId": "T1"},
        "workflows": [{"name": "iOS build", "platform": "IOS"}],
        "retries": 1,
        "draft": True,
    }


@EITHER
def test_a_config_is_the_same_after_any_sealing_and_any_order_of_keys(envelope: Envelope) -> None:
    stored = json.loads(json.dumps(sealer(envelope).seal_config(CONFIG), sort_keys=True))
    assert sealer().same_config(stored, CONFIG)


@pytest.mark.parametrize(
    "change",
    [
        {"organization": "other"},
        {"accessToken": SecretStr("ghp_2")},
        {"ios": {"certificateP12": SecretStr("cDEz"), "teamId": "T1"}},
        {"ios": {"certificateP12": SecretStr("cDEy"), "teamId": "T2"}},
        {"workflows": []},
        {"retries": True},
        {"draft": 1},
        {"more": None},
    ],
)
def test_any_difference_in_a_config_is_seen(change: dict[str, object]) -> None:
    stored = sealer().seal_config(CONFIG)
    assert not sealer().same_config(stored, {**CONFIG, **change})  # type: ignore[dict-item]


@pytest.mark.parametrize("stored", [None, [], "text", 1, {}])
def test_what_is_no_such_object_is_another_config(stored: object) -> None:
    assert not sealer().same_config(stored, CONFIG)


@pytest.mark.parametrize("found", ["xoxb-plaintext-left-over", None, {"a": 1}])
def test_a_field_that_is_not_sealed_is_no_answer(found: object) -> None:
    with pytest.raises(CannotOpen) as caught:
        sealer().same_config({"botToken": found}, {"botToken": SecretStr("xoxb-plaintext-left-over")})
    assert caught.value.reason is Unopenable.NOT_SEALED


def test_a_fingerprint_follows_text_and_key_and_reveals_neither() -> None:
    first = sealer().fingerprint(b"ghp_1")
    assert re.fullmatch(r"[0-9a-f]{16}", first)
    assert first == sealer(Envelope.PBKDF2).fingerprint(b"ghp_1")
    assert first != sealer().fingerprint(b"ghp_2")
    assert first != Sealer(SecretStr("ff" * 32)).fingerprint(b"ghp_1")
    # It is kept in status: computed otherwise, every credential would be proved anew after an update.
    assert first == node(NODE_FINGERPRINT, "ghp_1")


def test_what_the_previous_keys_sealed_opens_and_nothing_is_sealed_with_them() -> None:
    old = Sealer(SecretStr("ff" * 32), SecretStr("another passphrase of 32 characters"))
    new = Sealer(SecretStr(HEX_KEY), SecretStr(PASSPHRASE), previous=old)
    for envelope in Envelope:
        assert (
            new.open(replace(old, envelope=envelope).seal(SecretStr("ghp_1"))).get_secret_value() == "ghp_1"
        )
        assert (
            reason_of(old, replace(new, envelope=envelope).seal(SecretStr("ghp_1"))) is Unopenable.WRONG_KEY
        )
    stranger = Sealer(SecretStr("ee" * 32)).seal(SecretStr("ghp_1"))
    assert reason_of(new, stranger) is Unopenable.WRONG_KEY
    assert new.same_config({"accessToken": old.seal(SecretStr("ghp_1"))}, {"accessToken": SecretStr("ghp_1")})


def test_a_former_fingerprint_is_the_one_of_the_previous_key() -> None:
    old = Sealer(SecretStr("ff" * 32))
    assert Sealer(SecretStr(HEX_KEY), previous=old).former_fingerprint(b"x") == old.fingerprint(b"x")
    assert Sealer(SecretStr(HEX_KEY)).former_fingerprint(b"x") is None
    passphrase = Sealer(None, SecretStr(PASSPHRASE), Envelope.PBKDF2)
    assert Sealer(SecretStr(HEX_KEY), previous=passphrase).former_fingerprint(b"x") is None
