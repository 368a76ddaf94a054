"""Snapshots in files (docs/formats.md): whole, checked before anything is believed, no code.

A file is a stranger's: every size is checked against the machine or a limit before memory is
taken, every value against what the machine may hold.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from isa.causes import PRIV_NAMES
from isa.csrs import CSRS, Csr
from simvirt.board import MAX_QUANTUM, MAX_RAM, PAGE, parse_size
from simvirt.cache import write_atomically
from simvirt.core import layout
from simvirt.core.state import Words
from simvirt.devices.finisher import Verdict
from simvirt.devices.plic import PlicState
from simvirt.devices.uart import UartState
from simvirt.devices.virtio import VirtioState
from simvirt.devices.virtqueue import BrokenQueue, check
from simvirt.errors import InputError
from simvirt.history.areas import Area, inflate, pack_area, read_area
from simvirt.history.frozen import Frozen, hart_rows
from simvirt.history.identity import DEVICE_STATES, Identity, state_version
from simvirt.history.plain import build, pack, unpack
from simvirt.snapshot import Snapshot

MAGIC = b"SVSNAP01"
MAX_HEAD = 64 << 20  # bytes of the head: consoles are most of it
MAX_FILE = MAX_RAM
_SIZES = struct.Struct("<8sQQ")  # magic, size of the compressed head, its size when opened
_DIGEST = 32
_CSRS = tuple((word, csr) for csr in CSRS for word in layout.csr_words(csr))
_WRONG = (ValueError, struct.error, TypeError, KeyError, IndexError, BrokenQueue)
_BITS = {PlicState: 1024}  # masks with one bit a source


# ---- writing -----------------------------------------------------------------------------------


def save(snapshot: Snapshot, path: Path) -> None:
    """Write a file, whole or not at all.  Raises InputError when that is impossible."""
    data = packed(snapshot)
    try:
        write_atomically(path.absolute(), data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; choose another") from None


def packed(snapshot: Snapshot) -> bytes:
    """The bytes of a snapshot's file."""
    disks = _disk_blocks(snapshot.frozen)
    areas = [("RAM", snapshot.pages), *disks.items()]
    chunks = [(name, len(blocks), pack_area(blocks)) for name, blocks in areas]
    table = tuple((name, count, tuple(map(len, some))) for name, count, some in chunks)
    head = pack((*_head(snapshot), table))
    if len(head) > MAX_HEAD:
        raise InputError("the consoles have said too much for a snapshot in a file (64 MiB)")
    small = zlib.compress(head, 6)
    body = _SIZES.pack(MAGIC, len(small), len(head)) + small
    body += b"".join(chunk for _, _, some in chunks for chunk in some)
    return body + hashlib.sha256(body).digest()


def _disk_blocks(frozen: Frozen) -> dict[str, dict[int, bytes]]:
    """Changed blocks of each disk by the name of its slot."""
    states = frozen.devices.items()
    return {name: dict(s.backend) for name, s in states if isinstance(s, VirtioState)}


def _head(snapshot: Snapshot) -> tuple[Any, ...]:
    frozen = snapshot.frozen
    finished = frozen.finished and (frozen.finished[0].name, frozen.finished[1])
    words = (frozen.hart, frozen.mach, frozen.tlb, frozen.banks)
    arrays = tuple(b"" if array is None else _little(array) for array in words)
    return (
        snapshot.identity.parts,
        arrays,
        frozen.owner,
        finished,
        tuple((name, *_device(state)) for name, state in frozen.devices.items()),
        snapshot.consoles,
        tuple(snapshot.ended.items()),
    )


def _little(array: Words) -> bytes:
    return array.astype("<u8").tobytes()


def _device(state: Any) -> tuple[str, Any]:
    """The kind of a device's state, and its fields but for the disks' blocks."""
    if isinstance(state, VirtioState):
        state = replace(state, backend=())
    if type(state).__name__ not in DEVICE_STATES:
        raise InputError(f"a {type(state).__name__} cannot be kept in a file yet")
    return type(state).__name__, state


# ---- reading -----------------------------------------------------------------------------------


def load(path: Path) -> Snapshot:
    """A snapshot from a file; its pages stay compressed.

    Raises InputError when it is no snapshot, damaged, or made by another version of SimVirt.
    """
    try:
        with path.open("rb") as file:
            return _load(file, path)
    except IsADirectoryError:
        raise InputError(f"{path}: a folder, not a snapshot; name the file inside it") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such snapshot; check the name") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _load(file: BinaryIO, path: Path) -> Snapshot:
    if not path.is_file():
        raise InputError(f"{path}: not a regular file; copy it into one")
    start = file.read(_SIZES.size)
    if start[:8] != MAGIC:
        raise InputError(f"{path}: not a snapshot of SimVirt; make one with `simvirt run --save`")
    try:
        return _Reader(file, start, path).snapshot()
    except _WRONG as error:
        raise InputError(f"{path}: damaged or cut off ({error}); take the snapshot again") from None


class _Reader:
    """Reads one file from its beginning to its end."""

    def __init__(self, file: BinaryIO, start: bytes, path: Path) -> None:
        self._file, self._path = file, path
        self._hash = hashlib.sha256(start)
        self._left = path.stat().st_size - len(start) - _DIGEST
        if not 0 <= self._left <= MAX_FILE:
            raise ValueError("its size is impossible")
        _, self._small, self._size = _SIZES.unpack(start)

    def _take(self, size: int) -> bytes:
        if size > self._left:
            raise ValueError("it ends too early")
        self._left -= size
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def snapshot(self) -> Snapshot:
        """All of it."""
        if self._size > MAX_HEAD or self._small > MAX_HEAD:
            raise ValueError("its head is too big")
        head = unpack(inflate(self._take(self._small), self._size))
        identity = Identity(tuple((_word(name), _word(what)) for name, what in head[0]))
        self._check_version(identity)
        ram, disks = _limits(identity)
        areas = {}
        for name, count, sizes in head[7]:
            limit = ram if name == "RAM" else disks[int(name.removeprefix("virtio"))]
            areas[_word(name)] = read_area(self._take, sizes, _number(count), limit)
        if self._left or self._hash.digest() != self._file.read():
            raise ValueError("its hash is wrong")
        return _snapshot(identity, head, areas)

    def _check_version(self, identity: Identity) -> None:
        its, ours = identity["version of the state"], state_version()
        if its != ours:
            raise InputError(
                f"{self._path}: made by a SimVirt whose machine has another state ({its[:20]!r}, "
                f"here {ours!r}); use that version, or take the snapshot again"
            )


def _limits(identity: Identity) -> tuple[int, list[int]]:
    """How many blocks RAM and each disk have.  Raises ValueError."""
    try:
        ram = parse_size(identity["RAM"]) // PAGE
    except InputError as error:
        raise ValueError(str(error)) from None
    sizes = [part.split(" ")[0] for part in identity["disks"].split("; ") if part]
    return ram, [-(-int(size) // PAGE) for size in sizes]


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a name is missing")
    return value


def _number(value: Any, bits: int = 64) -> int:
    if type(value) is not int or value >> bits:
        raise ValueError("a number is missing")
    return value


def _snapshot(identity: Identity, head: tuple[Any, ...], areas: dict[str, Area]) -> Snapshot:
    _, arrays, owner, finished, devices, consoles, ended, _ = head
    hart, mach, tlb, banks = (np.frombuffer(data, "<u8").astype(np.uint64) for data in arrays)
    states = {_word(name): _state(kind, value, areas.get(name)) for name, kind, value in devices}
    said = tuple(build(bytes, console) for console in consoles)
    if [s.sent for s in states.values() if isinstance(s, UartState)] != [len(c) for c in said]:
        raise ValueError("its consoles are not what the devices have sent")
    t, idle = (int(mach[layout.MACH_INDEX[name]]) for name in ("t", "idle"))
    end = _finished(finished)
    laid_aside = banks.reshape(layout.MAX_HARTS, layout.BANK_WORDS) if banks.size else None
    frozen = Frozen(t, idle, hart, mach, tlb, _number(owner, 8), laid_aside, states, end, 0, ())
    _check_words(frozen, int(identity["harts"]))
    over = {_number(vm, 8): _number(how, 16) for vm, how in ended}
    return Snapshot(identity, frozen, areas["RAM"], said, None, over)


def _finished(value: Any) -> tuple[Verdict, int] | None:
    if value is None:
        return None
    name, code = value
    return Verdict[_word(name)], _number(code)


def _state(kind: Any, value: Any, blocks: Area | None) -> Any:
    """A device's state; a disk gets its blocks."""
    made = DEVICE_STATES[_word(kind)]
    state = build(made, value, _BITS.get(made, 64))
    if isinstance(state, VirtioState):
        _check_virtio(state)
        return replace(state, backend=tuple(() if blocks is None else blocks.items()))
    return state


def _check_virtio(state: VirtioState) -> None:
    """A queue in use has passed this when it was made ready; a complaint is text."""
    state.complaint.decode()
    for queue in state.queues:
        if queue.ready:
            check(queue)


def _check_words(frozen: Frozen, harts: int) -> None:
    """Raise ValueError for what no machine ever holds: the kernel relies on it."""
    if frozen.hart.size != len(layout.HART) or frozen.mach.size != len(layout.MACH):
        raise ValueError("its words are not those of a machine")
    if frozen.tlb.size != layout.REGIONS["tlb"] or (frozen.banks is None) != (harts == 1):
        raise ValueError("its words are not those of so many harts")
    mach = dict(zip(layout.MACH, frozen.mach.tolist(), strict=True))
    turns = mach["harts"] == harts and mach["current"] < harts and mach["quantum"] <= MAX_QUANTUM
    if not turns or max(mach["t"], mach["idle"]) >> 62:
        raise ValueError("its clock, or whose turn it is, is impossible")
    for row in hart_rows(frozen):
        words = dict(zip(layout.HART, row.tolist(), strict=True))
        wrong = [name for name, csr in _CSRS if not _legal(csr, words[name])]
        odd = words["pc"] & 1 or words["x0"] or words["waiting"] > 1
        if wrong or odd or words["priv"] not in PRIV_NAMES:
            raise ValueError(f"a hart as there is none ({', '.join(wrong) or 'pc, mode'})")


def _legal(csr: Csr, value: int) -> bool:
    """May the storage of a CSR hold a value?"""
    legal = value if csr.legalize is None else csr.legalize(csr.reset, value)
    return value == legal and not value & ~csr.readable
