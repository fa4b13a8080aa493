"""Compares the operator's rights with its requests once a run has ended.

Only the end knows the whole of it: each worker writes down what the audit logs of its API servers say, and
the process that began the run compares. A run that was narrowed says so, and calls nothing unused, unless
--compare-rights says that its tests use everything (`make rights`).
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rights import LEDGER, faults, granted, note_asked, read_ledger


def narrowed(config: pytest.Config) -> str:
    """Return what kept a run from being the whole one; nothing for a whole run."""
    if os.environ.get("DELIVR_TEST_KUBECONFIG"):
        return "DELIVR_TEST_KUBECONFIG, whose audit log cannot be read"
    if config.getoption("--compare-rights"):
        return ""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return f"its arguments: {' '.join(config.args)}"
    options = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise", "collectonly")
    return ", ".join(f"--{name}" for name in options if config.getoption(name, None))


_SAID = pytest.StashKey[tuple[str, ...]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a part of the tests be told to use every right."""
    parser.addoption(
        "--compare-rights", action="store_true", help="look for unused rights after a part of the tests too"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin a run's ledger; its workers inherit where it is."""
    if not hasattr(config, "workerinput"):
        os.environ[LEDGER] = tempfile.mkdtemp(prefix="delivr-rights-")


@pytest.fixture(scope="session", autouse=True)
def _asked_of_own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Note what API servers of single tests have logged, as the last act of a worker."""
    yield
    note_asked(tmp_path_factory.getbasetemp())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Compare, after the last worker has ended; a run that was broken off has failed already."""
    config = session.config
    folder = os.environ.get(LEDGER)
    if hasattr(config, "workerinput") or folder is None:
        return
    because = narrowed(config) or (
        "a stop before its end" if session.shouldfail or session.shouldstop else ""
    )
    found = faults(granted(), read_ledger(Path(folder)), whole=not because)
    said = f"not compared for unused rights: the run was narrowed by {because}" if because else "compared"
    config.stash[_SAID] = (said, *found)
    if found and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what came of it."""
    said, *found = config.stash.get(_SAID, ("not compared: the run did not end",))
    terminalreporter.section("the operator's rights against the audit log")
    terminalreporter.line(said)
    for fault in found:
        terminalreporter.line(f"FAILED {fault}", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no folder behind."""
    if not hasattr(config, "workerinput") and (folder := os.environ.pop(LEDGER, None)):
        shutil.rmtree(folder, ignore_errors=True)
