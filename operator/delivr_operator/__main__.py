"""The command line: what there is to run; the commands of `people` are for live resources."""

import asyncio
import logging
import os
import shutil
import sys
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import NoReturn

import click

from delivr_operator import people
from delivr_operator.closed import keep_closed_values_here
from delivr_operator.ending import CannotTell, Refused, checked_tenant, settings_of
from delivr_operator.exit_codes import DONE, REFUSED
from delivr_operator.last_words import described, keep_quiet_when_failing
from delivr_operator.loading import lean_loading
from delivr_operator.sealing import Envelope
from delivr_operator.settings import DatabaseSettings, ProbeSettings, Settings, SettingsError
from delivr_operator.several import Place, lease_of, one_of_several
from delivr_operator.sharing import Shard


class Commands(click.Group):
    """Commands of which none ends in a traceback, since an exception's text may hold a credential."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a defect is said by its type and places, and is no verdict on anything."""
        keep_quiet_when_failing()
        keep_closed_values_here()
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - the edge of the process: whatever it is, its text stays here
            raise CannotTell(f"A defect stopped this: {described(error)}. Please report this line.") from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Reconcile ReleaseSetup resources of Delivr.

    Exit codes: 0 done, 1 refused (the message says what to do), 2 cannot tell, or wrong usage.
    """


@main.command(short_help="Watch ReleaseSetups and keep rows and status true.")
@click.option("--namespace", help="Watch one namespace only (needs only a Role there).")
@click.option(
    "--health-port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port of /healthz, /readyz and /metrics; 0: any.",
)
@one_of_several
@click.option("--log-format", type=click.Choice(["json", "text"]), default="json", show_default=True)
@click.option(
    "--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING"]), default="INFO", show_default=True
)
def run(  # noqa: PLR0913 - an option each
    *,
    namespace: str | None,
    health_port: int,
    leader_elect: Place | None,
    shard: Shard | None,
    shard_leases: Place | None,
    log_format: str,
    log_level: str,
) -> None:
    """Watch ReleaseSetups and keep their rows and status true until stopped.

    Reads its settings from the environment; DATABASE_URL and INTEGRATION_ENCRYPTION_KEY must be set.
    Finds the cluster by the pod it runs in, else by KUBECONFIG.

    Exit codes: 0 told to stop, 1 a setting, the cluster or the port is wrong, or the Lease was lost (the
    message says which).
    """
    lease = lease_of(leader_elect, shard, shard_leases)
    settings = settings_of(Settings)  # before the slow imports: a slip is answered at once
    with lean_loading():
        import uvloop

        from delivr_operator import running
        from delivr_operator.cluster import LeaseName, NoCluster
        from delivr_operator.crew import LeaseLost
        from delivr_operator.health import PortTaken
        from delivr_operator.telemetry import configure_logging

    configure_logging("json" if log_format == "json" else "text", log_level)
    try:
        turn = running.Turn(LeaseName(*lease), shard) if lease else None
        uvloop.run(running.run(settings, namespace=namespace, health_port=health_port, turn=turn))
    except NoCluster as error:
        raise Refused(error.sentence) from None
    except PortTaken:
        raise Refused(f"Port {health_port} cannot be opened: choose another by --health-port.") from None
    except LeaseLost as error:
        Refused(error.sentence).show()
        _leave(REFUSED)  # at once: whoever has the Lease now may write, this process may not
    _leave(DONE)


def _leave(code: int) -> NoReturn:
    """End the process now: a thread that still waits for a silent server must not hold it.

    Nothing is lost: a transaction that was not committed is undone, and the next run converges.
    """
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


@main.command(short_help="Create or align the tables, undo that, or say how they stand.")
@click.argument("direction", type=click.Choice(["up", "down", "status"]))
def migrate(direction: str) -> None:
    """Create or align the tables (up), undo exactly that (down), or say how they stand (status).

    Reads DATABASE_URL from the environment and nothing else.

    Exit codes: 0 done, 1 something has to be mended first, 2 the database gave no answer.
    """
    from delivr_operator.database import DatabaseUnavailable, migrations

    actions = {
        "up": migrations.migrate_up,
        "down": migrations.migrate_down,
        "status": migrations.migration_status,
    }
    engine = migrations.migration_engine(settings_of(DatabaseSettings).database_url)
    try:
        report = actions[direction](engine)
    except DatabaseUnavailable as error:
        raise CannotTell(error.sentence) from None
    finally:
        engine.dispose()
    for step in report.done:
        click.echo(f"done: {step}")
    click.echo(f"migration 003_tenant_release_settings: {report.state.value}")
    if report.blockers:
        raise Refused("\n".join(blocker.sentence for blocker in report.blockers))


@main.command(short_help="Prove what files declare, before anything is applied.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Validate and prove the ReleaseSetups of FILES, with the Secrets of FILES, without cluster or database.

    FILES are YAML as for kubectl apply. Every integration is asked about at its provider, read-only, with the
    credentials that the Secrets hold. None of them is shown.

    Exit codes: 0 everything is proved, 1 something is refused, 2 something cannot be told.
    """
    from delivr_operator import checking
    from delivr_operator.manifest import ManifestError, read_manifests

    settings = settings_of(ProbeSettings)
    try:
        manifests = read_manifests(files)
    except ManifestError as error:
        raise Refused(str(error)) from None
    if not manifests.setups:
        raise Refused("The files hold no ReleaseSetup.")
    with click.progressbar(
        length=checking.parts(manifests),
        label="asking",
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
        show_pos=True,
        item_show_func=lambda part: part,
    ) as bar:
        lines = asyncio.run(checking.check_files(settings, manifests, lambda part: bar.update(1, part)))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in checking.table(lines, width):
        click.echo(line)
    sys.exit(checking.exit_code(lines))


@main.command(short_help="Write the YAML that adopts a tenant from the tables.")
@click.option("--tenant", required=True, help="The tenant's id, exactly as in Delivr.")
@click.option("--namespace", help="Namespace to write into the objects; without it, kubectl's counts.")
@click.option("--name", default="release-setup", show_default=True, help="Name of the ReleaseSetup.")
@click.option("--sealed-refs", is_flag=True, help="Write no Secret, only which ones to make.")
@click.option("--allow-changes", is_flag=True, help="Declare rows too that applying would change.")
@click.option("--allow-terminal", is_flag=True, help="Show credentials on a terminal.")
def export(  # noqa: PLR0913 - an option each
    tenant: str,
    namespace: str | None,
    name: str,
    *,
    sealed_refs: bool,
    allow_changes: bool,
    allow_terminal: bool,
) -> None:
    """Write a ReleaseSetup and its Secrets for a tenant that was set up by hand.

    Applying what it writes changes no row, so a team starts with GitOps without typing credentials again. The
    Secrets hold these in clear: send them to kubectl apply -f -, to sops, or to a file that nobody commits.
    What a person should know goes to standard error.

    Reads the settings of run, of which DATABASE_URL and INTEGRATION_ENCRYPTION_KEY must be set.

    Exit codes: 0 every row is adopted as it stands, 1 nothing was written, or rows are named that were left
    out or would change, 2 the database gave no answer.
    """
    checked_tenant(tenant)
    from delivr_operator import exporting
    from delivr_operator.database import DatabaseUnavailable

    if not sealed_refs and not allow_terminal and sys.stdout.isatty():
        raise Refused(
            "This writes credentials in clear, and standard output is a terminal: send it to a pipe or "
            "a file, or add --sealed-refs (no credentials) or --allow-terminal."
        )
    settings, place, now = settings_of(Settings), exporting.Place(namespace, name), datetime.now(UTC)
    try:
        found = exporting.export(settings, tenant, place, now, allow_changes=allow_changes)
    except DatabaseUnavailable as error:
        raise CannotTell(error.sentence) from None
    except exporting.NotAdoptable as error:
        raise Refused(str(error)) from None
    click.echo(found.documents(with_secrets=not sealed_refs), nl=False)
    for line in found.report():
        click.echo(line, err=True)
    sys.exit(DONE if found.faithful else REFUSED)


@main.command("rotate-key", short_help="Seal every credential in the tables with another key.")
@click.option(
    "--from-env",
    "old",
    multiple=True,
    required=True,
    metavar="NAME",
    help="Variable with a key that rows are sealed with now; may be given several times.",
)
@click.option("--to-env", "new", required=True, metavar="NAME", help="Variable with the key to seal with.")
@click.option(
    "--envelope",
    type=click.Choice([one.value for one in Envelope]),
    default=Envelope.HEX.value,
    show_default=True,
    help="What to seal in; rows in the other envelope move to this one.",
)
@click.option("--dry-run", "dry", is_flag=True, help="Say what would become of each row, and write nothing.")
@click.option("--seal-clear", is_flag=True, help="Seal credentials that somebody left in clear, too.")
def rotate_key(old: tuple[str, ...], new: str, envelope: str, *, dry: bool, seal_clear: bool) -> None:
    """Seal every credential in tenant_integrations with the key in --to-env.

    Reads DATABASE_URL and the named variables. Each tenant is one transaction, so it may be stopped and
    repeated at any time, also beside a running operator that knows both keys. What no key opens is listed
    and never written over.

    Exit codes: 0 every credential is sealed with the new key (with --dry-run: would be), 1 a setting is wrong
    or rows are listed that somebody has to mend, 2 the database gave no answer: repeat it.
    """
    from delivr_operator import rotating
    from delivr_operator.database import DatabaseUnavailable

    url = settings_of(DatabaseSettings).database_url
    try:
        change = rotating.rotation(os.environ, old, new, Envelope(envelope), seal_clear=seal_clear)
    except SettingsError as error:
        raise Refused(str(error)) from None
    resealer, rows = rotating.resealer(url, change), []
    try:
        hidden = not sys.stderr.isatty()
        with click.progressbar(resealer.tenants(), label="tenants", file=sys.stderr, hidden=hidden) as bar:
            for tenant in bar:
                rows += resealer.turn(tenant, dry=dry)
    except DatabaseUnavailable as error:
        raise CannotTell(error.sentence) from None
    report = rotating.RotationReport(tuple(rows))
    if dry:
        click.echo("nothing was written: --dry-run")
    click.echo("\n".join(report.lines()))
    sys.exit(DONE if report.settled else REFUSED)


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(installed_version("delivr-operator"))


for one in (people.status, people.verify, people.completion):
    main.add_command(one)


if __name__ == "__main__":
    sys.argv[0] = Path(sys.argv[0]).name
    main()
