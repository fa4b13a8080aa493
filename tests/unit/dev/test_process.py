import os
import subprocess
import sys
from pathlib import Path

import pytest

from dev.process import AddressInUseError, Identity, StartError, spawn, stop, tail, wait_until

IGNORES_TERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)"
FOREVER = "; signal.pause()"


def python(code: str, log: Path) -> Identity:
    return spawn([sys.executable, "-c", code], log)


def test_a_process_is_recognised_while_it_lives_and_not_after(tmp_path: Path) -> None:
    process = python("import signal; signal.pause()", tmp_path / "log")
    assert process.alive()
    assert Identity.of(process.pid) == process
    stop(process)
    assert not process.alive()


def test_one_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = python(IGNORES_TERM + FOREVER, log)
    wait_until(lambda: "up" in log.read_text(), name="it", process=process, log=log, deadline_seconds=20)
    stop(process, patience=0.2)
    assert not process.alive()


def test_a_recycled_number_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        stop(Identity(other.pid, "another beginning"))
        assert other.poll() is None
        other.communicate(b"\n")
    assert other.returncode == 0


def test_a_process_of_nobody_is_not_alive() -> None:
    assert Identity.of(2**22 + 1) is None
    assert Identity.of(os.getpid()) is not None


def test_a_server_that_ends_early_shows_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = python("raise SystemExit('no such flag')", log)
    with pytest.raises(StartError, match="no such flag"):
        wait_until(lambda: False, name="it", process=process, log=log, deadline_seconds=20)


def test_a_taken_port_is_told_apart(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = python("raise SystemExit('bind: Address already in use')", log)
    with pytest.raises(AddressInUseError):
        wait_until(lambda: False, name="it", process=process, log=log, deadline_seconds=20)


def test_waiting_ends_at_the_deadline(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = python("import signal; signal.pause()", log)
    with pytest.raises(StartError, match="not ready after"):
        wait_until(lambda: False, name="it", process=process, log=log, deadline_seconds=0.1)
    stop(process)


def test_a_log_is_cut_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == "(no log)"
    log.write_text("".join(f"{number}\n" for number in range(100)))
    assert tail(log, lines=2) == "98\n99"
