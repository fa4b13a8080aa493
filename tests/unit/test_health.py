"""Health tells work from work that hangs, and from a queue or a watch that stands still."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from delivr_operator.health import Health, PortTaken, serve_health
from dev.ports import free_ports

START = datetime(2026, 3, 1, tzinfo=UTC)


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
    assert not health.complaint


def test_one_piece_of_work_that_hangs_is_enough(health: Health, clock: Clock) -> None:
    health.began("falcon/a")
    clock.now += timedelta(minutes=4) - timedelta(seconds=1)
    health.began("falcon/b")
    assert not health.complaint
    clock.now += timedelta(seconds=1)
    assert health.complaint
    health.ended("falcon/b")
    assert health.complaint
    health.ended("falcon/a")
    assert not health.complaint


def test_work_that_begins_again_is_counted_from_then(health: Health, clock: Clock) -> None:
    health.began("falcon/a")
    clock.now += timedelta(minutes=3)
    health.ended("falcon/a")
    health.began("falcon/a")
    clock.now += timedelta(minutes=3)
    assert not health.complaint


def test_an_end_without_a_beginning_means_nothing(health: Health) -> None:
    health.ended("falcon/a")
    assert not health.complaint


def test_a_part_that_ended_for_good_is_named(health: Health) -> None:
    health.broken = "worker 3"
    assert health.complaint == "worker 3 came to an end"


def test_a_queue_from_which_nobody_takes_stands(health: Health, clock: Clock) -> None:
    began = clock.now
    health.oldest_wait = lambda: clock.now - began
    health.taken()
    clock.now += timedelta(minutes=4)
    assert "queue stands still" in health.complaint
    health.taken()
    clock.now += timedelta(minutes=3)
    assert health.complaint == ""  # 7 minutes old, but it goes down
    clock.now += timedelta(minutes=1)
    assert "queue stands still" in health.complaint


def test_a_queue_from_which_nobody_ever_took_stands_too(health: Health) -> None:
    health.oldest_wait = lambda: timedelta(minutes=4)
    assert "queue stands still" in health.complaint
    health.oldest_wait = lambda: timedelta(minutes=4) - timedelta(seconds=1)
    assert health.complaint == ""


def test_watches_may_be_behind_for_a_while_and_no_longer(health: Health) -> None:
    health.watch_lag = lambda: timedelta(minutes=4) - timedelta(seconds=1)
    assert health.complaint == ""
    health.watch_lag = lambda: timedelta(minutes=4)
    assert "watches" in health.complaint


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
            assert await answers("/healthz") == (500, "stuck: falcon/a has not ended since 00:00:00")
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


async def test_a_defect_of_a_health_page_shows_nothing_even_where_asyncio_is_debugged(health: Health) -> None:
    def page() -> bytes:
        raise ValueError("c4naryZq")

    asyncio.get_running_loop().set_debug(enabled=True)
    (port,) = free_ports(1)
    runner = await serve_health(health, page, port)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            for wanted in ("*/*", "text/html"):
                answer = await client.get("/metrics", headers={"Accept": wanted})
                assert (answer.status_code, answer.text) == (500, "error")
            assert (await client.get("/absent")).status_code == 404
    finally:
        await runner.cleanup()
