"""The pages say what the code says, lead to places that exist, and mark what no test runs."""

import re
from itertools import chain
from pathlib import Path

import pytest

from dev.reference import FOLDER, pages
from tests.documented import (
    OF_THEIR_OWN,
    PAGES,
    ROOT,
    TEXT,
    UNRUN,
    UNRUN_LINES,
    UNRUN_WORDS,
    WITH_SETUP,
    blocks,
    inline_commands,
)


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_made_page_is_what_would_be_made_now(name: str) -> None:
    assert (FOLDER / name).read_text() == pages()[name], "run: make docs"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / page).parent / path if path else ROOT / page
        assert found.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(found), f"{page}: {target}"


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_index_leaves_no_page_out() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    own = {page for page in PAGES if page.startswith("docs/") and page != "docs/README.md"}
    missing = {page for page in own if f"]({page.removeprefix('docs/')})" not in index}
    assert not missing


PROMPT = r"\$ (kubectl|delivr-operator|make|sh) "


def test_the_scanner_finds_whatever_is_fenced() -> None:
    for page in PAGES:
        lines = (ROOT / page).read_text().splitlines()
        fences = [line for line in lines if re.match(r"\s*(```|~~~)", line)]
        assert len(fences) == 2 * len(list(blocks(page))), f"{page}: a block that is not found"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_shown_or_marked(page: str) -> None:
    for block in blocks(page):
        assert block.is_commands or block.language in TEXT, f"{page}: {block.language}"
        assert not block.is_commands or block.script, f"{page}: a block of no commands"
        assert block.is_commands or not re.match(PROMPT, block.text), f"{page}: mark it as console"


def test_what_is_marked_is_there_and_has_a_reason() -> None:
    every = list(chain.from_iterable(blocks(page) for page in PAGES))
    for beginning in UNRUN:
        assert sum(block.text.startswith(beginning) for block in every) == 1, beginning
    assert sum(bool(block.unrun) for block in every if block.is_commands) == len(UNRUN)
    lines = [line for block in every if block.is_commands for line in block.text.splitlines()]
    for beginning in UNRUN_LINES:
        assert sum(line.startswith(beginning) for line in lines) == 1, beginning
    words = list(chain.from_iterable(map(inline_commands, PAGES)))
    for beginning in UNRUN_WORDS:
        assert sum(word.startswith(beginning) for word in words) == 1, beginning
    assert all(len(why.split()) > 4 for why in (UNRUN | UNRUN_LINES | UNRUN_WORDS).values())


def test_every_page_with_commands_is_one_that_is_typed() -> None:
    found = {page for page in PAGES for block in blocks(page) if block.is_commands and not block.unrun}
    assert found == {*OF_THEIR_OWN, *WITH_SETUP}, "name it in tests/documented.py"


def test_what_the_tests_of_a_landing_run_is_what_is_said() -> None:
    assert "make test\n" in (ROOT / ".ci" / "run").read_text()


def test_no_page_names_a_registry_or_a_machine() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text()
        assert not re.search(r"/root/|/work/|/home/[a-z]|\b(docker|ghcr|quay|gcr)\.io\b", text), page
