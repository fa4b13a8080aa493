"""Logs say what happened and to whom, and never what an exception said."""

import asyncio
import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from delivr_operator.last_words import places
from delivr_operator.telemetry import LogFormat, about, configure_logging, note

CANARY = "c4naryZq"
LIBRARIES = (
    "httpx",
    "httpcore.http11",
    "kopf.objects",
    "kubernetes.aio.client.rest",
    "aiohttp.access",
    "asyncio",
    "sqlalchemy.engine.Engine",
    "sqlalchemy.pool",
    "urllib3.connectionpool",
    "pymysql",
    "not.heard.of",
)
Said = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Leave the process's logging as it was."""
    names = (None, "delivr_operator", *(name.partition(".")[0] for name in LIBRARIES))
    loggers = [logging.getLogger(name) for name in names]
    levels = [(one, one.level) for one in loggers]
    root, handlers = logging.getLogger(), logging.getLogger().handlers[:]
    # configure_logging closes what it replaces, which pytest still needs.
    root.handlers = []
    yield
    logging.captureWarnings(capture=False)
    root.handlers = handlers
    for one, level in levels:
        one.setLevel(level)


@pytest.fixture
def said() -> Said:
    """Log as the operator does, at the most talkative level; gives the new lines, each read as JSON."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        configure_logging("json", "DEBUG")

    def new_lines() -> list[dict[str, Any]]:
        lines = stream.getvalue().splitlines()
        stream.seek(0)
        stream.truncate()
        return [json.loads(line) for line in lines]

    return new_lines


def fail(text: str) -> None:
    raise KeyError(text) from ValueError(text)


def log_a_failure(name: str = "delivr_operator.running") -> None:
    try:
        fail(CANARY)
    except KeyError:
        logging.getLogger(name).exception("pass broke off", extra={"namespace": "falcon", "pause": 3})


def test_a_line_says_when_what_and_about_whom(said: Said) -> None:
    logging.getLogger("delivr_operator.x").info("released %s", "it", extra={"namespace": "falcon", "n": 1})
    (line,) = said()
    assert datetime.fromisoformat(line.pop("time")).utcoffset() == timedelta()
    assert line == {
        "level": "info",
        "logger": "delivr_operator.x",
        "message": "released it",
        "namespace": "falcon",
        "n": 1,
    }


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize("name", ["delivr_operator.running", "kopf.objects"])
def test_an_exception_shows_its_type_and_places_and_not_a_word_of_its_text(
    capsys: pytest.CaptureFixture[str], style: LogFormat, name: str
) -> None:
    configure_logging(style)
    log_a_failure(name)
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 1
    assert "KeyError" in shown.out
    assert shown.out.count("test_telemetry.py:") == 2
    assert CANARY not in shown.out + shown.err
    assert "Traceback" not in shown.out + shown.err


def test_json_names_the_places_innermost_last(said: Said) -> None:
    log_a_failure()
    (line,) = said()
    assert (line["message"], line["exception"], line["pause"]) == ("pass broke off", "KeyError", 3)
    first, last = (int(place.partition(":")[2]) for place in line["at"].split(" > "))
    here = log_a_failure.__code__.co_firstlineno
    assert (first, last) == (here + 2, fail.__code__.co_firstlineno + 1)


def test_values_that_are_no_plain_ones_are_left_out(said: Said) -> None:
    extra = {"error": ValueError(CANARY), "body": {"secret": CANARY}, "raw": CANARY.encode(), "ok": True}
    logging.getLogger("delivr_operator").warning("x", extra=extra)
    (line,) = said()
    assert CANARY not in str(line)
    assert line["ok"] is True


async def test_asyncios_own_words_about_a_lost_exception_are_cut(said: Said) -> None:
    # asyncio writes the repr of the task, with its exception's text, into the message.
    future = asyncio.get_running_loop().create_future()
    future.set_exception(ValueError(CANARY))
    context = {
        "message": "Task exception was never retrieved",
        "future": future,
        "exception": future.exception(),
    }
    asyncio.get_running_loop().default_exception_handler(context)
    (line,) = said()
    assert line["message"] == "Task exception was never retrieved"
    assert line["exception"] == "ValueError"
    assert CANARY not in str(line)


def test_text_is_one_line_with_the_rest_as_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("text")
    logging.getLogger("delivr_operator").info("watching\nmore", extra={"scope": "cluster"})
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("info    watching  scope=cluster")


@pytest.mark.parametrize(("level", "heard"), [("DEBUG", 3), ("INFO", 2), ("WARNING", 1)])
def test_the_level_is_the_operators_own(capsys: pytest.CaptureFixture[str], level: str, heard: int) -> None:
    configure_logging("json", level)
    own = logging.getLogger("delivr_operator.reconcile")
    for say in (own.debug, own.info, own.warning):
        say("x")
    assert len(capsys.readouterr().out.splitlines()) == heard


@pytest.mark.parametrize("level", [logging.NOTSET, logging.DEBUG])
@pytest.mark.parametrize("name", LIBRARIES)
def test_libraries_are_quiet_at_debug_and_heard_when_they_warn(said: Said, name: str, level: int) -> None:
    library = logging.getLogger(name)
    if level:
        library.setLevel(level)
    library.debug(CANARY)
    library.info(CANARY)
    assert said() == []
    library.warning("heard %s", CANARY, extra={"token": CANARY})
    (line,) = said()
    assert (line["logger"], line["message"]) == (name, "a library warns; its words are left out")
    assert line["at"].startswith("test_telemetry.py:")
    assert CANARY not in str(line)


def test_known_words_of_a_library_are_kept_and_nothing_behind_them(said: Said) -> None:
    words = "Not enough permissions to watch for resources"
    logging.getLogger("kopf.x").warning(f"{words}: {CANARY}")  # noqa: G004 - as kopf does
    logging.getLogger("kopf.x").warning(f"{CANARY} {words}")  # noqa: G004
    known, unknown = said()
    assert known["message"] == words
    assert unknown["message"] == "a library warns; its words are left out"
    assert CANARY not in f"{known}{unknown}"


def test_a_line_that_cannot_be_written_is_not_printed_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "DEBUG")
    logging.getLogger("delivr_operator").info("%d", CANARY)
    logging.getLogger("delivr_operator").info("x", extra={"namespace": "\ud800"})
    shown = capsys.readouterr()
    assert CANARY not in shown.out + shown.err
    assert "Logging error" not in shown.err


def test_a_warning_of_the_interpreter_is_a_line_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logging("json")
        warnings.warn(CANARY, ResourceWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    shown = capsys.readouterr()
    assert json.loads(shown.out)["logger"] == "py.warnings"
    assert CANARY not in shown.out + shown.err


async def test_a_request_with_a_secret_in_its_address_leaves_no_line(said: Said) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get(f"https://provider.test/?token={CANARY}")
    assert said() == []


def test_places_of_nothing_are_none() -> None:
    assert places(None) == places(ValueError(CANARY)) == ""


def test_lines_inside_say_whom_they_are_about_and_lines_outside_do_not(said: Said) -> None:
    logger = logging.getLogger("delivr_operator")
    with about(namespace="falcon", name="mobile-app"):
        note(tenant="Kp3xQ7_m-Z")
        logger.info("inside", extra={"seconds": 1.5})
        with about(name="other"):
            note(generation=2)
            logger.info("within")
        logger.info("again")
    note(tenant="nobody")
    logger.info("outside")
    lines = [{k: v for k, v in line.items() if k not in {"time", "level", "logger"}} for line in said()]
    whole = {"namespace": "falcon", "name": "mobile-app", "tenant": "Kp3xQ7_m-Z"}
    assert lines == [
        {"message": "inside", **whole, "seconds": 1.5},
        {"message": "within", **whole, "name": "other", "generation": 2},
        {"message": "again", **whole},
        {"message": "outside"},
    ]


async def test_tasks_keep_their_passes_apart(said: Said) -> None:
    async def one(name: str) -> None:
        with about(name=name):
            note(tenant=f"tenant of {name}")
            await asyncio.sleep(0)
            logging.getLogger("delivr_operator").info("done")

    await asyncio.gather(one("a"), one("b"))
    assert [(line["name"], line["tenant"]) for line in said()] == [("a", "tenant of a"), ("b", "tenant of b")]
