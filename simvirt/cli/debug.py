"""``simvirt debug``: the stepping debugger in the terminal."""

from __future__ import annotations

import argparse
import sys

from simvirt.cli import disks, loading
from simvirt.errors import InputError


def main(options: argparse.Namespace) -> int:
    """Load what `run` would, and show it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("the debugger needs a terminal; for scripts there is `simvirt run`")
    stack = loading.load(options)
    from simvirt.simulation import Simulation
    from simvirt.tui.app import Debugger

    app = Debugger(Simulation(stack), light=options.light)
    try:
        app.run(mouse=not options.no_mouse)
    finally:
        disks.save_disks(stack)
    return app.return_code or 0
