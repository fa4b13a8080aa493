"""How `run` is told which of several operators it is: one of which one works, or one that has a share."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from delivr_operator.resource import DNS_LABEL
from delivr_operator.sharing import Shard

Command = TypeVar("Command", bound=Callable[..., Any])
Place = tuple[str, str]
"""A namespace, and a Lease's name in it or how the names of some begin."""


def _place(_: click.Context, option: click.Parameter, value: str | None) -> Place | None:
    if value is None:
        return None
    namespace, name = value.partition("/")[::2]
    if not re.fullmatch(DNS_LABEL, namespace) or not re.fullmatch(DNS_LABEL, name):
        example = "delivr-system/delivr-operator-leader"
        raise click.BadParameter(f"must be {option.metavar}, for example {example}")
    return namespace, name


def _shard(_: click.Context, __: click.Parameter, value: str | None) -> Shard | None:
    try:
        return Shard.parse(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def one_of_several(command: Command) -> Command:
    """Give a command the options that say so."""
    for option in (
        click.option(
            "--shard-leases",
            metavar="NAMESPACE/PREFIX",
            callback=_place,
            help="Where the Leases of the parts stand, and how their names begin; the same for all N.",
        ),
        click.option(
            "--shard",
            metavar="I/N",
            callback=_shard,
            help="Be the I-th of N operators that share the tenants; needs --shard-leases.",
        ),
        click.option(
            "--leader-elect",
            metavar="NAMESPACE/NAME",
            callback=_place,
            help="Work only while this Lease is held: for several replicas, of which one works.",
        ),
    ):
        command = option(command)
    return command


def lease_of(leader_elect: Place | None, shard: Shard | None, shard_leases: Place | None) -> Place | None:
    """Return where the Lease or the Leases stand, if any are to be held.

    Raises:
        click.UsageError: the options contradict each other.
    """
    if (shard is None) is not (shard_leases is None):
        raise click.UsageError("--shard and --shard-leases need each other")
    if leader_elect and shard_leases:
        raise click.UsageError(
            "--leader-elect has one replica work, --shard has all of them work: choose one"
        )
    return leader_elect or shard_leases
