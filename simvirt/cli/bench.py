"""``simvirt bench``: how fast SimVirt itself is on this computer."""

from __future__ import annotations

import argparse
import sys


def main(options: argparse.Namespace) -> int:
    """Measure, and print the figures."""
    from simvirt.tui.bench import measure

    for line in measure():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return 0
