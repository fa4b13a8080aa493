"""EDGE: a closed value stays in this process, until the line that sends it."""

import copyreg
from typing import NoReturn

from pydantic import SecretBytes, SecretStr


def keep_closed_values_here() -> None:
    """Have nothing that holds a closed value be pickled, as queues, caches and other processes would do.

    Whatever holds one is meant too: pickling asks each value that it comes to.
    """
    copyreg.pickle(SecretStr, _refuse)
    copyreg.pickle(SecretBytes, _refuse)


def _refuse(_: SecretStr | SecretBytes) -> NoReturn:
    raise TypeError("a closed value is not pickled")
