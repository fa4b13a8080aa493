"""What is brought from a package registry is what was pinned, whole or not at all."""

import base64
import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from dev.cache import cache_directory
from dev.process import StartError
from dev.published import Package, published


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Put an `npm` on PATH that hands out one package, whatever it is asked for."""
    archive = tmp_path / "thing.tgz"
    with tarfile.open(archive, "w:gz") as opened:
        for name, content in (("package/spec.json", b"{}"), ("package/other", b"")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    programs = tmp_path / "programs"
    programs.mkdir()
    npm = programs / "npm"
    npm.write_text(
        f'#!/bin/sh\nwhile [ "$1" != --pack-destination ]; do shift; done\ncp {archive} "$2/thing-1.tgz"\n'
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("DELIVR_DEV_CACHE", str(tmp_path / "cache"))
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    return Package("npm", "thing", "1.0.0", f"sha512-{digest}", ("package/spec.json",))


def test_only_the_named_files_of_the_pinned_package_are_kept(packed: Package) -> None:
    assert [(each.name, each.read_text()) for each in published(packed).iterdir()] == [("spec.json", "{}")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"digest": "sha512-" + "A" * 86 + "=="}, "not the package that was pinned"),
        ({"files": ("package/absent.json",)}, "holds no package/absent.json"),
    ],
)
def test_another_package_leaves_nothing_in_the_cache(
    packed: Package, change: dict[str, str], words: str
) -> None:
    with pytest.raises(StartError, match=words):
        published(replace(packed, **change))  # type: ignore[arg-type]  # one of two fields, each of its own type
    assert list((cache_directory() / "published").iterdir()) == []
