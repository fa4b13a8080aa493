"""A MySQL or MariaDB server on loopback, with everything it keeps in one folder."""

from __future__ import annotations

import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import pymysql

from dev.cache import fingerprint, made_once
from dev.database_programs import KINDS, Program, initialise, program
from dev.ports import LOOPBACK, free_ports
from dev.process import AddressInUseError, Identity, spawn, stop, wait_until

START_SECONDS = 60.0
TRIES = 5
USER = "delivr"
LAYOUT = "1"  # changes when what a fresh data folder holds changes
IDENTIFIER = re.compile(r"[0-9A-Za-z_]{1,64}")


@dataclass(frozen=True)
class DatabaseAccess:
    """A running database server, as a user with every right on it sees it."""

    kind: str
    port: int
    password: str
    version: str = ""

    def url(self, database: str = "") -> str:
        """The address of a database, in the form that the operator's DATABASE_URL has."""
        return f"mysql+pymysql://{USER}:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}/{database}"

    def connect(self, database: str | None = None) -> pymysql.Connection[pymysql.cursors.Cursor]:
        """An open connection in autocommit mode; the caller closes it."""
        return pymysql.connect(
            host=LOOPBACK,
            port=self.port,
            user=USER,
            password=self.password,
            database=database,
            autocommit=True,
            connect_timeout=5,
        )

    def create_database(self, name: str, charset: str | None = None, collation: str | None = None) -> str:
        """An empty database of that name exists, with those defaults; gives its address."""
        statement = f"CREATE DATABASE `{_checked(name)}`"
        if charset:
            statement += f" CHARACTER SET {_checked(charset)}"
        if collation:
            statement += f" COLLATE {_checked(collation)}"
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
        return self.url(name)

    def load(self, name: str, script: Path) -> None:
        """The statements of a plain SQL file have been carried out in that database, in UTC."""
        with self.connect(name) as connection, connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            for statement in re.sub(r"--[^\n]*", "", script.read_text()).split(";"):
                if statement.strip():
                    cursor.execute(statement)

    def drop_database(self, name: str) -> None:
        """No database of that name exists."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{_checked(name)}`")

    def as_record(self) -> dict[str, str]:
        """The access as plain strings, for another process."""
        return {name: str(value) for name, value in vars(self).items()}

    @classmethod
    def from_record(cls, record: dict[str, str]) -> DatabaseAccess:
        """The access that `as_record` wrote."""
        return cls(record["kind"], int(record["port"]), record["password"], record["version"])


def _checked(identifier: str) -> str:
    if not IDENTIFIER.fullmatch(identifier):
        raise ValueError(f"not a plain identifier: {identifier!r}")
    return identifier


class DatabaseServer:
    """One server of a kind. A stopped one can be started again: data, port and password stay."""

    def __init__(self, kind: str, directory: Path, *, dies_with_parent: bool = False) -> None:
        """Nothing runs yet."""
        if kind not in KINDS:
            raise ValueError(f"no such database server: {kind}; known are {', '.join(KINDS)}")
        self.kind = kind
        self.directory = directory.absolute()
        self.processes: dict[str, Identity] = {}
        self._dies_with_parent = dies_with_parent
        self._port: int | None = None
        self._password = secrets.token_hex(16)

    def __enter__(self) -> DatabaseAccess:
        """The server answers."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The server is gone."""
        self.stop()

    def start(self) -> DatabaseAccess:
        """The server answers a login with its password."""
        server = program(self.kind)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._data.exists():
            shutil.copytree(_template(server), self._data)
        self._write_first_statements()
        for attempt in range(TRIES):
            port = self._port or free_ports(1)[0]
            access = DatabaseAccess(self.kind, port, self._password, server.version)
            try:
                self._start_at(server, access)
            except AddressInUseError:
                if self._port or attempt + 1 == TRIES:
                    raise
                continue
            self._port = port
            return access
        raise AssertionError("every try returned or raised")

    def stop(self) -> None:
        """The server is gone; its data stay."""
        process = self.processes.pop(self.kind, None)
        if process:
            stop(process, patience=30.0)

    def _start_at(self, server: Program, access: DatabaseAccess) -> None:
        process = spawn(
            [
                *server.arguments(self._data),
                *(f"--bind-address={LOOPBACK}", f"--port={access.port}", "--skip-name-resolve"),
                # Relative to the data folder: the full path may be longer than a socket's may be.
                *("--socket=server.sock", f"--pid-file={self.directory / 'server.pid'}"),
                *(f"--init-file={self._first_statements}", "--max-connections=400"),
            ],
            self._log,
            directory=self._data,
            dies_with_parent=self._dies_with_parent,
        )
        self.processes[self.kind] = process
        try:
            wait_until(
                lambda: _accepts(access),
                name=self.kind,
                process=process,
                log=self._log,
                deadline_seconds=START_SECONDS,
            )
        except BaseException:
            self.stop()
            raise

    def _write_first_statements(self) -> None:
        self._first_statements.touch(mode=0o600)
        self._first_statements.write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{self._password}';\n"
            f"ALTER USER '{USER}'@'%' IDENTIFIED BY '{self._password}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
            f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{self._password}';\n"
        )

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _log(self) -> Path:
        return self.directory / "server.log"

    @property
    def _first_statements(self) -> Path:
        return self.directory / "first.sql"


def _accepts(access: DatabaseAccess) -> bool:
    try:
        access.connect().close()
    except pymysql.MySQLError:
        return False
    return True


def _template(server: Program) -> Path:
    name = f"data/{server.kind}-{fingerprint(LAYOUT, server.version, str(server.command[-1]))}"
    return made_once(name, lambda folder: initialise(server, folder / "data")) / "data"


def prepare(kind: str) -> None:
    """A server of that kind is on this machine, and starting one takes no more than a copy."""
    _template(program(kind))
