import threading
from pathlib import Path

import pytest

from dev.cache import fingerprint, made_once
from dev.go_toolchain import required_version, version_numbers


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELIVR_DEV_CACHE", str(tmp_path / "cache"))


def test_a_thing_is_made_once() -> None:
    runs: list[Path] = []

    def make(folder: Path) -> None:
        runs.append(folder)
        (folder / "file").write_text("content")

    assert made_once("bin/tool", make) == made_once("bin/tool", make)
    assert (made_once("bin/tool", make) / "file").read_text() == "content"
    assert len(runs) == 1


def test_a_failed_try_leaves_nothing_and_the_next_one_succeeds() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        made_once("tool", fail)
    folder = made_once("tool", lambda _: None)
    assert list(folder.iterdir()) == []
    assert [path.name for path in folder.parent.glob(".tool.*")] == []


def test_what_a_killed_try_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "cache" / ".tool.dead").mkdir(parents=True)
    made_once("tool", lambda _: None)
    assert not (tmp_path / "cache" / ".tool.dead").exists()


def test_two_who_want_the_same_make_it_once() -> None:
    runs: list[int] = []
    begun = threading.Event()
    go_on = threading.Event()

    def make(_folder: Path) -> None:
        runs.append(1)
        begun.set()
        assert go_on.wait(20)

    first = threading.Thread(target=made_once, args=("tool", make))
    first.start()
    assert begun.wait(20)
    second = threading.Thread(target=made_once, args=("tool", make))
    second.start()
    go_on.set()
    first.join(20)
    second.join(20)
    assert runs == [1]


def test_a_fingerprint_tells_parts_apart() -> None:
    assert fingerprint("a", "bc") != fingerprint("ab", "c")
    assert fingerprint("a", b"b") == fingerprint("a", "b")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("go1.26.8", (1, 26, 8)), ("v1.32.4-dispatcher", (1, 32, 4)), ("go1.27", (1, 27, 0)), ("devel", ())],
)
def test_versions_are_read(text: str, numbers: tuple[int, ...]) -> None:
    assert version_numbers(text) == numbers


def test_the_tool_module_says_which_go_it_needs() -> None:
    assert required_version() >= (1, 26)
