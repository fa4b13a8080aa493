"""Runs the fuzz tests with ever new seeds until the time is over or one of them fails."""

import argparse
import os
import random
import subprocess
import sys
import time

EXAMPLES = 500
"""Of each test in one round, which then takes a few minutes."""


def main() -> int:
    """Return 0 if nothing failed in that time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=int)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="more arguments for pytest")
    wanted = parser.parse_args()
    ends, rounds = time.monotonic() + wanted.seconds, 0
    while time.monotonic() < ends:
        seed = random.randrange(2**31)  # noqa: S311 - no secret
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "auto", "tests/fuzz"]
        more = {**os.environ, "DELIVR_FUZZ_EXAMPLES": str(EXAMPLES)}
        ended = subprocess.run([*command, f"--hypothesis-seed={seed}", *wanted.rest], check=False, env=more)
        rounds += 1
        if ended.returncode:
            sys.stdout.write(f"round {rounds}, seed {seed}: add the example above to the test as @example\n")
            return 1
    sys.stdout.write(f"{rounds} rounds, nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
