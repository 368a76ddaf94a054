"""Stacks: what boots on what, and where everything lies in the machine's RAM.

The guest's image and device tree are the same bytes in every placement; so is the board that it
believes to run on.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simvirt import fdt
from simvirt.board import MAX_VMS, RAM, VIRTIO_SLOTS, Board, CostModel
from simvirt.disk import DiskFile
from simvirt.errors import InputError
from simvirt.loader import Image, check_fits, load_elf, strip_elf
from simvirt.machine import Machine, Module
from simvirt.toolchain import Artifact, Changes, build

PLACEMENTS = ("bare", "hypervisor", "hosted")
GUEST_RAM = 32 << 20
LAYER_RAM = {"hypervisor": 32 << 20, "hosted": 64 << 20}
LAYER_PROGRAM = {"hypervisor": "hypervisor", "hosted": "host"}
HOST_FILES = ("init", "sh", "vmm", "spin", "ls", "cat", "hello")
_ALIGN = 2 << 20
FILE_MAGIC = b"SVFS0001"


@dataclass(frozen=True)
class Guest:
    """A guest to run: its executable, and the device tree of the board that it sees."""

    name: str
    image: Image
    workloads: tuple[str, ...] = ()
    changes: Changes = field(default_factory=Changes)

    @property
    def elf(self) -> bytes:
        """What the VMM loads: program headers and segments only."""
        return strip_elf(self.image.content)


@dataclass(frozen=True)
class Stack:
    """A machine with a placement's software in it, and who owns what."""

    placement: str
    machine: Machine
    guests: tuple[Guest, ...]
    layers: dict[str, Image]
    regions: tuple[tuple[int, int], ...]  # (base, size) of each VM's RAM; bare: all of RAM
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    disks: tuple[DiskFile, ...] = ()

    @property
    def consoles(self) -> list[bytes]:
        """What each guest has written so far."""
        consoles = self.machine.consoles
        chosen = consoles[:1] if self.placement == "bare" else consoles[1:]
        return [bytes(console.output) for console in chosen]

    @property
    def layer_console(self) -> bytes:
        """What the hypervisor or the host has written; bare: nothing."""
        return b"" if self.placement == "bare" else bytes(self.machine.consoles[0].output)

    def changes(self) -> dict[str, Changes]:
        """The user's files in each program; without programs that are all ours."""
        programs: list[Artifact | Guest] = [*self.artifacts.values(), *self.guests]
        return {program.name: program.changes for program in programs if program.changes}


@dataclass(frozen=True)
class Options:
    """How to make a stack.

    `mem` is each guest's RAM in bytes; `commands` are lines of the host's rc file that come before
    those of the VMs, `programs` what its file image holds beside the guests;
    `guests_dir` holds programs or files that replace ours; `untrusted`: they are a stranger's, and
    may not read files outside the source tree while they are compiled.  `artifacts`: the layer's
    programs, from a stack with the same options, so that they are not built again.  `disks`: what
    the bare machine has in its virtio slots, in order; `harts`, which take turns of `quantum` steps
    (`seed`: see `Board`), are the bare machine's, too.  `ad_faults` (see `Board`) is for the
    hardware: a VM's A and D bits are set for it.
    """

    mem: int = GUEST_RAM
    costs: CostModel = field(default_factory=CostModel)
    guests_dir: Path | None = None
    untrusted: bool = False
    device_tree: bytes | None = None
    commands: tuple[str, ...] = ()
    programs: tuple[str, ...] = HOST_FILES
    artifacts: dict[str, Artifact] | None = None
    event_records: int = 1 << 16
    disks: tuple[DiskFile, ...] = ()
    harts: int = 1
    quantum: int = Board.quantum
    seed: int = 0
    ad_faults: bool = False


def make_stack(placement: str, guests: Sequence[Guest], options: Options | None = None) -> Stack:
    """Load a placement with its guests.  Raises InputError when something does not fit."""
    options = options or Options()
    if placement not in PLACEMENTS:
        raise InputError(f"no placement {placement!r}: use {', '.join(PLACEMENTS)}")
    if not guests:
        raise InputError("a stack needs at least one guest")
    for guest in guests:
        check_fits(guest.image, RAM, options.mem)
    if placement == "bare":
        return _bare(guests, options)
    return _virtual(placement, guests, options)


def guest_tree(options: Options, ad_faults: bool = False) -> bytes:
    """The device tree that a guest finds in every placement; `ad_faults`: of its own board."""
    if options.device_tree is not None:
        fdt.validate(options.device_tree)
        fdt.check_memory(options.device_tree, RAM, options.mem)
        return options.device_tree
    disks = len(options.disks)
    return Board(options.mem, options.harts, disks=disks, ad_faults=ad_faults).device_tree()


def _bare(guests: Sequence[Guest], options: Options) -> Stack:
    if len(guests) > 1:
        raise InputError("bare: one machine runs one guest; use --on hypervisor or --on hosted")
    if len(options.disks) > VIRTIO_SLOTS:
        raise InputError(f"{len(options.disks)} disks: the board has room for {VIRTIO_SLOTS}")
    board = Board(
        options.mem, options.harts, costs=options.costs, disks=len(options.disks),
        quantum=options.quantum, seed=options.seed, ad_faults=options.ad_faults,
    )  # fmt: skip
    tree = guest_tree(options, options.ad_faults)
    media = [file.disk for file in options.disks]
    machine = Machine(
        board, guests[0].image, tree, event_records=options.event_records, disks=media
    )
    return Stack(
        "bare", machine, tuple(guests), {}, ((RAM, options.mem),), disks=tuple(options.disks)
    )


def _virtual(placement: str, guests: Sequence[Guest], options: Options) -> Stack:
    if options.disks:
        raise InputError("a disk is for the bare machine: VMs have none yet; leave --disk out")
    if options.harts > 1:
        raise InputError(
            "several harts are for the bare machine: our layers use one; leave --harts out"
        )
    if len(guests) > MAX_VMS:
        raise InputError(f"{len(guests)} guests: a layer runs {MAX_VMS} VMs at most; name fewer")
    if options.mem % _ALIGN:
        raise InputError(f"guest RAM of {options.mem} bytes is not a multiple of 2M")
    artifacts = _build_layer(placement, options)
    layer = load_elf(artifacts[LAYER_PROGRAM[placement]].path)
    first = RAM + LAYER_RAM[placement]
    regions = tuple((first + i * options.mem, options.mem) for i in range(len(guests)))
    place = _Placer(regions[-1][0] + options.mem)
    tree = guest_tree(options)
    if placement == "hypervisor":
        chosen = _hypervisor_nodes(guests, regions, tree, place)
    else:
        chosen = _host_nodes(guests, regions, tree, place, artifacts, options)
    end = -(-place.next // _ALIGN) * _ALIGN + _ALIGN
    board = Board(
        end - RAM, vm_channels=len(guests), costs=options.costs, ad_faults=options.ad_faults
    )
    reserved = [*regions, *((m.address, len(m.data)) for m in place.modules)]
    blob = board.device_tree({"chosen": chosen, "reserved-memory": _reserved(reserved)})
    machine = Machine(board, layer, blob, place.modules, options.event_records)
    for i, (base, size) in enumerate(regions):
        machine.own(base, size, i)
    return Stack(placement, machine, tuple(guests), {placement: layer}, regions, artifacts)


def _build_layer(placement: str, options: Options) -> dict[str, Artifact]:
    if options.artifacts is not None:
        return options.artifacts
    names = [LAYER_PROGRAM[placement]]
    if placement == "hosted":
        names += [f"host-{name}" for name in options.programs]
    return build(names, overrides=options.guests_dir, untrusted=options.untrusted)


class _Placer:
    """Puts modules one after the other, each on pages of its own."""

    def __init__(self, start: int) -> None:
        self.next = start
        self.modules: list[Module] = []

    def add(self, name: str, data: bytes) -> tuple[int, int]:
        address = self.next
        self.modules.append(Module(address, data, name))
        self.next += -(-len(data) // 4096) * 4096
        return address, len(data)


def _reserved(spans: Sequence[tuple[int, int]]) -> fdt.Tree:
    nodes: dict[str, Any] = {"#address-cells": 2, "#size-cells": 2, "ranges": True}
    for base, size in spans:
        nodes[f"region@{base:x}"] = {"reg": fdt.u64(base, size), "no-map": True}
    return nodes


def _vm_node(region: tuple[int, int], channel: int) -> dict[str, Any]:
    return {"compatible": "simvirt,vm", "reg": fdt.u64(*region), "console": channel}


def _hypervisor_nodes(
    guests: Sequence[Guest], regions: Sequence[tuple[int, int]], tree: bytes, place: _Placer
) -> fdt.Tree:
    nodes: dict[str, Any] = {}
    for i, guest in enumerate(guests):
        node = _vm_node(regions[i], i)
        node["module"] = fdt.u64(*place.add(f"{guest.name}.elf", guest.elf))
        node["dtb"] = fdt.u64(*place.add(f"vm{i}.dtb", tree))
        nodes[f"vm@{i}"] = node
    return nodes


def _host_nodes(
    guests: Sequence[Guest],
    regions: Sequence[tuple[int, int]],
    tree: bytes,
    place: _Placer,
    artifacts: dict[str, Artifact],
    options: Options,
) -> fdt.Tree:
    files = {
        name: strip_elf(artifacts[f"host-{name}"].path.read_bytes()) for name in options.programs
    }
    lines = list(options.commands)
    for i, guest in enumerate(guests):
        files[f"{guest.name}.elf"] = guest.elf
        files[f"vm{i}.dtb"] = tree
        lines.append(f"vmm {i} {guest.name}.elf vm{i}.dtb &")
    files["rc"] = "".join(f"{line}\n" for line in lines).encode()
    nodes: dict[str, Any] = {f"vm@{i}": _vm_node(region, i) for i, region in enumerate(regions)}
    nodes["files"] = fdt.u64(*place.add("files", file_image(files)))
    return nodes


def file_image(files: dict[str, bytes]) -> bytes:
    """The host's initial file image: magic, count, entries (name, offset, size), data."""
    header = len(FILE_MAGIC) + 8
    offset = header + 64 * len(files)
    entries, body = b"", b""
    for name, data in files.items():
        if len(name.encode()) > 47:
            raise InputError(f"file name {name!r} is longer than 47 bytes")
        entries += struct.pack("<48sQQ", name.encode(), offset + len(body), len(data))
        body += data + bytes(-len(data) % 8)
    return FILE_MAGIC + struct.pack("<II", len(files), 0) + entries + body
