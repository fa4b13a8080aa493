"""What becomes of a config when keys change: moved, left, or told of; never lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from delivr_operator.resealing import Resealed, Rotation, Turn
from delivr_operator.rows import Clear
from delivr_operator.sealing import Envelope, Sealer, Unopenable, envelope_of

OLD, NEW = Sealer(SecretStr("a1" * 32)), Sealer(SecretStr("b2" * 32))
STRANGER = Sealer(SecretStr("c3" * 32))
PASSPHRASE = Sealer(None, SecretStr("a passphrase of thirty-two chars"), Envelope.PBKDF2)
ROTATION = Rotation(NEW, (OLD,))
SEALED = frozenset({"accessToken", "ios.password"})


def sealed(sealer: Sealer, text: str = "ghp_1") -> str:
    return sealer.seal(SecretStr(text))


def reseal(config: Clear, rotation: Rotation = ROTATION) -> Resealed:
    return rotation.reseal(config, SEALED)


def at(config: Clear, *path: str) -> str:
    for name in path:
        assert isinstance(config, dict)
        config = config[name]
    assert isinstance(config, str)
    return config


def test_every_sealed_text_moves_at_any_depth_and_under_any_name() -> None:
    config: Clear = {
        "accessToken": sealed(OLD),
        "organization": "acme",
        "ios": {"password": sealed(OLD, "p12"), "teamId": "T"},
        "madeByHand": [sealed(OLD, "third"), 7, None],
    }
    result = reseal(config)
    assert (result.turn, result.in_clear, result.why) == (Turn.MOVED, (), None)
    moved = result.config
    assert isinstance(moved, dict)
    assert NEW.open(at(moved, "accessToken")).get_secret_value() == "ghp_1"
    assert NEW.open(at(moved, "ios", "password")).get_secret_value() == "p12"
    by_hand = moved["madeByHand"]
    assert isinstance(by_hand, list)
    assert NEW.open(str(by_hand[0])).get_secret_value() == "third"
    assert by_hand[1:] == [7, None]
    assert (moved["organization"], at(moved, "ios", "teamId")) == ("acme", "T")
    assert reseal(moved).turn is Turn.STANDS


def test_what_no_key_opens_keeps_the_whole_row_as_it_is() -> None:
    result = reseal({"accessToken": sealed(OLD), "other": sealed(STRANGER)})
    assert result == Resealed(Turn.UNOPENABLE, why=Unopenable.WRONG_KEY)
    assert reseal({"accessToken": sealed(PASSPHRASE)}).why is Unopenable.NO_KEY


def test_what_is_sealed_with_the_new_key_already_is_not_sealed_again() -> None:
    assert reseal({"accessToken": sealed(NEW)}) == Resealed(Turn.STANDS)
    half = reseal({"accessToken": (kept := sealed(NEW)), "more": sealed(OLD)})
    assert at(half.config, "accessToken") == kept


@pytest.mark.parametrize("config", [{}, {"workflows": [{"name": "a"}]}, [], None, "text"])
def test_a_config_without_credentials_is_bare(config: Clear) -> None:
    assert reseal(config) == Resealed(Turn.BARE)


def test_a_credential_in_clear_is_told_of_and_sealed_only_when_asked() -> None:
    config: Clear = {
        "accessToken": "ghp_in_clear",
        "ios": {"password": "p"},
        "android.password": "x",
        "a": "b",
    }
    assert reseal(config) == Resealed(Turn.BARE, None, ("accessToken", "ios.password"))
    result = reseal(config, Rotation(NEW, (OLD,), seal_clear=True))
    assert (result.turn, result.in_clear) == (Turn.MOVED, ())
    assert NEW.open(at(result.config, "accessToken")).get_secret_value() == "ghp_in_clear"
    assert NEW.open(at(result.config, "ios", "password")).get_secret_value() == "p"
    assert isinstance(result.config, dict)
    assert (result.config["android.password"], result.config["a"]) == ("x", "b")
    assert reseal({"accessToken": ""}).in_clear == ()


def test_a_name_with_a_dot_is_not_taken_for_a_path() -> None:
    config: Clear = {"ios.password": sealed(OLD), "ios": {"password": "in clear"}}
    result = reseal(config)
    assert isinstance(result.config, dict)
    assert at(result.config, "ios", "password") == "in clear"
    assert NEW.open(at(result.config, "ios.password")).get_secret_value() == "ghp_1"


@pytest.mark.parametrize("envelope", Envelope)
def test_rows_move_between_the_envelopes(envelope: Envelope) -> None:
    both = Sealer(SecretStr("b2" * 32), SecretStr("a passphrase of thirty-two chars"), envelope)
    for old in (OLD, PASSPHRASE):
        result = reseal({"accessToken": sealed(old)}, Rotation(both, (OLD, PASSPHRASE)))
        if old.envelope is envelope and old is PASSPHRASE:
            assert result == Resealed(Turn.STANDS)
            continue
        assert result.turn is Turn.MOVED
        assert envelope_of(at(result.config, "accessToken")) is envelope
        assert both.open(at(result.config, "accessToken")).get_secret_value() == "ghp_1"


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.sampled_from(["OLD", "NEW", "STRANGER"])
)
configs = st.dictionaries(
    st.sampled_from(["accessToken", "ios", "a.b", "a", "b"]),
    st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["password", "b"]), inner)
        ),
        max_leaves=6,
    ),
    max_size=4,
)


def materialised(value: Clear) -> Clear:
    if isinstance(value, dict):
        return {name: materialised(one) for name, one in value.items()}
    if isinstance(value, list):
        return [materialised(one) for one in value]
    sealers = {"OLD": OLD, "NEW": NEW, "STRANGER": STRANGER}
    return sealed(sealers[value]) if isinstance(value, str) and value in sealers else value


def opened(value: Clear) -> Clear:
    if isinstance(value, dict):
        return {name: opened(one) for name, one in value.items()}
    if isinstance(value, list):
        return [opened(one) for one in value]
    if isinstance(value, str) and envelope_of(value):
        return Sealer(NEW.hex_key, previous=OLD).open(value).get_secret_value()
    return value


@settings(max_examples=150, deadline=None)
@given(configs, st.booleans())
def test_whatever_a_row_holds_nothing_of_it_changes_but_its_sealing(config: Clear, seal_clear: bool) -> None:
    stored = materialised(config)
    result = Rotation(NEW, (OLD,), seal_clear).reseal(stored, SEALED)
    assert (result.turn is Turn.UNOPENABLE) is ("'STRANGER'" in repr(config))
    assert (result.config is None) is (result.turn is not Turn.MOVED)
    if result.config is not None:
        assert opened(result.config) == opened(stored)
        assert Rotation(NEW, ()).reseal(result.config, SEALED).turn is not Turn.UNOPENABLE
