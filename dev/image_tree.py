"""Lays out the operator's image: Python, the operator and the libraries of both, and nothing else.

Runs in the build stage, on the standard library alone: `image_tree.py ENVIRONMENT TARGET`. No shell, no
package manager and no program but Python come along: whoever breaks into the container finds no tool in it.
"""

import os
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from compileall import compile_dir
from pathlib import Path
from py_compile import PycInvalidationMode
from shutil import copy2, copytree, ignore_patterns

# Parts of the standard library that a server has no use for, among them the means to install something.
UNUSED = ("__pycache__", "site-packages", "dist-packages", "ensurepip", "idlelib", "lib2to3", "test", "tests")
DESKTOP = ("config-*", "pydoc_data", "tkinter", "turtle*", "_tkinter*")
LOOKUPS = (Path("/etc/ld.so.cache"), Path("/etc/nsswitch.conf"))
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def lay_out(environment: Path, target: Path) -> None:
    """`target` holds a root file system in which the programs of `environment` run."""
    for link in ("bin", "lib", "lib64", "sbin"):  # where the base has them as links into /usr
        if Path("/", link).is_symlink():
            (target / "usr" / link).mkdir(parents=True, exist_ok=True)
            (target / link).symlink_to(f"usr/{link}")
    for folder in ("dev", "proc", "run", "sys"):
        (target / folder).mkdir()
    (target / "tmp").mkdir()
    (target / "tmp").chmod(0o1777)
    _standard_library(target)
    copytree(environment, _below(target, environment), symlinks=True)
    program = Path(os.path.realpath(sys.executable))
    for file in (program, *LOOKUPS, *_libraries([program, *_extensions(target)])):
        if file.exists():
            _copy(file, target)
    for name in {"python3", program.name} - {program.name}:
        (_below(target, program).parent / name).symlink_to(program.name)
    trusted = _below(target, Path(ssl.get_default_verify_paths().openssl_cafile))
    trusted.parent.mkdir(parents=True, exist_ok=True)
    trusted.symlink_to(BUNDLE)  # the file itself comes from the base: builders mount their own over it


def _standard_library(target: Path) -> None:
    library = Path(sysconfig.get_path("stdlib"))
    copied = _below(target, library)
    copytree(library, copied, ignore=ignore_patterns(*UNUSED, *DESKTOP))
    for module in copied.rglob("*.py"):
        module.chmod(0o644)  # some may be run as programs
    trusted = PycInvalidationMode.UNCHECKED_HASH
    compile_dir(copied, quiet=1, stripdir=str(target), invalidation_mode=trusted)


def _extensions(target: Path) -> Iterator[Path]:
    """All compiled modules of `target`, each where it stands outside, with its libraries beside it."""
    for found in target.rglob("*.so*"):
        yield Path("/") / found.relative_to(target)


def _libraries(files: Iterable[Path]) -> set[Path]:
    """Whatever the loader loads for them, itself included, and not what they bring along."""
    answer = subprocess.run(
        ["ldd", *map(str, files)], capture_output=True, text=True, check=True, env={"LC_ALL": "C"}
    )
    if "not found" in answer.stdout:
        raise SystemExit(f"a library is missing:\n{answer.stdout}")
    words = (word for line in answer.stdout.splitlines() if not line.endswith(":") for word in line.split())
    return {Path(word) for word in words if word.startswith("/")}


def _copy(file: Path, target: Path) -> None:
    wanted = _below(target, file)
    if not wanted.exists():
        wanted.parent.mkdir(parents=True, exist_ok=True)
        copy2(file, wanted)


def _below(target: Path, path: Path) -> Path:
    """Where `path` stands in `target`: under its own name, in the folder that its folder really is."""
    return target / Path(os.path.realpath(path.parent), path.name).relative_to("/")


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]), Path(sys.argv[2]))
