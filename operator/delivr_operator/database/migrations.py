"""EDGE: applies and takes back migration 003, under a lock, recorded, safe to repeat and to interrupt."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from importlib import resources

from pydantic import SecretStr
from sqlalchemy import Connection, Engine

from delivr_operator.database.connection import open_engine
from delivr_operator.database.outages import DatabaseUnavailable, Outage, outages
from delivr_operator.database.schema import observe
from delivr_operator.database.steps import (
    REFERRED,
    SHAPES,
    Before,
    Blocker,
    Obstacle,
    Standing,
    Step,
    checksum,
    downward,
    misfits,
    referred_characters,
    remembered,
    upward,
)

MIGRATION = 3
NAME = "003_tenant_release_settings"
RECORDS = "delivr_operator_migrations"
STATEMENT_SECONDS = 600
LOCK_SECONDS = 60
LISTED_ORPHANS = 20

_CREATE_RECORDS = (
    f"CREATE TABLE IF NOT EXISTS {RECORDS} (id SMALLINT NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL, "
    "checksum CHAR(64) NOT NULL, found LONGTEXT NOT NULL, "
    "startedAt DATETIME NOT NULL, appliedAt DATETIME NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
)


class MigrationState(Enum):
    """How a database stands to the migration."""

    PENDING = "pending"
    APPLIED = "applied"
    INCOMPLETE = "incomplete: begun and not ended, or something was taken away since"
    ALTERED = "applied by a version of this migration that did something else"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """How a database stands now, what was done just now, and what a person has to mend first."""

    state: MigrationState
    done: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()


@dataclass(frozen=True, slots=True)
class _Record:
    """What `up` noted before it changed anything."""

    checksum: str
    before: Mapping[str, Before]
    applied: bool


def migration_engine(url: SecretStr) -> Engine:
    """Return an engine for the functions below: one connection, and patience for a big table."""
    return open_engine(url, pool_size=1, exchange_seconds=STATEMENT_SECONDS)


def migrate_up(engine: Engine) -> MigrationReport:
    """Bring the tables to the plan's shape, or change nothing and say what is in the way.

    Raises:
        DatabaseUnavailable: it broke off; a repeat goes on from there.
    """
    with _locked(engine) as connection:
        standing = _standing(connection)
        record = _read_record(connection)
        before = _assess(connection, standing, record)
        if before.state in (MigrationState.APPLIED, MigrationState.ALTERED, MigrationState.BLOCKED):
            return before
        if record is None:
            _begin(connection, standing)
        done = _carry_out(connection, upward(standing, _script()))
        connection.exec_driver_sql(
            f"UPDATE {RECORDS} SET appliedAt = CURRENT_TIMESTAMP WHERE id = %s",  # noqa: S608
            (MIGRATION,),
        )
        return MigrationReport(MigrationState.APPLIED, done)


def migrate_down(engine: Engine) -> MigrationReport:
    """Undo exactly what `migrate_up` did; nothing where it did nothing.

    Raises:
        DatabaseUnavailable: it broke off; a repeat goes on from there.
    """
    with _locked(engine) as connection:
        record = _read_record(connection)
        if record is None:
            return MigrationReport(MigrationState.PENDING)
        connection.exec_driver_sql(
            f"UPDATE {RECORDS} SET appliedAt = NULL WHERE id = %s",  # noqa: S608
            (MIGRATION,),
        )
        rollback = _script("_rollback")
        done = _carry_out(connection, downward(_standing(connection), record.before, rollback))
        # The record goes last and as a whole: until then a repeat knows what stood before.
        connection.exec_driver_sql(f"DROP TABLE {RECORDS}")
        return MigrationReport(MigrationState.PENDING, done)


def migration_status(engine: Engine) -> MigrationReport:
    """Return how the database stands, without changing or locking anything.

    Raises:
        DatabaseUnavailable: it gave no answer.
    """
    with outages(), engine.connect() as connection:
        return _assess(connection, _standing(connection), _read_record(connection))


def lock_name(database: str) -> str:
    """Return the name of the server-wide lock for one database, within MySQL's 64 characters."""
    return f"delivr-operator {hashlib.sha256(database.encode()).hexdigest()[:32]}"


@contextmanager
def _locked(engine: Engine) -> Iterator[Connection]:
    with outages(), engine.connect() as connection:
        database = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
        asked = (lock_name(str(database)), LOCK_SECONDS)
        got = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", asked).scalar_one()
        if got != 1:
            raise DatabaseUnavailable(Outage.LOCK_TIMEOUT)
        try:
            connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")
            yield connection
        finally:
            # A lost connection has lost its lock as well; closing this one releases it for certain.
            connection.invalidate()


def _standing(connection: Connection) -> Standing:
    return observe(connection, (*REFERRED, *SHAPES))


def _script(suffix: str = "") -> str:
    return resources.files(__package__).joinpath("sql", f"{NAME}{suffix}.sql").read_text("utf-8")


def _assess(connection: Connection, standing: Standing, record: _Record | None) -> MigrationReport:
    if record is not None and record.checksum != checksum(_script()):
        return MigrationReport(MigrationState.ALTERED)
    blockers = tuple(misfits(standing)) or tuple(_orphans(connection, standing))
    if blockers:
        return MigrationReport(MigrationState.BLOCKED, blockers=blockers)
    if record is None:
        return MigrationReport(MigrationState.PENDING)
    whole = record.applied and not any(upward(standing, _script()))
    return MigrationReport(MigrationState.APPLIED if whole else MigrationState.INCOMPLETE)


def _orphans(connection: Connection, standing: Standing) -> Iterator[Blocker]:
    """Find rows that a missing foreign key would refuse, compared as that key will compare."""
    characters = referred_characters(standing)
    for table, shape in SHAPES.items():
        for column, reference in shape.references.items():
            if table not in standing or standing[table].refers(column, reference.table):
                continue
            converted = f"CONVERT(o.`{column}` USING {characters[reference.table].name})"
            condition = (
                f"FROM `{table}` o LEFT JOIN `{reference.table}` r "
                f"ON r.id = {converted} COLLATE {characters[reference.table].collation} "
                f"WHERE r.id IS NULL AND o.`{column}` IS NOT NULL"
            )
            key = "id" if "id" in standing[table].columns else column
            count = connection.exec_driver_sql(f"SELECT COUNT(*) {condition}").scalar_one()
            if count:
                ids = connection.exec_driver_sql(
                    f"SELECT o.`{key}` {condition} ORDER BY o.`{key}` LIMIT {LISTED_ORPHANS}"
                ).scalars()
                yield Blocker(Obstacle.ORPHANS, f"{table}.{column}", tuple(map(str, ids)), int(count))


def _begin(connection: Connection, standing: Standing) -> None:
    """Note what stands before anything is changed: only so can `down` undo exactly what `up` did."""
    found = {table: asdict(remembered(standing[table])) for table in SHAPES if table in standing}
    connection.exec_driver_sql(_CREATE_RECORDS)
    connection.exec_driver_sql(
        f"INSERT INTO {RECORDS} (id, name, checksum, found, startedAt) "  # noqa: S608
        "VALUES (%s, %s, %s, %s, CURRENT_TIMESTAMP)",
        (MIGRATION, NAME, checksum(_script()), json.dumps(found)),
    )


def _read_record(connection: Connection) -> _Record | None:
    if RECORDS not in observe(connection, [RECORDS]):
        return None
    row = connection.exec_driver_sql(
        f"SELECT checksum, found, appliedAt FROM {RECORDS} WHERE id = %s",  # noqa: S608
        (MIGRATION,),
    ).one_or_none()
    if row is None:
        return None
    before = {
        table: Before(one["definitions"], tuple(one["foreign_keys"]), tuple(one["indexes"]))
        for table, one in json.loads(row[1]).items()
    }
    return _Record(row[0], before, row[2] is not None)


def _carry_out(connection: Connection, steps: Iterator[Step]) -> tuple[str, ...]:
    done = []
    for step in steps:
        connection.exec_driver_sql(step.sql)
        done.append(step.says)
    return tuple(done)
