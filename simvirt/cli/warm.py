"""``simvirt warm``: build beforehand all that would be built on first use."""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ThreadPoolExecutor

from simvirt.cache import cache_root
from simvirt.cli.messages import Progress, say
from simvirt.core import engine
from simvirt.core.generate import VARIANTS
from simvirt.errors import InputError
from simvirt.toolchain import build


def main(options: argparse.Namespace) -> int:
    """Fill the cache, and say how to use it."""
    if options.dir is not None:
        os.environ["SIMVIRT_CACHE"] = str(options.dir.resolve())
    os.environ.pop("SIMVIRT_SCRATCH", None)
    root = cache_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{root}: cannot be made: {error.strerror}; choose another") from None
    if not os.access(root, os.W_OK):
        raise InputError(f"{root}: cannot be written to; choose another folder with --dir")
    with Progress("compiling", options.quiet) as progress, ThreadPoolExecutor(1) as pool:
        kernels = pool.submit(lambda: [engine.kernel(variant) for variant in VARIANTS])
        programs = build(progress=progress)
        kernels.result()
    if not options.quiet:
        say(f"{root}: {len(programs)} guest programs, {len(VARIANTS)} kernels; may be read-only")
    if options.dir is not None and not options.quiet:
        say(f"use it with: export SIMVIRT_CACHE={root}")
    return 0
