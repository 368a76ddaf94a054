"""The machine's state as NumPy arrays: made once, changed in place, shared with the kernel."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.csrs import CSRS, Csr
from simvirt.core import layout
from simvirt.core.regions.table import Regions

Words = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

RAM_BASE = 0x8000_0000
PAGE = 4096
_PAGE_CACHES = layout.PAGE_CACHE_WORDS  # of a bank, in front of the owner


class KernelArrays(NamedTuple):
    """What every function of a kernel is given (one hart): as few arrays as will do."""

    w: Words
    ram8: Bytes
    ram64: Words
    decoded: Words
    flags: Bytes
    owner: Bytes
    events: Words


class Arrays(NamedTuple):
    """The same memory for Python, region by region.  `ram16/32/64` are views of `ram8`."""

    hart: Words
    mach: Words
    work: Words
    tlb: Words
    load_tag: Words
    store_tag: Words
    fetch_tag: Words
    breakpoints: Words
    watches: Words
    windows: Words
    banks: Words  # shape (MAX_HARTS, BANK_WORDS)
    samples: Words
    entries: Words  # shape (entries, ENTRY_WORDS)
    ram8: Bytes
    ram16: NDArray[np.uint16]
    ram32: NDArray[np.uint32]
    ram64: Words
    decoded: Words
    flags: Bytes
    owner: Bytes
    events: Words  # shape (records, EVENT_WORDS)


class State:
    """All of one machine's memory: architectural state, caches that are derived, event ring."""

    def __init__(self, ram_size: int, event_records: int = 1 << 16) -> None:
        """`ram_size` in bytes, a multiple of 4096; the ring holds `event_records` events."""
        if ram_size <= 0 or ram_size % PAGE:
            raise ValueError(f"RAM size {ram_size} is not a positive multiple of {PAGE}")
        ram64 = np.zeros(ram_size // 8, np.uint64)
        pages = ram_size // PAGE
        self.kernel_arrays = KernelArrays(
            w=np.zeros(layout.WORDS, np.uint64),
            ram8=ram64.view(np.uint8),
            ram64=ram64,
            decoded=np.zeros(ram_size // 2 + PAGE // 2, np.uint64),
            flags=np.zeros(pages, np.uint8),
            owner=np.zeros(pages, np.uint8),
            events=np.zeros(event_records * layout.EVENT_WORDS, np.uint64),
        )
        self.arrays = self._views()
        self.ram_size = ram_size
        self.regions = Regions(self)
        self.reset()

    def _views(self) -> Arrays:
        kernel = self.kernel_arrays

        def region(name: str) -> Words:
            start = layout.region_start(name)
            return kernel.w[start : start + layout.REGIONS[name]]

        return Arrays(
            hart=region("hart"),
            mach=region("mach"),
            work=region("work"),
            tlb=region("tlb"),
            load_tag=region("load_tag"),
            store_tag=region("store_tag"),
            fetch_tag=region("fetch_tag"),
            breakpoints=region("breakpoints"),
            watches=region("watches"),
            windows=region("windows"),
            banks=region("banks").reshape(layout.MAX_HARTS, -1),
            samples=region("samples"),
            entries=region("entries").reshape(-1, layout.ENTRY_WORDS),
            ram8=kernel.ram8,
            ram16=kernel.ram64.view(np.uint16),
            ram32=kernel.ram64.view(np.uint32),
            ram64=kernel.ram64,
            decoded=kernel.decoded,
            flags=kernel.flags,
            owner=kernel.owner,
            events=kernel.events.reshape(-1, layout.EVENT_WORDS),
        )

    def reset(self) -> None:
        """Power-on values: M-mode, pc at the start of RAM, CSRs as their table says."""
        for csr in CSRS:
            for word in layout.csr_words(csr):
                self.set_hart(word, csr.reset)
        self.set_hart("pc", RAM_BASE)
        self.set_hart("priv", 3)
        self.set_hart("mtimecmp", (1 << 64) - 1)
        self.set_mach("harts", 1)
        self.set_mach("turn_end", (1 << 64) - 1)
        self.arrays.work[layout.WORK_INDEX["ram_size"]] = self.ram_size

    def hart(self, name: str, number: int | None = None) -> int:
        """A word of a hart (default: whose turn it is): "pc", "priv", "x5", a CSR, ..."""
        return int(self._hart_words(number)[layout.HART_INDEX[name]])

    def set_hart(self, name: str, value: int, number: int | None = None) -> None:
        """Set a word of a hart (default: whose turn it is)."""
        self._hart_words(number)[layout.HART_INDEX[name]] = value & ((1 << 64) - 1)

    def _hart_words(self, number: int | None) -> Words:
        if number is None or number == self.mach("current"):
            return self.arrays.hart
        words: Words = self.arrays.banks[number]
        return words

    def stored(self, csr: Csr, number: int | None = None) -> int:
        """What a CSR with storage reads as."""
        return self.hart(self.storage(csr, number), number) & csr.readable

    def storage(self, csr: Csr, number: int | None = None) -> str:
        """The word of a hart that holds a CSR: its own, that of which it is a view, or selected."""
        if csr.kind == "selected":
            return layout.csr_words(csr)[self.hart(csr.view_of, number)]
        return csr.view_of or csr.name

    def start_harts(self, count: int, quantum: int, seed: int) -> None:
        """`count` harts begin in the state of the first one, but for their numbers (x10, mhartid).

        They take turns of `quantum` steps, uneven ones when `seed` is not 0.
        """
        self.set_mach("harts", count)
        self.set_mach("quantum", quantum)
        self.set_mach("turn_random", seed)
        self.set_mach("turn_end", quantum if count > 1 else (1 << 64) - 1)
        for number in range(1, count):
            self.arrays.banks[number, : len(layout.HART)] = self.arrays.hart
            self.set_hart("x10", number, number)
            self.set_hart("mhartid", number, number)

    def architecture(self) -> list[NDArray[np.uint64]]:
        """All words that software can ever notice: of the harts, the machine and the TLBs."""
        arrays = self.arrays
        words = [arrays.hart, arrays.mach, arrays.tlb]
        if self.mach("harts") > 1:
            words.append(arrays.banks[:, : -_PAGE_CACHES - 1])
        return words

    def mach(self, name: str) -> int:
        """A word of the machine: "t", "idle", "violations", ..."""
        return int(self.arrays.mach[layout.MACH_INDEX[name]])

    def set_mach(self, name: str, value: int) -> None:
        """Set a word of the machine."""
        self.arrays.mach[layout.MACH_INDEX[name]] = value & ((1 << 64) - 1)

    def work(self, name: str) -> int:
        """A scratch word of the kernel."""
        return int(self.arrays.work[layout.WORK_INDEX[name]])

    def set_work(self, name: str, value: int) -> None:
        """Set a scratch word of the kernel."""
        self.arrays.work[layout.WORK_INDEX[name]] = value & ((1 << 64) - 1)

    def set_windows(self, windows: Sequence[tuple[int, int]]) -> None:
        """Physical windows [first, end) in which a device answers; elsewhere nothing does."""
        for i, (first, end) in enumerate(windows):
            self.arrays.windows[2 * i : 2 * i + 2] = (first, end)
        self.set_work("windows", len(windows))

    def read_ram(self, pa: int, size: int) -> bytes:
        """Bytes of RAM at a physical address.  Raises IndexError outside RAM."""
        return self.arrays.ram8[self._span(pa, size)].tobytes()

    def write_ram(self, pa: int, data: bytes) -> None:
        """Write RAM from outside; decoded instructions there are forgotten.

        Raises IndexError outside RAM.
        """
        span = self._span(pa, len(data))
        self.arrays.ram8[span] = np.frombuffer(data, np.uint8)
        self.forget_code(span.start, span.stop)

    def forget_code(self, start: int, stop: int) -> None:
        """Bytes [start, stop) of RAM have changed: forget what was decoded or compiled there."""
        pages = slice(max(start - 2, 0) // PAGE, (stop + PAGE - 1) // PAGE)
        flags = self.arrays.flags[pages]
        if (flags & (layout.FLAG_DECODED | layout.FLAG_REGION)).any():  # else all zero: untouched
            self.arrays.decoded[max(start // 2 - 1, 0) : (stop + 1) // 2] = 0
        self.arrays.flags[start // PAGE : pages.stop] &= np.uint8(~layout.FLAG_CLEAN & 0xFF)
        for page in np.flatnonzero(flags & layout.FLAG_REGION) + pages.start:
            self.regions.remove(int(page))

    def write_pages(self, numbers: NDArray[np.int64], content: Words) -> None:
        """Write whole pages, contents of shape (pages, PAGE // 8).

        A page that is so already stays as it is, with what was decoded and compiled there.
        """
        ram = self.arrays.ram64.reshape(-1, PAGE // 8)
        differ = (ram[numbers] != content).any(axis=1)
        pages = numbers[differ]
        ram[pages] = content[differ]
        self.arrays.flags[pages] &= np.uint8(~layout.FLAG_CLEAN & 0xFF)
        code = self.arrays.flags[pages] & (layout.FLAG_DECODED | layout.FLAG_REGION)
        for page in pages[code != 0].tolist():
            self.forget_code(page * PAGE, (page + 1) * PAGE)

    def break_reservations(self, start: int, stop: int) -> None:
        """Another master than a hart has written RAM at physical addresses [start, stop)."""
        for number in range(self.mach("harts")):
            held = self.hart("reservation", number) - 1
            if held >= 0 and start < held + 8 and held < stop:
                self.set_hart("reservation", 0, number)

    def used_pages(self) -> NDArray[np.int64]:
        """Numbers of the pages of RAM that are not all zero."""
        return np.flatnonzero(self.arrays.ram64.reshape(-1, PAGE // 8).any(axis=1))

    def _span(self, pa: int, size: int) -> slice:
        start = pa - RAM_BASE
        if start < 0 or size < 0 or start + size > self.ram_size:
            raise IndexError(f"[{pa:#x}, +{size:#x}) is outside RAM")
        return slice(start, start + size)

    def dirty_pages(self) -> NDArray[np.int64]:
        """Numbers of the pages written since `mark_clean`; all of them before its first call."""
        return np.flatnonzero(self.arrays.flags & layout.FLAG_CLEAN == 0)

    def mark_clean(self) -> None:
        """From now on `dirty_pages` counts."""
        self.arrays.flags[:] |= np.uint8(layout.FLAG_CLEAN)

    def mark_reserved(self) -> None:
        """A store looks for other harts' reservations only in pages that are marked so."""
        harts = self.mach("harts")
        for number in range(harts):
            page = (self.hart("reservation", number) - 1 - RAM_BASE) // PAGE
            if harts > 1 and 0 <= page < len(self.arrays.flags):
                self.arrays.flags[page] |= np.uint8(layout.FLAG_RESERVED)

    def forget_pages(self) -> None:
        """Empty the caches derived from TLB, mode, PMP and owners (after a change from outside)."""
        for name in ("load_tag", "store_tag", "fetch_tag"):
            getattr(self.arrays, name)[:] = 0
        self.arrays.banks[:, -_PAGE_CACHES - 1 : -1] = 0

    def digest(self) -> str:
        """SHA-256 of all architectural state: hart, machine words, TLB, RAM."""
        digest = hashlib.sha256()
        words: list[Words] = [array.copy() for array in self.architecture()]
        words[0][layout.X_SINK] = 0
        if len(words) > 3:
            words[3][:, layout.X_SINK] = 0
            words[3][self.mach("current")] = 0  # what stands there is old
        for array in words:
            digest.update(array.astype("<u8", copy=False).data)
        digest.update(self.arrays.ram8.data)
        return digest.hexdigest()
