"""pip for a Python that was shipped without it: the distribution's own wheel, unpacked into the cache.

Run by the system's Python before there is a virtual environment: the standard library is all it may import.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dev.packages import unpacked
from dev.process import StartError
from dev.progress import say


def pip_wheel() -> Path:
    """The path of a wheel that `python -m pip` runs from when it is on PYTHONPATH."""
    package = unpacked(("python3-pip-whl",), with_libraries=False)
    found = sorted((package.root / "usr" / "share" / "python-wheels").glob("pip-*.whl"))
    if not found:
        raise StartError("the distribution's package of pip holds no wheel of it")
    return found[-1]


if __name__ == "__main__":
    try:
        print(pip_wheel())
    except StartError as error:
        say(f"error: {error}")
        sys.exit(1)
