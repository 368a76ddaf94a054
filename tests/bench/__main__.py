"""Print our speed beside Unicorn's, in one run: medians, ratios, versions.

``python -m tests.bench [--runs N] [--quick]``; a quiet computer gives steadier figures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from statistics import geometric_mean, median

from simvirt.events import ACCOUNTING, EVERYTHING, mask_of
from simvirt.loader import Image

from .machines import PROGRAMS, Result, images, ours, unicorn

FEWER_STEPS = 100  # a run in which Python hears of each instruction is this much shorter
_COLD = """
import time; start = time.perf_counter()
from simvirt.core import engine
engine.kernel({variant!r})
print(time.perf_counter() - start)
"""
_FIRST = """
import time; start = time.perf_counter()
from simvirt.simulation import Simulation
Simulation.boot("minos").step()
print(time.perf_counter() - start)
"""


def middle(runs: int, run: Callable[[], Result]) -> Result:
    """The run of median duration; all must agree on the checksum."""
    results = sorted((run() for _ in range(runs)), key=lambda result: result.seconds)
    if len({result.checksum for result in results}) != 1:
        raise SystemExit("bench: two runs of one program gave different checksums")
    return results[len(results) // 2]


def mips(instructions: int, seconds: float) -> float:
    """Millions of instructions a second."""
    return instructions / seconds / 1e6


def plain(programs: dict[str, Image], runs: int, divisor: int) -> None:
    """The fast kernel under Sv39 beside Unicorn without hooks."""
    print(f"{'plain, MIPS':<28}{'SimVirt':>10}{'Unicorn':>10}{'ratio':>8}   instructions")
    ratios, speeds = [], []
    for name, image in programs.items():
        rounds = max(PROGRAMS[name] // divisor, 1)
        here = middle(runs, lambda image=image, rounds=rounds: ours(image, rounds))
        there = middle(runs, lambda image=image, rounds=rounds: unicorn(image, rounds))
        if here.checksum != there.checksum:
            raise SystemExit(f"bench: {name}: SimVirt and Unicorn disagree on the checksum")
        count = here.instructions
        speeds.append((mips(count, here.seconds), mips(count, there.seconds)))
        ratios.append(there.seconds / here.seconds)
        row = f"{speeds[-1][0]:>10.0f}{speeds[-1][1]:>10.0f}{ratios[-1]:>8.2f}"
        print(f"  {name:<26}{row}   {count:,}")
    means = [geometric_mean(column) for column in zip(*speeds, strict=True)]
    print(
        f"  {'geometric mean':<26}{means[0]:>10.0f}{means[1]:>10.0f}{geometric_mean(ratios):>8.2f}"
    )


def traced(image: Image, runs: int, divisor: int) -> None:
    """A record per instruction and access beside a Python function per instruction."""
    rounds = max(PROGRAMS["sort"] // divisor, 1)
    everything = mask_of(EVERYTHING)
    here = middle(runs, lambda: ours(image, rounds, "traced", everything))
    few = max(rounds // FEWER_STEPS, 1)
    there = middle(runs, lambda: unicorn(image, few, hooked=True))
    speed, other = mips(here.instructions, here.seconds), mips(there.instructions, there.seconds)
    print(f"{'full trace (sort), MIPS':<28}{speed:>10.1f}{other:>10.2f}{speed / other:>8.1f}")


def accounting(image: Image, runs: int, divisor: int) -> None:
    """Marks and switches of owner recorded, by the fast kernel with nothing recorded."""
    rounds = max(PROGRAMS["sort"] // divisor, 1)
    mask = mask_of({*ACCOUNTING, "TRAP", "XRET"})
    quiet = middle(runs, lambda: ours(image, rounds))
    heard = middle(runs, lambda: ours(image, rounds, mask=mask))
    print(f"{'events selected / none':<46}{quiet.seconds / heard.seconds:>10.2f}")


def child(code: str, cache: str | None, runs: int) -> float:
    """Median of what a fresh interpreter prints; `cache`: an empty cache folder for each."""
    seconds = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as empty:
            environment = dict(os.environ)
            if cache is not None:
                environment["SIMVIRT_CACHE"] = empty
            done = subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, check=True
            )
        seconds.append(float(done.stdout))
    return median(seconds)


def starts(runs: int) -> None:
    """How long the first compilation takes, and later starts to the first instruction."""
    for variant in ("fast", "traced"):
        seconds = child(_COLD.format(variant=variant), "empty", 1)
        print(f"{f'{variant} kernel, cold compile, s':<46}{seconds:>10.1f}")
    print(f"{'start to first instruction, warm, s':<46}{child(_FIRST, None, runs):>10.2f}")


def main() -> None:
    """Run everything and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each figure (median)")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the instructions")
    arguments = parser.parse_args()
    runs, divisor = arguments.runs, 20 if arguments.quick else 1
    print(
        f"numba {version('numba')}, unicorn {version('unicorn')}, Python {sys.version.split()[0]}"
    )
    programs = images()
    ours(programs["sort"], 1)
    ours(programs["sort"], 1, "traced")
    plain(programs, runs, divisor)
    traced(programs["sort"], runs, 10 * divisor)
    accounting(programs["sort"], runs, divisor)
    starts(runs)


if __name__ == "__main__":
    main()
