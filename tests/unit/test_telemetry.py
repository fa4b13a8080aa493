"""Logs say what happened and never what an exception said; health tells work from work that hangs."""

import asyncio
import contextlib
import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from delivr_operator.telemetry import Health, LogFormat, PortTaken, configure_logging, places, serve_health
from dev.ports import free_ports

CANARY = "c4naryZq"
START = datetime(2026, 3, 1, tzinfo=UTC)
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


@pytest.mark.parametrize("name", LIBRARIES)
def test_libraries_are_quiet_at_debug_and_heard_when_they_warn(said: Said, name: str) -> None:
    library = logging.getLogger(name)
    library.debug(CANARY)
    library.info(CANARY)
    assert said() == []
    library.warning("heard")
    assert [line["logger"] for line in said()] == [name]


async def test_a_request_with_a_secret_in_its_address_leaves_no_line(said: Said) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get(f"https://provider.test/?token={CANARY}")
    assert said() == []


def test_places_of_nothing_are_none() -> None:
    assert places(None) == places(ValueError(CANARY)) == ""


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock, stuck_after=timedelta(minutes=4))


def test_idle_work_is_alive_however_long(health: Health, clock: Clock) -> None:
    clock.now += timedelta(days=9)
    assert health.alive


def test_one_piece_of_work_that_hangs_is_enough(health: Health, clock: Clock) -> None:
    health.began("falcon/a")
    clock.now += timedelta(minutes=4) - timedelta(seconds=1)
    health.began("falcon/b")
    assert health.alive
    clock.now += timedelta(seconds=1)
    assert not health.alive
    health.ended("falcon/b")
    assert not health.alive
    health.ended("falcon/a")
    assert health.alive


def test_work_that_begins_again_is_counted_from_then(health: Health, clock: Clock) -> None:
    health.began("falcon/a")
    clock.now += timedelta(minutes=3)
    health.ended("falcon/a")
    health.began("falcon/a")
    clock.now += timedelta(minutes=3)
    assert health.alive


def test_an_end_without_a_beginning_means_nothing(health: Health) -> None:
    health.ended("falcon/a")
    assert health.alive


def test_a_part_that_ended_for_good_is_not_alive(health: Health) -> None:
    health.broken = True
    assert not health.alive


async def test_health_is_told_over_http(health: Health, clock: Clock) -> None:
    (port,) = free_ports(1)
    runner = await serve_health(health, lambda: b"delivr 1\n", port)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

            async def answers(path: str) -> tuple[int, str]:
                answer = await client.get(path)
                return answer.status_code, answer.text

            assert await answers("/readyz") == (503, "starting")
            health.ready = True
            assert await answers("/readyz") == (200, "ok")
            assert await answers("/healthz") == (200, "ok")
            health.began("falcon/a")
            clock.now += timedelta(minutes=4)
            assert await answers("/healthz") == (500, "stuck")
            assert await answers("/readyz") == (200, "ok")
            assert await answers("/metrics") == (200, "delivr 1\n")
    finally:
        await runner.cleanup()


async def test_a_port_that_another_process_has_is_an_outcome_of_its_own(health: Health) -> None:
    (port,) = free_ports(1)
    runner = await serve_health(health, bytes, port)
    try:
        with pytest.raises(PortTaken):
            await serve_health(health, bytes, port)
    finally:
        await runner.cleanup()
