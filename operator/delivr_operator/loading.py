"""EDGE: how a start loads its modules: without what nobody uses, and without looking for garbage."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec

LEFT_OUT = ("kubernetes", "kubernetes.aio")
"""Packages that themselves load every part they have; of those, the ones that are asked for suffice."""
YOUNG = (10_000, 20, 20)
"""How much is made before garbage is looked for: Python's 700 is a few resources of a list."""


@contextmanager
def lean_loading() -> Iterator[None]:
    """Load what the block imports in two thirds of the time; what it loads is never looked at as garbage.

    kopf and the asynchronous client would have the synchronous one loaded, with requests and google.auth.
    """
    gc.disable()
    for name in LEFT_OUT:
        spec = find_spec(name)
        if spec is not None and name not in sys.modules:
            sys.modules[name] = module_from_spec(spec)
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*YOUNG)
        gc.enable()
