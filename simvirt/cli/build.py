"""``simvirt build``: build guest programs."""

from __future__ import annotations

import argparse

from simvirt.cli.messages import Progress
from simvirt.toolchain import build


def main(options: argparse.Namespace) -> int:
    """Build, and say what came out and where it is."""
    with Progress("building", options.quiet) as progress:
        artifacts = build(options.names or None, overrides=options.guests, progress=progress)
    width = max(map(len, artifacts))
    for name, artifact in artifacts.items():
        size = artifact.path.stat().st_size
        print(f"{name:<{width}}  {artifact.sha256[:16]}  {size:>8}  {artifact.path}")
        for word, files in artifact.changes.named():
            print(f"{'':<{width}}  {word}: {', '.join(files)}")
    return 0
