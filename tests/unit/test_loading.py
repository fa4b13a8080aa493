"""A start: it loads no more than it uses, and looks for garbage again once it has."""

import subprocess
import sys

LOADED = """
import gc, sys
from delivr_operator.loading import lean_loading

with lean_loading():
    from delivr_operator import running
print(gc.isenabled(), *sorted({"requests", "google.auth", "kubernetes.dynamic"} & sys.modules.keys()))
"""


def test_a_start_loads_no_second_kubernetes_client() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]
