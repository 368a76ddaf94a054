"""Any number of hostile programs: ``python -m tests.conformance [--programs N] [--first K]``.

Exit code 0: none crashes, hangs or runs differently in pieces; 1: one does; 2: bad arguments.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from .hostile import KINDS, machine, run


def main(arguments: list[str]) -> int:
    """Run ``--programs`` of each kind, whole and in pieces, and print how they ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--programs", type=int, default=1000, help="how many of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--steps", type=int, default=5000, help="steps of each at most")
    options = parser.parse_args(arguments)
    wrong = 0
    for kind in KINDS:
        ends: Counter[str] = Counter()
        for number in range(options.first, options.first + options.programs):
            whole, pieces = machine(kind, number), machine(kind, number)
            stop = run(whole, options.steps)
            run(pieces, options.steps, 5)
            ends[stop.reason] += 1
            if whole.state.digest() != pieces.state.digest():
                wrong += 1
                sys.stdout.write(f"{kind}/{number}: in pieces it is another run\n")
        sys.stdout.write(f"{kind}: {options.programs} programs, {dict(ends)}\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
