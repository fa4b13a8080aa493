"""What a Secret holds, a request carries and its answer gives that opens something at the provider."""

import contextlib
import json
from urllib.parse import parse_qsl

from delivr_operator.cluster import Absent
from dev.simulator.client import Request
from tests.verdict_matrix.passing import Setup

_HEADERS = ("authorization", "private-token", "x-api-key", "cookie")
_FIELDS = ("assertion", "client_secret", "access_token", "token")


def held_by(setup: Setup) -> dict[str, str]:
    """Return what the Secret holds, by its keys."""
    if isinstance(setup.secret, Absent):
        return {}
    return {name: one.get_secret_value().decode(errors="replace") for name, one in setup.secret.data.items()}


def credentials_of(request: Request) -> dict[str, str]:
    """Return credentials and signed or bought tokens by where they stood."""
    headers = {name.lower(): value for name, value in request.headers}
    found = {name: headers[name].partition(" ")[2] or headers[name] for name in _HEADERS if name in headers}
    form = dict(parse_qsl(request.body))
    found |= {name: form[name] for name in _FIELDS if name in form}
    with contextlib.suppress(ValueError):
        answer = json.loads(request.answer_body)
        if isinstance(answer, dict) and isinstance(answer.get("access_token"), str):
            found["bought token"] = answer["access_token"]
    return found
