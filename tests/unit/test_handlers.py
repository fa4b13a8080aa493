"""How kopf is set up."""

from collections.abc import Iterable
from itertools import islice

from delivr_operator.handlers import quiet_settings


def test_an_outage_of_any_length_is_waited_out_and_its_end_soon_noticed() -> None:
    """After the last of its pauses kopf ends, and so does the operator."""
    pauses = quiet_settings().networking.error_backoffs
    assert isinstance(pauses, Iterable)
    for _ in range(2):
        found = list(islice(pauses, 1000))
        assert len(found) == 1000
        assert found[0] <= 1
        assert max(found) <= 10
