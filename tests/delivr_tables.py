"""Databases as Delivr leaves them, for tests to migrate and write to."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from pydantic import SecretStr

from delivr_operator.database import Database, migrate_up, migration_engine
from delivr_operator.sealing import Sealer
from dev.database_server import DatabaseAccess

DATA = Path(__file__).parent / "data"
BASE, LEGACY = "base_tables.sql", "legacy_tenant_integrations.sql"
CATEGORIES = DATA / "category_tables.sql"
PASSPHRASE = "a passphrase of thirty-two chars"
"""Delivr's own."""
TENANT, TWIN, UUID_TENANT = "Kp3xQ7_m-Z", "kp3xq7_m-z", "3f0c5a52-8d0e-4c1b-9a5e-6f7f1f0c2b11"
OWNER, OTHER_OWNER = "own_7Qx2-", "own_other"


@dataclass(frozen=True)
class DelivrDatabase:
    """One database of a running server."""

    access: DatabaseAccess
    name: str

    @property
    def url(self) -> SecretStr:
        return SecretStr(self.access.url(self.name))

    def run(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Run one statement in UTC, by a connection of its own."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def connect(self) -> pymysql.Connection[pymysql.cursors.Cursor]:
        connection = self.access.connect(self.name)
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
        return connection

    @contextmanager
    def opened(
        self, sealer: Sealer, category_sealer: Sealer | None = None, pool_size: int = 4
    ) -> Iterator[Database]:
        """Offer it as the operator has it."""
        database = Database.connect(self.url, sealer, pool_size, category_sealer)
        try:
            yield database
        finally:
            database.close()

    def load(self, file: str) -> None:
        """Run a script of ours."""
        self.access.load(self.name, DATA / file)

    def schema(self) -> dict[str, str]:
        """The server's own DDL of every table."""
        tables = [next(iter(row.values())) for row in self.run("SHOW TABLES")]
        return {name: self.run(f"SHOW CREATE TABLE `{name}`")[0]["Create Table"] for name in tables}


@contextmanager
def migrated_database(access: DatabaseAccess, *scripts: str) -> Iterator[DelivrDatabase]:
    """The same with the plan's tables, and those of more scripts of ours."""
    with delivr_database(access) as database:
        engine = migration_engine(database.url)
        migrate_up(engine)
        engine.dispose()
        for script in scripts:
            database.load(script)
        yield database


@contextmanager
def delivr_database(
    access: DatabaseAccess, charset: str = "utf8mb4", collation: str | None = None, *, legacy: bool = False
) -> Iterator[DelivrDatabase]:
    """A database with Delivr's own tables in it, for as long as the block runs."""
    database = DelivrDatabase(access, f"t_{uuid.uuid4().hex}")
    access.create_database(database.name, charset, collation)
    try:
        database.load(BASE)
        if legacy:
            database.load(LEGACY)
        yield database
    finally:
        access.drop_database(database.name)
