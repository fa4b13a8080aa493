"""What comes from outside when it is not what it should be; every text of it may hold CANARY."""

import json
import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CANARY = "c4nary7Zq"
_LIMITS = settings(
    max_examples=int(os.environ.get("DELIVR_FUZZ_EXAMPLES", "15")),
    deadline=10_000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
"""Few with all other tests, many with `make fuzz`; none may take ten seconds."""


def thrown(**parts: st.SearchStrategy[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have a test run over examples of `parts`, as `given` does, as many as this run has time for."""

    def wrapped(test: Callable[..., Any]) -> Callable[..., Any]:
        return _LIMITS(given(**parts)(test))

    return wrapped


texts = st.text(max_size=40) | st.builds(
    lambda a, b: f"{a}{CANARY}{b}", st.text(max_size=8), st.text(max_size=8)
)
"""No surrogates: the API server and the database hand out none."""
numbers = st.integers() | st.floats() | st.just(10**400) | st.just(-(2**63))
moments = st.sampled_from(
    (
        *("2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59"),
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "1", "-1", "9e99", "2026-01-01"),
        *("Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "9999-12-31 23:59:59 -1200"),
        *(
            "0001-01-01 00:00:00 +1200",
            "2026-06-28 17:58:10 UTC",
            "99999999999",
            "253402300799",
            "\u0661\u0662",
        ),
        *("Thu, 01 Jan 1970 00:00:00", "00000000000000", "9" * 400, "-0", "1.5", "60 ", "\x0060"),
    )
)
leaves = st.none() | st.booleans() | numbers | texts | moments


def documents(
    names: st.SearchStrategy[str] = texts, more: st.SearchStrategy[Any] = leaves
) -> st.SearchStrategy[Any]:
    """Give JSON values whose objects have these names."""
    return st.recursive(
        leaves | more,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
        max_leaves=25,
    )


def objects(
    names: tuple[str, ...], value: st.SearchStrategy[Any] | None = None
) -> st.SearchStrategy[dict[str, Any]]:
    """Give JSON objects with some of these names, and sometimes others."""
    name = st.sampled_from(names) | texts
    return st.dictionaries(name, documents(name) if value is None else value, max_size=8)


def as_json(value: object) -> bytes:
    """Give a value as a server would send it."""
    return json.dumps(value).encode()
