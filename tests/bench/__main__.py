"""`python -m tests.bench [--quick] [--repeat N] [NAME ...]`: our speed beside that of others.

Each figure is a median, speeds are per second of processor time, and ratios are of the same run.
Without names all are measured.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

from tests.bench import foreign, lessons, measures, travelling

PACKAGES = ("numpy", "numba", "llvmlite", "unicorn")
Measure = Callable[[bool, int], list[str]]
MEASURES: dict[str, Measure] = {
    "speed": measures.speed,
    "trace": measures.trace,
    "events": measures.events,
    "accounting": measures.accounting,
    "mmio": measures.mmio,
    "start": measures.start,
    "compile": measures.compile_time,
    "history": travelling.history,
    "back": travelling.back,
    "search": travelling.search,
    "foreign": foreign.prompt,
    "notebooks": lessons.notebooks,
}
TITLES = measures.TITLES | travelling.TITLES | foreign.TITLES | lessons.TITLES


def main(arguments: Sequence[str] | None = None) -> None:
    """Print versions, then each measure as it is done."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--quick", action="store_true", help="short runs: to see that it works")
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the median is taken")
    chosen = parser.parse_args(arguments)
    for name in set(chosen.names) - set(MEASURES):
        parser.error(f"no measure {name!r}: use {', '.join(MEASURES)}")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"Python {platform.python_version()}, {packages}; {platform.machine()}")
    for name in chosen.names or MEASURES:
        print(f"\n{name}: {TITLES[name]}", flush=True)
        for line in MEASURES[name](chosen.quick, chosen.repeat):
            print(f"  {line}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
