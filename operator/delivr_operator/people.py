"""Commands for people who look at live ReleaseSetups: status, verify, completion."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click
from click.shell_completion import get_completion_class

from delivr_operator import overview
from delivr_operator.ending import CannotTell, Refused, checked_tenant, settings_of
from delivr_operator.outcome import IntegrationType
from delivr_operator.overview import Cell, Row, Shown
from delivr_operator.resource import Key, parse_duration
from delivr_operator.settings import DatabaseSettings
from delivr_operator.status import Entry

LOOK_AGAIN = 0.5
Result = TypeVar("Result")
_NO_ANSWER = (
    "The operator did not answer in time: see whether it runs (kubectl --namespace delivr-system get pods), "
    "or give it longer by --timeout. The request stands."
)
_NOT_ALLOWED = (
    "Your own rights do not allow this: ask for the role delivr-tenant-viewer, or, to verify, for "
    "delivr-tenant-owner."
)
_NAMESPACE = click.option(
    "-n", "--namespace", help="The namespace; by default that of the kubeconfig's context."
)


@click.command(short_help="Say how ReleaseSetups stand, and what to do next.")
@click.argument("name", required=False)
@_NAMESPACE
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Those of all namespaces.")
@click.option("--tenant", help="Read this tenant's steps from the tables instead; needs DATABASE_URL only.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "wide", "json"]),
    help="The form; table, with --tenant json.",
)
def status(
    name: str | None, namespace: str | None, *, everywhere: bool, tenant: str | None, output: str | None
) -> None:
    """Say how NAME stands, integration by integration, or all ReleaseSetups of a namespace.

    Asks the cluster of KUBECONFIG with your own rights. With --tenant it prints the plan's getSetupStatus of
    that tenant from the tables instead, and reads DATABASE_URL from the environment and nothing else.

    Exit codes: 0 all are Ready (with --tenant: done), 1 one is not, or the command has to be mended (the
    message says how), 2 cannot be told, or no answer came.
    """
    if tenant is not None:
        if name or namespace or everywhere:
            raise Refused("--tenant reads the tables: leave out the name, --namespace and --all-namespaces.")
        _print_tenant(tenant, output or "json")
        return
    if everywhere and (name or namespace):
        raise Refused("--all-namespaces goes with neither a name nor --namespace: leave one out.")
    found = _ask(lambda: _look(name, namespace, everywhere=everywhere))
    if not found:
        raise Refused(f"There is no ReleaseSetup in {f'namespace {namespace}' if namespace else 'sight'}.")
    now = datetime.now(UTC)
    if output == "json":
        shown = [overview.as_json(one) for one in found]
        click.echo(json.dumps(shown[0] if name else shown, indent=2))
    elif name:
        _print_one(found[0], overview.entries_of(found[0], None), now)
    else:
        _print(overview.rows_of_setups(found, now, namespaces=everywhere, wide=output == "wide"))
    raise SystemExit(overview.exit_code(found))


def _types(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    """Return what a TYPE that is begun may become, as people read it everywhere else."""
    return [one for one in ("all", *IntegrationType) if one.lower().startswith(begun.lower())]


@click.command(short_help="Have a live ReleaseSetup proved now, and say what came out.")
@click.argument(
    "kind",
    metavar="TYPE",
    type=click.Choice(["all", *IntegrationType], case_sensitive=False),
    shell_complete=_types,
)
@click.argument("name")
@_NAMESPACE
@click.option("--timeout", default="2m", show_default=True, help="How long to wait for the operator.")
def verify(kind: str, name: str, namespace: str | None, timeout: str) -> None:
    """Have the operator prove integration TYPE of ReleaseSetup NAME now, or all, and say what came out.

    Sets the annotation release.delivr.live/requestedAt with your own rights and waits until the status echoes
    it. TYPE is as in the status, such as GITHUB.

    Exit codes: 0 it is proved, 1 it is refused, or something in the command must be mended, 2 cannot be told,
    or no answer came in time.
    """
    patience = _duration(timeout)
    only = None if kind == "all" else IntegrationType(kind)
    found = _ask(lambda: _prove(name, namespace, only, patience))
    entries = overview.entries_of(found, only)
    if only and not entries:
        raise Refused(f"{name} does not declare {only}: its status has no entry for it.")
    _print_one(found, entries, datetime.now(UTC))
    raise SystemExit(overview.exit_code_of_entries(entries))


@click.command(short_help="Print what makes a shell complete these commands.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands, options and types.

    For bash: `delivr-operator completion bash > ~/.local/share/bash-completion/completions/delivr-operator`.
    """
    made = get_completion_class(shell)
    if made is None:
        raise Refused(f"{shell} is not known here.")
    root = context.find_root()
    click.echo(made(root.command, {}, "delivr-operator", "_DELIVR_OPERATOR_COMPLETE").source())


def _duration(text: str) -> timedelta:
    try:
        found = parse_duration(text)
    except ValueError:
        found = None
    if not isinstance(found, timedelta):
        raise Refused("--timeout must be a duration such as 90s or 2m.")
    return found


async def _look(name: str | None, namespace: str | None, *, everywhere: bool) -> list[Shown]:
    from delivr_operator.cluster import Visitor, home_namespace

    async with Visitor.connect() as visitor:
        if everywhere:
            return [Shown.of(one) for one in await visitor.setups(None)]
        place = namespace or home_namespace()
        if name is None:
            return [Shown.of(one) for one in await visitor.setups(place)]
        found = await visitor.setup(Key(place, name))
        if found is None:
            raise _no_such(name, place)
        return [Shown.of(found)]


async def _prove(
    name: str, namespace: str | None, only: IntegrationType | None, patience: timedelta
) -> Shown:
    from delivr_operator.cluster import Visitor, home_namespace

    place = namespace or home_namespace()
    key, moment = Key(place, name), datetime.now(UTC).isoformat(timespec="milliseconds")
    request = f"{moment}/{only}" if only else moment
    async with Visitor.connect() as visitor:
        found = await visitor.ask_for_proof(key, request)
        try:
            async with asyncio.timeout(patience.total_seconds()):
                while found and Shown.of(found).status.last_handled_reconcile_at != request:
                    await asyncio.sleep(LOOK_AGAIN)
                    found = await visitor.setup(key)
        except TimeoutError:
            raise CannotTell(_NO_ANSWER) from None
    if found is None:
        raise _no_such(name, place)
    return Shown.of(found)


def _no_such(name: str, namespace: str) -> Refused:
    return Refused(
        f"There is no ReleaseSetup {name} in namespace {namespace}: "
        "`delivr-operator status --all-namespaces` lists those that you may see."
    )


def _ask(question: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    from delivr_operator.cluster import ClusterUnavailable, NoCluster

    try:
        return asyncio.run(question())
    except NoCluster as error:
        raise Refused(error.sentence) from None
    except ClusterUnavailable as error:
        if error.forbidden:
            raise Refused(_NOT_ALLOWED) from None
        if error.status == 401:  # noqa: PLR2004
            raise Refused("The API server does not know you: log in again, or mend KUBECONFIG.") from None
        if error.status == 404:  # noqa: PLR2004
            raise Refused(
                "The cluster does not know ReleaseSetups: install the CRD (kubectl apply -k crds)."
            ) from None
        raise CannotTell(
            "The API server gave no answer: see whether KUBECONFIG names the right one."
        ) from None


def _print_one(one: Shown, entries: Iterable[Entry], now: datetime) -> None:
    ready = Cell(one.ready, overview.hue_of(one.ready))
    click.echo(f"{one.setup.key}  Ready={_painted(ready)}  {one.reason}")
    click.echo(one.status.message)
    click.echo()
    _print(overview.rows_of_entries(entries, now))
    click.echo("\nWhat to do next:")
    for step in overview.next_steps(one):
        click.echo(f"  - {step}")


def _print(rows: Iterable[Row]) -> None:
    table = list(rows)
    widths = [max(len(row[place].text) for row in table) for place in range(len(table[0]))]
    for row in table:
        cells = zip(row, widths, strict=True)
        line = "   ".join(_painted(cell) + " " * (width - len(cell.text)) for cell, width in cells)
        click.echo(line.rstrip())


def _painted(cell: Cell) -> str:
    return click.style(cell.text, fg=cell.hue) if cell.hue else cell.text


def _print_tenant(tenant: str, output: str) -> None:
    checked_tenant(tenant)
    from delivr_operator.database import DatabaseUnavailable, read_settings_row
    from delivr_operator.report import setup_status

    try:
        found = setup_status(read_settings_row(settings_of(DatabaseSettings).database_url, tenant))
    except DatabaseUnavailable as error:
        raise CannotTell(error.sentence) from None
    if output == "json":
        click.echo(json.dumps(found, indent=2))
    else:
        _print(overview.rows_of_steps(found))
