"""Failures that nobody expected are said by their type and places; their text may hold a credential."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from delivr_operator.last_words import described, places

CANARY = "c4naryZq"
FAILURES = {
    "uncaught": "raise ValueError(canary) from KeyError(canary)",
    "in a thread": "t = threading.Thread(target=lambda: int(canary)); t.start(); t.join()",
    "in a destructor": "type('T', (), {'__del__': lambda self: int(canary)})()",
    "in a group": "raise ExceptionGroup(canary, [ValueError(canary)])",
}


def ran(code: str, *options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    before = f"import threading; canary = '{CANARY}'"
    program = f"from delivr_operator.last_words import keep_quiet_when_failing\n{before}\n{code}"
    return subprocess.run(
        [sys.executable, *options, "-c", program], capture_output=True, text=True, check=False, cwd=folder
    )


@pytest.mark.parametrize("options", [(), ("-X", "dev")], ids=["usual", "dev"])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_the_interpreter_reports_no_text(failure: str, options: tuple[str, ...], tmp_path: Path) -> None:
    loud = ran(failure, *options, folder=tmp_path)
    assert CANARY in loud.stderr
    quiet = ran(f"keep_quiet_when_failing()\n{failure}", *options, folder=tmp_path)
    assert quiet.returncode == loud.returncode
    assert quiet.stderr.startswith("delivr-operator: ")
    assert " at " in quiet.stderr
    assert "<string>:" in quiet.stderr
    assert CANARY not in quiet.stdout + quiet.stderr


def test_an_interrupt_is_no_failure(tmp_path: Path) -> None:
    assert ran("keep_quiet_when_failing()\nraise KeyboardInterrupt", folder=tmp_path).stderr == ""


def test_no_memory_is_left_behind(tmp_path: Path) -> None:
    code = "import os, resource\nsoft, hard = resource.getrlimit(resource.RLIMIT_CORE)\n"
    abort = (
        "keep_quiet_when_failing()\nprint(*resource.getrlimit(resource.RLIMIT_CORE), flush=True)\nos.abort()"
    )
    ended = ran(code + abort, "-X", "faulthandler", folder=tmp_path)
    assert ended.stdout == "0 0\n"
    assert ended.returncode == -signal.SIGABRT
    assert "Current thread" in ended.stderr
    assert CANARY not in ended.stderr
    assert not [*tmp_path.iterdir()]


def test_a_failure_is_described_by_type_and_places() -> None:
    with pytest.raises(ValueError, match=CANARY) as caught:
        int(CANARY)
    assert described(caught.value).startswith("ValueError at test_last_words.py:")
    assert described(ValueError(CANARY)) == "ValueError at no known place"
    assert places(None) == ""
