"""What a watch of metadata tells of, and what it asks when it was cut."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from delivr_operator.cluster import ClusterUnavailable, Shown
from delivr_operator.cluster.metadata_watch import MetadataWatch
from delivr_operator.inventory import Inventory

EXPIRED = {"type": "ERROR", "object": {"kind": "Status", "code": 410}}


class Answer:
    """As much of an HTTP answer as is read."""

    def __init__(self, body: Any = None, lines: Iterable[Any] = (), status: int = 200) -> None:
        self.status = status
        self.content = self
        self._body = json.dumps(body).encode()
        self._lines = [json.dumps(line).encode() + b"\n" for line in lines]

    async def read(self) -> bytes:
        return self._body

    async def readline(self) -> bytes:
        return self._lines.pop(0) if self._lines else b""

    def close(self) -> None: ...


class Server:
    """Answers one question after the other, and is out of reach after the last."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, str]] = []

    async def __call__(self, query: Mapping[str, str], form: str, patience: float) -> Any:  # noqa: ARG002
        self.asked.append(dict(query))
        if not self._answers:
            raise ConnectionRefusedError
        return self._answers.pop(0)


class Watcher:
    """Who is told."""

    def __init__(self, server: Server) -> None:
        self.watch = MetadataWatch(server)
        self.told: list[Shown] = []
        self.listed: list[frozenset[str]] = []

    def until_it_is_cut(self) -> ClusterUnavailable:
        with pytest.raises(ClusterUnavailable) as cut:
            asyncio.run(self.watch.run(self.told.append, self.listed.append))
        return cut.value


def of(name: str, version: int, **annotations: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "resourceVersion": str(version)}
    return {"metadata": metadata | ({"annotations": annotations} if annotations else {})}


def page(*items: dict[str, Any], more: str = "") -> Answer:
    return Answer({"metadata": {"resourceVersion": "9", "continue": more}, "items": items})


def event(kind: str, one: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": one}


def test_all_pages_are_told_before_it_is_said_that_all_are_listed_and_followed_from_there() -> None:
    server = Server(page(of("a", 1, tenant="x"), more="next"), page(of("b", 2)), Answer())
    watcher = Watcher(server)
    watcher.until_it_is_cut()
    assert watcher.told == [Shown("a", "1", "", {"tenant": "x"}), Shown("b", "2", "", {})]
    assert watcher.listed == [{"a", "b"}]
    assert [one.get("continue") for one in server.asked[:2]] == [None, "next"]
    assert server.asked[2]["resourceVersion"] == "9"


def test_a_watch_that_ends_is_followed_from_its_last_line_and_bookmarks_are_no_news() -> None:
    lines = [event("MODIFIED", of("a", 11)), event("DELETED", of("a", 12)), event("BOOKMARK", of("", 20))]
    server = Server(page(), Answer(lines=lines), Answer())
    watcher = Watcher(server)
    watcher.until_it_is_cut()
    assert watcher.told == [Shown("a", "11", "", {}), Shown("a", "12", "", {}, gone=True)]
    assert server.asked[2]["resourceVersion"] == "20"


@pytest.mark.parametrize("too_late", [Answer(lines=[EXPIRED]), Answer(status=410)], ids=["a line", "HTTP"])
def test_where_it_is_too_late_to_go_on_the_list_has_to_be_read_anew(too_late: Answer) -> None:
    assert Watcher(Server(page(), too_late)).until_it_is_cut().status == 410


def test_it_is_known_whether_the_role_allows_it() -> None:
    server = Server(Answer(status=403))
    watcher = Watcher(server)
    assert watcher.until_it_is_cut().forbidden
    assert not watcher.watch.allowed
    server._answers = [page()]
    watcher.until_it_is_cut()
    assert watcher.watch.allowed


def test_a_namespace_that_went_while_nobody_watched_is_bound_to_nobody() -> None:
    inventory = Inventory()
    inventory.bind("stays", "x")
    inventory.bind("went", "y")
    inventory.namespaces_listed(frozenset({"stays"}))
    assert inventory.tenant_of("stays") == "x"
    assert not inventory.knows_namespace("went")
