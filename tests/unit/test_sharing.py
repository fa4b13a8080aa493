"""How tenants are split: each into one part, each part to one of n, the same for ever."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivr_operator.resource import TENANT_ID
from delivr_operator.sharing import PARTS, Shard, part_of

GOLDEN = {
    "Kp3xQ7_m-Z": 11,
    "kp3xq7_m-z": 8,
    "a": 10,
    "123e4567-e89b-12d3-a456-426614174000": 11,
    "falcon/mobile-app": 5,
}
"""A release that found other parts would work on tenants that an older one still works on."""


@given(whose=st.from_regex(TENANT_ID, fullmatch=True), of=st.integers(1, PARTS))
def test_every_tenant_is_in_the_shard_of_exactly_one(whose: str, of: int) -> None:
    owners = [number for number in range(1, of + 1) if part_of(whose) in Shard(number, of).parts]
    assert len(owners) == 1


@pytest.mark.parametrize("of", range(1, PARTS + 1))
def test_no_operator_has_more_than_one_part_more_than_another(of: int) -> None:
    shares = [Shard(number, of).parts for number in range(1, of + 1)]
    assert sorted(part for share in shares for part in share) == list(range(PARTS))
    assert max(map(len, shares)) - min(map(len, shares)) <= (1 if PARTS % of else 0)


@pytest.mark.parametrize(("whose", "part"), GOLDEN.items())
def test_a_tenant_is_in_the_same_part_in_every_release(whose: str, part: int) -> None:
    assert part_of(whose) == part


def test_parts_are_about_equal() -> None:
    found = Counter(part_of(f"s{number:06}") for number in range(24_000))
    assert found.keys() == set(range(PARTS))
    assert min(found.values()) > 850
    assert max(found.values()) < 1_150


def test_a_shard_is_read_as_it_is_written() -> None:
    assert Shard.parse("2/4") == Shard(2, 4)
    assert Shard.parse("24/24").parts == {23}
    assert Shard.parse("1/1").parts == set(range(PARTS))


@pytest.mark.parametrize(
    "text", ["", "2", "0/4", "5/4", "1/25", "1/0", "-1/2", "1/2/3", "a/b", " 1/2", "1/2\n", "٢/٤"]
)
def test_what_is_no_shard_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="for example 2/4"):
        Shard.parse(text)
