"""Every part of the operator fails once, in the way of its library, with words that nobody may repeat."""

import asyncio
import gc
import logging
import threading
from collections.abc import Callable
from typing import Any

import httpx
import kopf
import pymysql
from kubernetes.aio.client.exceptions import ApiException
from pydantic import BaseModel
from sqlalchemy.exc import DataError

from delivr_operator import observing, running
from delivr_operator.cluster import Cluster
from delivr_operator.database import Database
from delivr_operator.handlers import Inbox
from delivr_operator.inventory import Inventory
from delivr_operator.metrics import Metrics
from delivr_operator.probing.conversation import Conversation
from delivr_operator.sealing import Sealer

CANARY = "c4naryFailing7Zq"
_failed: set[str] = set()


class _Strict(BaseModel):
    number: int


def _invalid() -> Exception:
    try:
        _Strict.model_validate({"number": CANARY})
    except ValueError as error:
        return error
    raise AssertionError


def _refused() -> Exception:
    error = ApiException(status=418, reason=CANARY)
    error.body = CANARY
    return error


FAILURES: dict[tuple[Any, str], Callable[[], Exception]] = {
    (Inbox, "setup_seen"): lambda: LookupError(CANARY),
    (Inventory, "put"): lambda: kopf.PermanentError(CANARY),
    (Inbox, "secret_seen"): lambda: KeyError(CANARY),
    (Cluster, "secret"): lambda: ValueError(f"no base64: {CANARY}"),
    (Cluster, "write_status"): _refused,
    (Cluster, "post_event"): lambda: RuntimeError(CANARY),
    (Conversation, "_exchange"): lambda: httpx.LocalProtocolError(f"Illegal header value b'Bearer {CANARY}'"),
    (Database, "read_tenant"): lambda: DataError(
        f"INSERT {CANARY}", {"config": CANARY}, pymysql.DataError(1406, CANARY)
    ),
    (Database, "sync"): lambda: pymysql.IntegrityError(1062, f"Duplicate entry '{CANARY}'"),
    (Sealer, "seal"): lambda: UnicodeEncodeError("utf-8", CANARY, 0, 1, CANARY),
    (Metrics, "page"): lambda: ValueError(CANARY),
    (observing, "read_credential"): _invalid,
}


def _failing_once(owner: Any, name: str, failure: Callable[[], Exception]) -> None:
    real = getattr(owner, name)

    def first() -> None:
        if name not in _failed:
            _failed.add(name)
            error = failure()
            error.add_note(CANARY)
            raise error from ValueError(CANARY)

    async def asynchronous(*args: Any, **more: Any) -> Any:
        first()
        return await real(*args, **more)

    def synchronous(*args: Any, **more: Any) -> Any:
        first()
        return real(*args, **more)

    setattr(owner, name, asynchronous if asyncio.iscoroutinefunction(real) else synchronous)


class _Lost:
    def __del__(self) -> None:
        raise ValueError(CANARY)


def _raise() -> None:
    raise ValueError(CANARY)


async def _fails() -> None:
    _raise()


_greet = running._greet


async def _loud_greeting(*args: Any) -> None:
    """Fail in every place that asyncio and the interpreter report by themselves."""
    threading.Thread(target=_raise).start()
    asyncio.get_running_loop().call_soon(_raise)
    lost = asyncio.create_task(_fails())
    await asyncio.sleep(0)
    del lost
    _Lost()
    gc.collect()
    logging.getLogger("delivr_operator").warning("%d", CANARY)
    logging.getLogger("kopf.objects").error(f"Handler failed: {CANARY}")  # noqa: G004 - as kopf does
    await _greet(*args)


for (_owner, _name), _failure in FAILURES.items():
    _failing_once(_owner, _name, _failure)
running._greet = _loud_greeting  # type: ignore[assignment]
