"""What the database's failures mean, by their numbers; no word of the server goes further than here."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import pymysql
from pymysql.constants import CR
from sqlalchemy import exc as sqlalchemy_errors


class Outage(Enum):
    """Why the database did not do what it was asked; the value is a sentence for people."""

    UNREACHABLE = "The database cannot be reached."
    ACCESS_DENIED = "The database refuses the operator's user, or a right that it needs."
    TLS_REQUIRED = "The database demands TLS; add ssl_ca to DATABASE_URL."
    SCHEMA_MISSING = "A table or column is missing in the database; run: delivr-operator migrate up."
    READ_ONLY = "The database is read-only."
    LOCK_TIMEOUT = "Another session holds the tenant's rows for too long."
    FULL = "The database has no space left."
    COLUMN_TOO_SHORT = "A value does not fit into its column."
    FOREIGN_KEY_GONE = "The tenant or the account is gone from the database."
    OTHER = "The database refused a statement."

    @property
    def concerns_everybody(self) -> bool:
        """Tell whether no tenant's rows can be had, rather than these ones."""
        return self not in {Outage.LOCK_TIMEOUT, Outage.COLUMN_TOO_SHORT, Outage.FOREIGN_KEY_GONE}


_NUMBERS = {
    Outage.UNREACHABLE: (
        *(CR.CR_CONNECTION_ERROR, CR.CR_CONN_HOST_ERROR, CR.CR_UNKNOWN_HOST, CR.CR_SERVER_GONE_ERROR),
        *(CR.CR_SERVER_LOST, CR.CR_SERVER_LOST_EXTENDED, CR.CR_COMMANDS_OUT_OF_SYNC, 0),
        *(1040, 1053, 1077, 1079, 1080, 1129, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226),
        *(1317, 1927, 3168, 3169, 4031),
    ),
    Outage.ACCESS_DENIED: (
        *(1044, 1045, 1130, 1131, 1132, 1133, 1142, 1143, 1227, 1251, 1275, 1370, 1396, 1698),
        *(1820, 1862, 2059, 3118, 3878, 4151),
    ),
    Outage.TLS_REQUIRED: (CR.CR_SSL_CONNECTION_ERROR, 3159),
    Outage.SCHEMA_MISSING: (1046, 1049, 1051, 1054, 1109, 1146),
    Outage.READ_ONLY: (1290, 1792, 1836, 3707),
    Outage.LOCK_TIMEOUT: (1020, 1205, 1213, 1614, 3572),
    Outage.FULL: (1021, 1026, 1041, 1114, 3675),
    Outage.COLUMN_TOO_SHORT: (1264, 1265, 1366, 1406),
    Outage.FOREIGN_KEY_GONE: (1216, 1217, 1451, 1452),
}
"""Server error numbers that MySQL 5.7 to 9 and MariaDB 10.11 share, or that only one of them uses."""

_BY_NUMBER = {number: outage for outage, numbers in _NUMBERS.items() for number in numbers}
_DEADLOCKS = {1213, 1020}
_LOST = {CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST, CR.CR_SERVER_LOST_EXTENDED, 1053, 1927, 4031, 0}


class DatabaseUnavailable(Exception):  # noqa: N818 - an outage, not a programming error
    """The database did not do what it was asked; nothing of this attempt stands."""

    def __init__(self, reason: Outage) -> None:
        super().__init__(reason.name)
        self.reason = reason

    @property
    def sentence(self) -> str:
        """The reason in the operator's own words."""
        return self.reason.value


@contextmanager
def outages() -> Iterator[None]:
    """Turn every failure of driver, pool and server into a DatabaseUnavailable without their words."""
    try:
        yield
    except (pymysql.MySQLError, sqlalchemy_errors.SQLAlchemyError, OSError) as error:
        raise DatabaseUnavailable(outage_of(error)) from None


def outage_of(error: BaseException) -> Outage:
    """Return what `error` means."""
    if isinstance(error, sqlalchemy_errors.TimeoutError | OSError):
        return Outage.UNREACHABLE
    number = number_of(error)
    return Outage.OTHER if number is None else _BY_NUMBER.get(number, Outage.OTHER)


def number_of(error: BaseException) -> int | None:
    """Return the server's or the driver's error number."""
    original = error.orig if isinstance(error, sqlalchemy_errors.DBAPIError) else error
    first = original.args[0] if original is not None and original.args else None
    return first if isinstance(first, int) else None


def is_deadlock(error: BaseException) -> bool:
    """Tell whether the transaction was rolled back for another's sake, so that repeating it helps."""
    return number_of(error) in _DEADLOCKS


def is_lost_connection(error: BaseException) -> bool:
    """Tell whether the connection was closed from the other side; a time-out of ours is none."""
    return number_of(error) in _LOST and not isinstance(error.__context__, TimeoutError)
