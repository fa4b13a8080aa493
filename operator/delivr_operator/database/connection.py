"""How the operator talks to MySQL: the session's rules, and several statements in one round trip."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import pymysql
from pydantic import SecretStr
from pymysql.constants import CLIENT, SERVER_STATUS
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.dialects.mysql import pymysql as mysql
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql import ClauseElement, Select

from delivr_operator.database.outages import is_deadlock, is_lost_connection, outages

CONNECT_SECONDS = 5
EXCHANGE_SECONDS = 10
LOCK_SECONDS = 5
RECYCLE_SECONDS = 300
DEADLOCK_TRIES = 4
CLOSED_TRIES = 10
_SESSION = (
    "SET SESSION time_zone = '+00:00', sql_mode = 'TRADITIONAL', "
    f"innodb_lock_wait_timeout = {LOCK_SECONDS}, lock_wait_timeout = {LOCK_SECONDS}, "
    "group_concat_max_len = 1048576; "  # the default would cut a digest's source off after fifteen rows
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
)

Result = TypeVar("Result")
Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One statement with its values."""

    statement: "Statement"
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL compiled once: text with placeholders, their names in order, and the columns it answers with."""

    text: str
    names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    counts: bool = False
    """Whether it answers with one row, whose `count` is how many rows it found to change."""

    def of(self, **values: Any) -> Asked:
        """Return the statement with its values."""
        return Asked(self, values)


def prepared(element: ClauseElement, keys: Sequence[str] | None = None) -> Statement:
    """Compile for any server: a dialect that knows no version writes what 5.7 and MariaDB read too."""
    compiled = element.compile(dialect=mysql.dialect(), column_keys=keys)
    columns = tuple(element.selected_columns.keys()) if isinstance(element, Select) else ()
    return Statement(str(compiled), tuple(getattr(compiled, "positiontup", None) or ()), columns)


START = Statement("START TRANSACTION")
COMMIT = Statement("COMMIT")
SNAPSHOT = (
    Statement("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"),
    Statement("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"),
)

Trip: TypeAlias = Callable[[Sequence[Asked]], list[list[Row]]]
"""Sends statements in one round trip; returns the rows of each that answers with rows or a count."""


def open_engine(url: SecretStr, pool_size: int, exchange_seconds: int = EXCHANGE_SECONDS) -> Engine:
    """Return an engine that has not connected yet.

    MULTI_STATEMENTS is what lets one round trip carry a transaction; every value is bound.
    """
    address = make_url(url.get_secret_value())
    return create_engine(
        address,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS + EXCHANGE_SECONDS,
        pool_recycle=RECYCLE_SECONDS,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
        connect_args={
            "autocommit": True,
            # The driver would write it in Latin-1, which holds few characters; servers keep it as UTF-8.
            "password": str(address.password or "").encode(),
            "charset": "utf8mb4",
            "client_flag": CLIENT.MULTI_STATEMENTS | CLIENT.FOUND_ROWS,
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": exchange_seconds,
            "write_timeout": exchange_seconds,
            "init_command": _SESSION,
        },
    )


@dataclass(frozen=True, slots=True)
class Wire:
    """Runs one piece of work at a time on a pooled connection, again where that is safe and helps."""

    engine: Engine
    deadlocked: Callable[[], None] = lambda: None
    """Is told, from the thread that does the work, whenever a deadlock has it done again."""

    def run(self, work: Callable[[Trip], Result]) -> Result:
        """Return what `work` returns; whatever it did not commit is undone.

        Work may run more than once: after a deadlock, and where a pooled connection turns out to have been
        closed meanwhile, be it in the midst of COMMIT. It must therefore look at the rows itself each time.

        Raises:
            DatabaseUnavailable: it could not be done.
        """
        with outages():
            for _ in range(DEADLOCK_TRIES - 1):
                try:
                    return self._once_connected(work)
                except pymysql.MySQLError as error:
                    if not is_deadlock(error):
                        raise
                self.deadlocked()
            return self._once_connected(work)

    def _once_connected(self, work: Callable[[Trip], Result]) -> Result:
        """Work on a connection; on another one where that was closed after it had served before.

        What closes a new one closes the next too, so that is an outage.
        """
        for _ in range(CLOSED_TRIES - 1):
            raw = self.engine.raw_connection()
            pooled = "used" in raw.info
            try:
                return _run_on(raw, work)
            except pymysql.MySQLError as error:
                if not (pooled and is_lost_connection(error)):
                    raise
            # What closed this one closed the others in the pool too: start with none of them. What other
            # threads put into the next pool may be closed again by then.
            self.engine.dispose()
        return _run_on(self.engine.raw_connection(), work)


def _run_on(raw: PoolProxiedConnection, work: Callable[[Trip], Result]) -> Result:
    try:
        result = work(lambda asked: _exchange(raw, asked))
        raw.info["used"] = True
        return result
    finally:
        _give_back(raw)


def _give_back(raw: PoolProxiedConnection) -> None:
    """Give the connection back without a transaction, or not at all."""
    try:
        if _in_transaction(raw.dbapi_connection):
            raw.rollback()
    except (pymysql.MySQLError, OSError):
        raw.invalidate()
    else:
        raw.close()


def _in_transaction(connection: DBAPIConnection | None) -> bool:
    """Ask the driver, which has it from the server's last answer; a closed connection must say so."""
    if not isinstance(connection, pymysql.Connection) or not connection.open:
        raise pymysql.InterfaceError(0, "")
    return bool(connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)


def _exchange(raw: PoolProxiedConnection, asked: Sequence[Asked]) -> list[list[Row]]:
    text = "; ".join(one.statement.text for one in asked)
    values = [one.values[name] for one in asked for name in one.statement.names]
    cursor = raw.cursor()
    answers: list[list[Row]] = []
    try:
        cursor.execute(text, values or None)
        for number, one in enumerate(asked):
            if number:
                cursor.nextset()
            if one.statement.counts:
                answers.append([{"count": cursor.rowcount}])
            elif one.statement.columns:
                answers.append(
                    [dict(zip(one.statement.columns, row, strict=True)) for row in cursor.fetchall()]
                )
    finally:
        cursor.close()
    return answers
