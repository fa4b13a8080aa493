import pymysql
import pytest
from sqlalchemy import exc

from delivr_operator.database.outages import (
    DatabaseUnavailable,
    Outage,
    is_deadlock,
    is_lost_connection,
    outages,
)

WORDS = "Access denied for user 'delivr' (using password: hunter2)"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (2003, Outage.UNREACHABLE),
        (2006, Outage.UNREACHABLE),
        (2013, Outage.UNREACHABLE),
        (1040, Outage.UNREACHABLE),
        (1045, Outage.ACCESS_DENIED),
        (1142, Outage.ACCESS_DENIED),
        (3159, Outage.TLS_REQUIRED),
        (1146, Outage.SCHEMA_MISSING),
        (1054, Outage.SCHEMA_MISSING),
        (1049, Outage.SCHEMA_MISSING),
        (1290, Outage.READ_ONLY),
        (1205, Outage.LOCK_TIMEOUT),
        (1213, Outage.LOCK_TIMEOUT),
        (1114, Outage.FULL),
        (1406, Outage.COLUMN_TOO_SHORT),
        (1452, Outage.FOREIGN_KEY_GONE),
        (1064, Outage.OTHER),
    ],
)
def test_a_number_says_what_is_wrong_and_no_word_goes_through(number: int, expected: Outage) -> None:
    driver = pymysql.OperationalError(number, WORDS)
    for error in (driver, exc.OperationalError("INSERT INTO secrets", ("hunter2",), driver)):
        with pytest.raises(DatabaseUnavailable) as caught, outages():
            raise error
        assert caught.value.reason is expected
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        assert "hunter2" not in f"{caught.value!r} {caught.value} {caught.value.sentence}"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (exc.TimeoutError("QueuePool limit"), Outage.UNREACHABLE),
        (OSError("reset"), Outage.UNREACHABLE),
        (pymysql.InterfaceError(0, ""), Outage.UNREACHABLE),
        (pymysql.OperationalError("words without a number"), Outage.OTHER),
        (pymysql.OperationalError(), Outage.OTHER),
        (exc.InvalidRequestError("closed"), Outage.OTHER),
    ],
)
def test_failures_without_a_server_are_outages_too(error: Exception, expected: Outage) -> None:
    with pytest.raises(DatabaseUnavailable) as caught, outages():
        raise error
    assert caught.value.reason is expected


def test_a_bug_stays_a_bug() -> None:
    with pytest.raises(KeyError), outages():
        raise KeyError("name")


def test_every_reason_is_one_sentence() -> None:
    for reason in Outage:
        assert reason.value[0].isupper()
        assert reason.value.endswith(".")


def test_a_deadlock_is_told_from_a_long_wait() -> None:
    assert is_deadlock(pymysql.OperationalError(1213, WORDS))
    assert not is_deadlock(pymysql.OperationalError(1205, WORDS))


def test_a_closed_connection_is_told_from_a_slow_server() -> None:
    closed, slow = pymysql.OperationalError(2013, WORDS), pymysql.OperationalError(2013, WORDS)
    slow.__context__ = TimeoutError()
    assert is_lost_connection(closed)
    assert not is_lost_connection(slow)
    assert not is_lost_connection(pymysql.OperationalError(2003, WORDS))
