"""What holds a credential does not show it, whichever way it is asked, and is not pickled."""

import copyreg
import dataclasses
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from delivr_operator.adoption import WantedSecret
from delivr_operator.closed import keep_closed_values_here
from delivr_operator.cluster import SecretContent
from delivr_operator.manifest import WrittenSecret
from delivr_operator.outcome import IntegrationType, VerificationStatus
from delivr_operator.providers import PROVIDERS
from delivr_operator.providers.exchange import Request
from delivr_operator.resealing import Rotation
from delivr_operator.rows import DesiredIntegration
from delivr_operator.sealing import Sealer
from delivr_operator.settings import DatabaseSettings, Settings
from tests.leaks.needles import worth_looking_for
from tests.unit.providers.samples import credential, samples

CLEAR = "c4nary7Zq-in-clear"
KEY = "5e" * 32
ENVIRONMENT = {"DATABASE_URL": f"mysql+pymysql://u:{CLEAR}@h/d", "INTEGRATION_ENCRYPTION_KEY": KEY}
DESIRED = DesiredIntegration(
    type=IntegrationType.GITHUB,
    enabled=True,
    required=True,
    config={"accessToken": SecretStr(CLEAR)},
    configured_by="o",
    last_verified_at=datetime(2026, 5, 1, tzinfo=UTC),
    status=VerificationStatus.VALID,
)
CREDENTIALS: dict[str, Any] = {provider.type.value: credential(provider.type) for provider in PROVIDERS}
HOLDERS: dict[str, Any] = {
    **{f"{kind}'s own": one.secrets for kind, one in CREDENTIALS.items()},
    "a Secret of the cluster": SecretContent("1", {"accessToken": SecretBytes(CLEAR.encode())}),
    "a Secret of a file": WrittenSecret({"accessToken": SecretBytes(CLEAR.encode())}),
    "a Secret to write": WantedSecret("github", {"accessToken": SecretStr(CLEAR)}),
    "a sealer": Sealer(SecretStr(KEY), SecretStr(CLEAR), previous=Sealer(SecretStr("ab" * 32))),
    "a rotation": Rotation(Sealer(SecretStr(KEY)), (Sealer(SecretStr("ab" * 32)),)),
    "settings": Settings.from_environment(ENVIRONMENT),
    "settings of the database": DatabaseSettings.from_environment(ENVIRONMENT),
    "a row": DESIRED,
    "a request": Request(
        "POST", "https://h.example", {"Authorization": SecretStr(CLEAR)}, {"a": SecretStr(CLEAR)}
    ),
}
VALUES = worth_looking_for(
    [
        *(
            (f"{kind}: {name}", value)
            for kind, one in samples().items()
            for name, value in one.secret.items()
        ),
        *(("clear", CLEAR), ("key", KEY), ("old key", "ab" * 32)),
    ]
)


@pytest.fixture
def kept_here() -> Iterator[None]:
    before = dict(copyreg.dispatch_table)
    keep_closed_values_here()
    yield
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(before)


def shown(value: Any) -> Iterator[str]:
    """Give every way in which a value, or its parts, may be written down by mistake."""
    yield from (repr(value), str(value), f"{value}", f"{value:>8}" if isinstance(value, str) else "")
    yield from (json.dumps(value, default=str), json.dumps(value, default=repr))
    if hasattr(value, "__dict__"):
        yield repr(vars(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, one.name) for one in dataclasses.fields(value)]
        yield repr(parts)
        for part in parts:
            if isinstance(part, BaseModel | Sealer):
                yield from shown(part)
    if isinstance(value, BaseModel):
        yield from (value.model_dump_json(), repr(value.model_dump()), repr([*value]))


@pytest.mark.parametrize("holder", [*CREDENTIALS.values(), *HOLDERS.values()], ids=[*CREDENTIALS, *HOLDERS])
def test_what_holds_a_credential_shows_nothing_of_it(holder: Any) -> None:
    said = [text for text in shown(holder) if text]
    assert len(said) > 5
    found = VALUES.found_in({str(number): text.encode() for number, text in enumerate(said)})
    assert not found, [(one.name, one.spelling) for one in found]


@pytest.mark.usefixtures("kept_here")
@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS.keys())
def test_what_holds_a_credential_is_not_pickled(holder: Any) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match=r"^a closed value is not pickled$"):
            pickle.dumps(holder, protocol)


def test_without_that_it_would_be_pickled_in_clear() -> None:
    assert CLEAR.encode() in pickle.dumps(SecretStr(CLEAR))


def test_every_command_keeps_closed_values_here() -> None:
    program = (
        "import copyreg; from pydantic import SecretBytes, SecretStr;"
        "from delivr_operator.__main__ import main; main(['version'], standalone_mode=False);"
        "print({SecretStr, SecretBytes} <= copyreg.dispatch_table.keys())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.split()[-1] == "True"
