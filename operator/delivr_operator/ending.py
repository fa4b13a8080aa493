"""How a command ends: what its exit codes mean, and the errors that carry them."""

import os
import re
from typing import TypeVar

import click

from delivr_operator.exit_codes import CANNOT_TELL, REFUSED
from delivr_operator.resource import TENANT_ID
from delivr_operator.settings import DatabaseSettings, ProbeSettings, Settings, SettingsError


class Refused(click.ClickException):
    """An error that a person can mend; its sentence says how."""

    exit_code = REFUSED


class CannotTell(click.ClickException):
    """An outage; the same command may succeed later."""

    exit_code = CANNOT_TELL


Kind = TypeVar("Kind", Settings, ProbeSettings, DatabaseSettings)


def settings_of(kind: type[Kind]) -> Kind:
    """Return the settings that the environment holds.

    Raises:
        Refused: one of them is wrong; the message names it.
    """
    try:
        return kind.from_environment(os.environ)
    except SettingsError as error:
        raise Refused(str(error)) from None


def checked_tenant(given: str) -> str:
    """Return what is given as --tenant.

    Raises:
        Refused: it cannot be the id of a tenant.
    """
    if not re.fullmatch(TENANT_ID, given):
        raise Refused("--tenant must be a tenant's id: 1 to 36 letters, digits, - and _")
    return given
