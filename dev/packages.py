"""Programs of the distribution's packages, unpacked into the cache: no root, nothing installed."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dev.apt_sources import Source, at_suite, of_distribution, os_release, parse_deb822, parse_one_line
from dev.cache import fingerprint, made_once
from dev.process import StartError
from dev.progress import step

# The server and the libraries below it; not the interpreters that its maintenance scripts would use.
WANTED = re.compile(r"^(lib(?!perl)|zlib|mysql-|mariadb-)")
LAYOUT = "1"  # changes when what is unpacked, or how, changes


@dataclass(frozen=True)
class Unpacked:
    """A folder that holds a program with every library it needs."""

    root: Path

    def command(self, program: str) -> list[str]:
        """The words that run a program of the folder with the folder's own libraries."""
        loader = next(iter(sorted(self.root.rglob("ld-linux*.so.*"))), None)
        if loader is None:
            raise StartError(f"{self.root} holds no dynamic loader")
        libraries = {found.parent for found in self.root.rglob("lib*.so.*") if "gconv" not in found.parts}
        path = ":".join(str(one) for one in sorted(libraries))
        return [str(loader), "--library-path", path, str(self.root / program)]


def unpacked(
    package_names: tuple[str, ...], debian_suite: str | None = None, *, with_libraries: bool = True
) -> Unpacked:
    """The first of the packages that exists is unpacked with its libraries, from the machine's own mirror.

    On Debian another suite of the same mirror may be named.
    """
    missing = [tool for tool in ("apt-get", "apt-cache", "dpkg-deb") if not shutil.which(tool)]
    if missing:
        raise StartError(
            f"no {package_names[0]}: install it and put it on PATH (no {missing[0]} to fetch it with)"
        )
    system = os_release(Path("/etc/os-release").read_text())
    suite = debian_suite if system.get("ID") == "debian" else None
    sources = _sources(system.get("VERSION_CODENAME", ""), suite)
    if not sources:
        raise StartError(f"no {package_names[0]}: this machine's apt names no source of its own distribution")
    stanzas = "\n".join(source.as_deb822() for source in sources)
    name = f"packages/{package_names[0]}-{fingerprint(LAYOUT, stanzas, platform.machine())}"
    return Unpacked(
        made_once(name, lambda folder: _unpack(package_names, stanzas, folder, with_libraries=with_libraries))
    )


def _sources(codename: str, suite: str | None) -> list[Source]:
    etc = Path("/etc/apt")
    found: list[Source] = []
    for path in sorted([etc / "sources.list", *(etc / "sources.list.d").glob("*")]):
        if path.is_file() and path.suffix in (".list", ".sources"):
            parse = parse_deb822 if path.suffix == ".sources" else parse_one_line
            found += parse(path.read_text())
    own = of_distribution(found, codename)
    return at_suite(own, codename, suite) if suite else own


def _unpack(package_names: tuple[str, ...], stanzas: str, target: Path, *, with_libraries: bool) -> None:
    with (
        step(f"fetching {package_names[0]} from this machine's package mirror"),
        tempfile.TemporaryDirectory(prefix=".apt.", dir=target.parent) as private,
    ):
        apt = _Apt(Path(private), stanzas)
        apt.run("apt-get", "update", "--quiet")
        package = next((name for name in package_names if apt.has(name)), None)
        if package is None:
            raise StartError(
                f"no {package_names[0]}: this machine's package mirror has none; put one on PATH"
            )
        for archive in apt.download(apt.closure(package) if with_libraries else [package]):
            subprocess.run(["dpkg-deb", "--extract", archive, target], check=True)


class _Apt:
    """An apt with lists, cache and state of its own: the machine's are neither needed nor changed."""

    def __init__(self, private: Path, stanzas: str) -> None:
        self._private = private
        for folder in ("state/lists/partial", "cache/archives/partial", "archives"):
            (private / folder).mkdir(parents=True)
        (private / "status").touch()
        (private / "used.sources").write_text(stanzas)
        self._options = [
            f"-oDir::Etc::sourcelist={private / 'used.sources'}",
            "-oDir::Etc::sourceparts=-",
            f"-oDir::State={private / 'state'}",
            f"-oDir::State::status={private / 'status'}",  # nothing is installed: every library comes along
            f"-oDir::Cache={private / 'cache'}",
            "-oAcquire::Languages=none",
            "-oAcquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
            "-oAcquire::Retries=3",
        ]
        if os.geteuid() == 0:
            self._options.append("-oAPT::Sandbox::User=root")

    def run(self, program: str, *arguments: str) -> str:
        answer = subprocess.run(
            [program, *self._options, *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self._private / "archives",
            env={**os.environ, "LC_ALL": "C"},
        )
        if answer.returncode != 0:
            raise StartError(f"{program} {' '.join(arguments[:3])} failed:\n{answer.stderr[-2000:]}")
        return answer.stdout

    def has(self, package: str) -> bool:
        return bool(re.search(r"Candidate: (?!\(none\))", self.run("apt-cache", "policy", package)))

    def closure(self, package: str) -> list[str]:
        plan = self.run("apt-get", "install", "--simulate", "--yes", "--no-install-recommends", package)
        names = re.findall(r"^Inst (\S+) \((\S+)", plan, re.MULTILINE)
        return [f"{name}={version}" for name, version in names if WANTED.match(name)]

    def download(self, packages: list[str]) -> list[Path]:
        self.run("apt-get", "download", "--quiet", *packages)
        return sorted((self._private / "archives").glob("*.deb"))
