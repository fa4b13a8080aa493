"""What the machine's package sources say about its own distribution: parsing alone, no I/O."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

# Debian machines may name their release by its code name or by one of these.
ALIASES = frozenset({"stable", "oldstable", "testing", "unstable", "sid"})


@dataclass(frozen=True)
class Source:
    """One mirror's suites, as apt knows them."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    def as_deb822(self) -> str:
        """The stanza that a `.sources` file holds for it."""
        lines = [
            "Types: deb",
            f"URIs: {' '.join(self.uris)}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(self.components)}",
        ]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def parse_deb822(text: str) -> list[Source]:
    """The sources of a `.sources` file that are enabled and hold binary packages."""
    found = []
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = dict(_fields(stanza))
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no":
            found.append(
                Source(
                    tuple(fields.get("uris", "").split()),
                    tuple(fields.get("suites", "").split()),
                    tuple(fields.get("components", "").split()),
                    fields.get("signed-by", ""),
                )
            )
    return found


def _fields(stanza: str) -> Iterator[tuple[str, str]]:
    name, lines = "", list[str]()
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t"):
            lines.append(line)  # kept as it is: an embedded key is such a block
            continue
        if name:
            yield name, "\n".join(lines).strip()
        name, _, value = line.partition(":")
        name, lines = name.strip().lower(), [value.strip()]
    if name:
        yield name, "\n".join(lines).rstrip()


def parse_one_line(text: str) -> list[Source]:
    """The sources of a `.list` file that hold binary packages."""
    found = []
    for line in text.splitlines():
        matched = re.match(
            r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<rest>[^#]*)", line
        )
        if matched is None:
            continue
        options = dict(one.partition("=")[::2] for one in shlex.split(matched["options"] or ""))
        found.append(
            Source(
                (matched["uri"],),
                (matched["suite"],),
                tuple(matched["rest"].split()),
                options.get("signed-by", ""),
            )
        )
    return found


def of_distribution(sources: Iterable[Source], codename: str) -> list[Source]:
    """The distribution's own sources: those of its release, its updates and its security fixes."""
    kept = []
    for source in sources:
        own = tuple(suite for suite in source.suites if _release(suite) in {codename, *ALIASES})
        if own and source.components:
            kept.append(replace(source, suites=own))
    return kept


def _release(suite: str) -> str:
    return re.split(r"[-/]", suite, maxsplit=1)[0]


def at_suite(sources: Iterable[Source], codename: str, suite: str) -> list[Source]:
    """The main mirror of the distribution, asked for another suite."""
    for source in sources:
        if {codename, *ALIASES} & set(source.suites):
            return [replace(source, suites=(suite,), components=("main",))]
    return []


def os_release(text: str) -> dict[str, str]:
    """The variables of an os-release file."""
    pairs = (
        line.partition("=")[::2] for line in text.splitlines() if "=" in line and not line.startswith("#")
    )
    return {name: " ".join(shlex.split(value)) for name, value in pairs}
