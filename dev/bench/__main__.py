"""`make bench`: measures the operator beside its floor and prints how they compare."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from dev.bench import creations, growth, hanging, restarts, secrets, shards, verifications
from dev.bench.rows import table, write
from dev.cluster import DevelopmentCluster
from dev.demo import Stage, install
from dev.simulator.client import Simulator

ROOT = Path(__file__).parents[2]
RESULT = ROOT / ".dev" / "bench.json"
PICTURE = ROOT / ".dev" / "growth.svg"
MEASURED = ("shards", "single", "storm", "secrets", "restart", "steady", "hanging")
"""In this order: where shards are measured there must be none before, and those that hang go on."""
ALONE = ("among", "growth")
"""What makes ten thousand of its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The table is printed and .dev/bench.json written; everything that was started is stopped."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cluster = DevelopmentCluster(ROOT / ".dev" / "bench")
    cluster.down()
    try:
        cluster.up("mysql")
        found = cluster.connections()
        on = Stage(found.cluster, found.database, found.variables, cluster.directory)
        install(on)
        with Simulator(dict(on.variables)) as simulator:
            measures = {
                "single": lambda: creations.measure_single(on, simulator, chosen.samples),
                "storm": lambda: creations.measure_storm(on, simulator, chosen.storm),
                "secrets": lambda: secrets.measure(on, simulator, chosen.resources, chosen.strangers),
                "restart": lambda: restarts.measure(on, simulator, chosen.resting),
                "steady": lambda: verifications.measure(on, simulator, chosen.proved),
                "shards": lambda: shards.measure(on, simulator, chosen.shared),
                "hanging": lambda: hanging.measure(on, simulator, chosen.hanging, chosen.samples),
                "among": lambda: secrets.measure_among(on, simulator, chosen.resources, chosen.resting),
                "growth": lambda: growth.measure(on, simulator, chosen.storms, chosen.sizes, PICTURE),
            }
            wanted = [chosen.only] if chosen.only else MEASURED
            rows = [row for name in wanted for row in measures[name]()]
    finally:
        cluster.down()
    print(f"\n{table(rows)}")
    write(rows, RESULT)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--only", choices=(*MEASURED, *ALONE), help="measure one thing; most by default")
    parser.add_argument("--samples", type=int, default=20, help="new resources one after the other")
    parser.add_argument("--storm", type=int, default=1_000, help="new resources at once")
    parser.add_argument("--resources", type=int, default=100, help="resources whose Secrets change")
    parser.add_argument("--strangers", type=int, default=10_000, help="Secrets that no resource refers to")
    parser.add_argument("--resting", type=int, default=10_000, help="fresh resources at a restart")
    parser.add_argument("--proved", type=int, default=1_000, help="resources that are proved once a minute")
    parser.add_argument("--shared", type=int, default=300, help="new resources at once for 1, 2 and 4")
    parser.add_argument("--hanging", type=int, default=1_000, help="resources whose provider hangs")
    parser.add_argument("--storms", type=int, nargs="+", default=[100, 300, 1_000], help="how storms grow")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 3_000, 10_000], help="how many rest")
    return parser


if __name__ == "__main__":
    sys.exit(main())
