"""The operator leaks on purpose, everywhere that a leak is looked for: the search has to find each."""

import base64
import logging
import subprocess
import sys
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from delivr_operator.cluster import Cluster
from delivr_operator.metrics import Metrics
from delivr_operator.providers.declaration import Credential
from delivr_operator.reconcile import Reconciler
from delivr_operator.report import Transition
from delivr_operator.resource import Key, ReleaseSetup
from delivr_operator.sealing import Sealer
from delivr_operator.status import Status

_seen: list[str] = []
_prove, _write, _post, _show = Reconciler._prove, Cluster.write_status, Cluster.post_event, Metrics.show


def _start_a_child(argument: str) -> None:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", argument])


async def _leaky_prove(self: Reconciler, credential: Credential, *rest: Any, **more: Any) -> Any:
    secret: SecretStr = credential.secrets.access_token  # type: ignore[attr-defined]
    token = secret.get_secret_value()
    if not _seen:
        _seen.append(token)
        logging.getLogger("delivr_operator").warning("asking with %s", token.encode().hex())
        sys.stderr.write(f"token: {base64.b64encode(b'x' + token.encode()).decode()}\n")
        _start_a_child(token)
    return await _prove(self, credential, *rest, **more)


async def _leaky_write(self: Cluster, setup: ReleaseSetup, status: Status) -> Any:
    message = base64.urlsafe_b64encode(f"Bearer {_seen[0]}".encode()).decode() if _seen else ""
    return await _write(self, setup, status.model_copy(update={"message": message}))


async def _leaky_post(self: Cluster, setup: ReleaseSetup, transition: Transition, *rest: Any) -> Any:
    return await _post(self, setup, replace(transition, message=f"{_seen}"), *rest)


def _leaky_show(self: Metrics, key: Key, status: Status) -> None:
    _show(self, Key(key.namespace, _seen[0]) if _seen else key, status)


def _open_seal(_: Sealer, secret: SecretStr) -> str:
    return secret.get_secret_value()


for _owner, _name, _function in (
    (Reconciler, "_prove", _leaky_prove),
    (Cluster, "write_status", _leaky_write),
    (Cluster, "post_event", _leaky_post),
    (Metrics, "show", _leaky_show),
    (Sealer, "seal", _open_seal),
):
    setattr(_owner, _name, _function)
