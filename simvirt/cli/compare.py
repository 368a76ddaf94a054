"""``simvirt compare``: one guest in every placement, measured."""

from __future__ import annotations

import argparse

from simvirt.cli.jsonfile import check_writable, write_json
from simvirt.cli.messages import say
from simvirt.virt.compare import ComparisonOptions, run_comparison


def main(options: argparse.Namespace) -> int:
    """Run the comparison and print it."""
    if options.json is not None:
        check_writable(options.json)
    progress = (lambda _: None) if options.quiet else say
    comparison = run_comparison(ComparisonOptions(guests_dir=options.guests), progress)
    if options.json is not None:
        write_json(options.json, comparison.to_json())
    print(comparison.text(), end="")
    return 0
