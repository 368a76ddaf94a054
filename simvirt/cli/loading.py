"""From the options of ``simvirt run`` to a stack that is ready to run."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from simvirt.board import MAX_HARTS, MAX_QUANTUM, MAX_VMS, parse_size
from simvirt.cli.disks import open_disks
from simvirt.cli.messages import Progress
from simvirt.errors import InputError
from simvirt.loader import read_file
from simvirt.toolchain import build, guests_folder
from simvirt.toolchain.manifest import read_manifest
from simvirt.virt.guests import open_guest
from simvirt.virt.stacks import (
    GUEST_RAM,
    HOST_FILES,
    LAYER_PROGRAM,
    PLACEMENTS,
    Guest,
    Options,
    Stack,
    make_stack,
)

DEFAULT_BUDGET = 10**10
MAX_BUDGET = 1 << 60
DISK_RAM = 128 << 20  # QEMU's default, which kernels that need a disk are built for
_NAME_LIMIT = 32  # of a guest's file in the host's file image


def whole_number(option: str, text: str, most: int) -> int:
    """A positive integer such as 1000, 1_000 or 1e9.  Raises InputError otherwise."""
    try:
        number = Decimal(text)
        whole = number == number.to_integral_value()
    except (InvalidOperation, ValueError):
        whole = False
    if not whole or not 1 <= number <= most:
        raise InputError(f"{option} {text}: give a whole number from 1 to {most}")
    return int(number)


def load(options: argparse.Namespace) -> Stack:
    """Build and load everything.  Raises InputError."""
    if options.on not in PLACEMENTS:
        raise InputError(f"--on {options.on}: no such placement; use {', '.join(PLACEMENTS)}")
    usual = DISK_RAM if options.disk else GUEST_RAM
    mem = usual if options.mem is None else _size(options.mem)
    tree = None if options.dtb is None else read_file(options.dtb)
    names = _names(options)
    _build_first(names, options)
    guests = _distinct([_open(name, options.guests) for name in names])
    disks = open_disks(options.disk)
    stack_options = Options(
        mem=mem,
        guests_dir=options.guests,
        device_tree=tree,
        disks=disks,
        harts=whole_number("--harts", options.harts, MAX_HARTS),
        quantum=whole_number("--quantum", options.quantum, MAX_QUANTUM),
        seed=whole_number("--seed", options.seed, (1 << 64) - 1) if options.seed else 0,
        ad_faults=options.ad_bits == "fault",
    )
    try:
        return make_stack(options.on, guests, stack_options)
    except InputError as error:
        if tree is None or "device tree" not in str(error):
            raise
        raise InputError(f"{options.dtb}: {error}") from None


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except InputError as error:
        raise InputError(f"--mem: {error}") from None


def _names(options: argparse.Namespace) -> list[str]:
    names: list[str] = options.guest
    if not names:
        raise InputError(f"name a guest to run: a .c, .S or ELF file, or one of {_programs()}")
    if options.vms is None:
        return names
    count = whole_number("--vms", options.vms, MAX_VMS)
    if len(names) > 1 and len(names) != count:
        raise InputError(f"--vms {count}: but {len(names)} guests are named; name one, or all")
    return names if len(names) > 1 else names * count


def _programs() -> str:
    programs = read_manifest(guests_folder())
    return ", ".join(n for n, p in programs.items() if not p.object and "-" not in n)


def _build_first(names: Sequence[str], options: argparse.Namespace) -> None:
    """What must be built, with messages; later look-ups find it in the cache."""
    programs = read_manifest(guests_folder())
    wanted = [name for name in names if name in programs and not Path(name).exists()]
    if options.on != "bare":
        wanted.append(LAYER_PROGRAM[options.on])
    if options.on == "hosted":
        wanted += [f"host-{name}" for name in HOST_FILES]
    with Progress("building", options.quiet) as progress:
        build(wanted, overrides=options.guests, progress=progress)


def _open(name: str, overrides: Path | None) -> Guest:
    path = Path(name)
    programs = read_manifest(guests_folder())
    if name in programs and programs[name].object:
        raise InputError(f"{name}: a part of other programs, not a guest; use {_programs()}")
    if not path.exists() and name not in programs and path.suffix == "" and path.name == name:
        raise InputError(f"{name}: no such file or program; the programs are {_programs()}")
    return open_guest(name, overrides)


def _distinct(guests: Sequence[Guest]) -> list[Guest]:
    """The guests under names that a file image can hold, one name per image."""
    taken: dict[str, str] = {}
    result = []
    for guest in guests:
        stem = re.sub(r"[^A-Za-z0-9._-]", "_", guest.name)[:_NAME_LIMIT] or "guest"
        name, number = stem, 1
        while taken.setdefault(name, guest.image.sha256) != guest.image.sha256:
            number += 1
            name = f"{stem}-{number}"
        result.append(replace(guest, name=name))
    return result
