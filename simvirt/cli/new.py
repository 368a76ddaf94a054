"""``simvirt new``: a folder of guest sources to change."""

from __future__ import annotations

import argparse

from simvirt.errors import InputError
from simvirt.toolchain import export_sources, guests_folder
from simvirt.toolchain.manifest import read_manifest


def main(options: argparse.Namespace) -> int:
    """Copy the sources, and say how to use them."""
    if options.folder.exists() and not options.folder.is_dir():
        raise InputError(f"{options.folder}: a file; choose a new folder")
    names = [name for layer in options.layers for name in programs_of(layer)]
    written = export_sources(options.folder, tuple(dict.fromkeys(names)))
    print(f"{options.folder}: {len(written)} files; change some, delete the others if you like")
    print(f"then: simvirt run --guests {options.folder} --on hypervisor minos")
    return 0


def programs_of(layer: str) -> tuple[str, ...]:
    """The programs of a layer: that of its name, and its parts (host-init, vmm-core, ...)."""
    programs = read_manifest(guests_folder())
    parts = tuple(
        name for name in programs
        if name == layer or name.startswith(f"{layer}-") or name.endswith(f"-{layer}")
    )  # fmt: skip
    if not parts:
        known = dict.fromkeys([*(n.split("-")[0] for n in programs), *programs])
        raise InputError(f"no layer {layer!r}; there are {', '.join(known)}")
    return parts
