"""``simvirt kernel``: the generated interpreter."""

from __future__ import annotations

import argparse

from simvirt.core.generate import VARIANTS, kernel_source
from simvirt.errors import InputError


def main(options: argparse.Namespace) -> int:
    """Print the kernel's source, or where it is and whether it is compiled."""
    if options.variant not in VARIANTS:
        raise InputError(f"--variant {options.variant}: no such kernel; use {', '.join(VARIANTS)}")
    if options.show:
        print(kernel_source(options.variant), end="")
        return 0
    from simvirt.core.engine import kernel_path

    path = kernel_path(options.variant)
    compiled = path.with_suffix(".compiled").exists()
    print(f"{path}: {'compiled' if compiled else 'will be compiled when first used'}")
    print("--show prints the source")
    return 0
