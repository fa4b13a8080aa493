"""Every logger of the process speaks at every level, whatever the program sets."""

import logging


def _always(self: logging.Logger, level: int) -> bool:
    return True


logging.Logger.isEnabledFor = _always  # type: ignore[method-assign]
