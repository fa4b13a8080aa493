"""Which database server program runs here, and how a data folder of it is made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dev.packages import unpacked
from dev.process import StartError

KINDS = ("mysql", "mariadb")
PACKAGES = {
    "mysql": ("mysql-server-core", "mysql-server-core-8.4", "mysql-server-core-8.0"),
    "mariadb": ("mariadb-server-core", "mariadb-server-core-10.6"),
}
SUITES = {"mysql": "sid", "mariadb": None}  # Debian keeps MySQL in sid only
MARIADB_BOOTSTRAP = (
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
)


@dataclass(frozen=True)
class Program:
    """A database server that runs on this machine."""

    kind: str
    command: tuple[str, ...]
    base: Path
    messages: Path
    version: str

    def arguments(self, data: Path) -> list[str]:
        """The words that every run of it on that data folder begins with."""
        words = [
            *self.command,
            "--no-defaults",
            f"--basedir={self.base}",
            f"--datadir={data}",
            f"--lc-messages-dir={self.messages}",
            *(
                "--innodb-buffer-pool-size=64M",
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-doublewrite=0",
            ),
            "--character-set-server=utf8mb4",  # MySQL's own default; a bare MariaDB says latin1
            *("--innodb-flush-method=nosync", "--skip-log-bin", "--performance-schema=OFF"),
        ]
        if self.kind == "mysql":
            words += ["--secure-file-priv=NULL", "--mysqlx=OFF", "--loose-innodb-redo-log-capacity=32M"]
        else:
            words += ["--innodb-log-file-size=16M"]
        if os.geteuid() == 0:
            words.append("--user=root")  # refuses to run as root otherwise
        return words


def program(kind: str) -> Program:
    """A server of that kind: the machine's own where it can be used, else the distribution's package."""
    return _installed(kind) or _packaged(kind)


def _installed(kind: str) -> Program | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in {"mysql": ("mysqld",), "mariadb": ("mariadbd", "mysqld")}[kind]:
        found = shutil.which(name, path=path)
        # A confined server may not write to a data folder of ours.
        if found and not Path(f"/etc/apparmor.d/usr.sbin.{Path(found).resolve().name}").exists():
            made = _described(kind, (found,), Path(found).resolve().parent.parent)
            if made:
                return made
    return None


def _packaged(kind: str) -> Program:
    folder = unpacked(PACKAGES[kind], SUITES[kind])
    server = {"mysql": "usr/sbin/mysqld", "mariadb": "usr/sbin/mariadbd"}[kind]
    made = _described(kind, tuple(folder.command(server)), folder.root / "usr")
    if made is None:
        raise StartError(f"the {kind} server of the package does not run on this machine")
    return made


def _described(kind: str, command: tuple[str, ...], base: Path) -> Program | None:
    answer = subprocess.run(
        [*command, "--no-defaults", "--version"], check=False, capture_output=True, text=True
    )
    is_mariadb = "mariadb" in answer.stdout.lower()
    messages = next(
        (base / "share" / name for name in (kind, "mysql") if (base / "share" / name).is_dir()), None
    )
    if answer.returncode != 0 or is_mariadb != (kind == "mariadb") or messages is None:
        return None
    if kind == "mariadb" and not all((messages / name).exists() for name in MARIADB_BOOTSTRAP):
        return None
    version = re.search(r"Ver (\S+)", answer.stdout)
    return Program(kind, command, base, messages, version.group(1) if version else "unknown")


def initialise(server: Program, data: Path) -> None:
    """The folder is a data folder in which nobody can log in over the network yet."""
    data.mkdir(mode=0o700, parents=True)
    if server.kind == "mysql":
        words, script = [*server.arguments(data), "--initialize-insecure"], None
    else:
        words, script = [*server.arguments(data), "--bootstrap"], _bootstrap(server.messages)
    answer = subprocess.run(words, check=False, capture_output=True, text=True, input=script)
    if answer.returncode != 0:
        raise StartError(f"no data folder for {server.kind}:\n{(answer.stderr or answer.stdout)[-3000:]}")
    (data / "auto.cnf").unlink(missing_ok=True)  # the server's identity: each copy makes its own


def _bootstrap(share: Path) -> str:
    opening = [
        "CREATE DATABASE IF NOT EXISTS mysql;",
        "USE mysql;",
        "SET @auth_root_socket = 'root';",  # root logs in as the operating system's root only
        "SET @skip_auth_anonymous = 1;",
    ]
    return "\n".join([*opening, *((share / name).read_text() for name in MARIADB_BOOTSTRAP)])
