"""The threat model names tests that exist, and the hosts that the operator really asks."""

import ast
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from delivr_operator.providers import PROVIDERS
from delivr_operator.providers.exchange import Endpoints

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
CONTROLS = [
    line for line in PAGE.partition("## Controls")[2].partition("\n## ")[0].splitlines() if "|" in line
]


def defined(path: str) -> set[str]:
    """The tests that a file defines, but for those that are always skipped."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, functions)]
    return {
        node.name
        for node in found
        if not any("skip" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_a_test_that_is_named_exists(path: str, name: str) -> None:
    assert name.startswith("test_")
    assert name in defined(path)


def test_every_control_names_its_test() -> None:
    rows = [line for line in CONTROLS if not re.match(r"\| (threat|---)", line)]
    assert len(rows) > 20
    assert [row for row in rows if not re.search(r"`tests/[\w/]+\.py::test_\w+`[^|]*\|$", row)] == []


def test_every_integration_and_every_host_is_listed() -> None:
    table = PAGE.partition("## What each integration asks")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    listed = {member for names, _ in rows for member in re.findall(r"`(\w+)`", names)}
    assert listed == {provider.member for provider in PROVIDERS}
    hosts = {host for _, named in rows for host in re.findall(r"`([a-z0-9.-]+\.[a-z]+)`", named)}
    endpoints = Endpoints()
    assert hosts == {urlsplit(getattr(endpoints, name)).hostname for name in Endpoints.__slots__}
