"""The guest's last moment: what a test looks at when the run is over.

A VMM clears up behind its VM: a process of a host ends, and with it the virtual CSRs and the
shadow tables.  So the machine's RAM is kept as it is when the VMM says that VM 0 has ended, in
every placement.  On the bare machine the machine itself ends there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from isa import marks
from isa.causes import PRIV_NAMES
from simvirt.errors import InputError
from simvirt.virt.stacks import Stack
from simvirt.virt.twin import twin
from simvirt.virt.views import SV39, Inspector, Journey, VcpuView
from simvirt.walk import ACCESS, walk

T = TypeVar("T")
Words = NDArray[np.uint64]
# What looking at data raises that a VMM has broken, or has not made.
UNREADABLE = (InputError, IndexError, KeyError)
MODES = tuple(PRIV_NAMES.values())
_PAGE = 4096
_RAM = 0x8000_0000  # where RAM begins on every board
_VM_END = marks.MARK_NUMBERS["VM_END"]
_SUM, _MXR, _PPN = 1 << 18, 1 << 19, (1 << 44) - 1


class LastMoment:
    """Listens to a machine before it runs; later it reads RAM as VM 0 left it.

    Without an end of VM 0 (yet), it reads RAM as it is.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._numbers = np.zeros(0, np.int64)  # of the pages in use, ascending
        self._pages: Words | None = None  # their words, shape (pages, _PAGE // 8)
        self._inspector: Inspector | None = None
        if stack.placement != "bare":
            stack.machine.on_mark(_VM_END, self._ended)

    def _ended(self, payload: int) -> bool:
        """Once only: a submission may say it as often as it likes."""
        state = self._stack.machine.state
        # A guest may execute any HINT: what counts is the owner of the frame it came from.
        if self._pages is None and payload >> 16 == 0 and state.work("owner") == 0:
            self._numbers = state.used_pages()
            self._pages = state.arrays.ram64.reshape(-1, _PAGE // 8)[self._numbers]
        return False

    @property
    def came(self) -> bool:
        """Has the VMM said that the VM has ended?"""
        return self._pages is not None

    def read_ram(self, pa: int, size: int) -> bytes:
        """Bytes of RAM at a physical address.  Raises IndexError outside RAM."""
        state = self._stack.machine.state
        if self._pages is None or not size:
            return state.read_ram(pa, size)
        if pa < _RAM or pa + size > _RAM + state.ram_size:
            raise IndexError(f"[{pa:#x}, +{size:#x}) is outside RAM")
        first, start = divmod(pa - _RAM, _PAGE)
        pages = range(first, first + (start + size - 1) // _PAGE + 1)
        return b"".join(map(self._page, pages))[start : start + size]

    def _page(self, number: int) -> bytes:
        assert self._pages is not None
        at = int(np.searchsorted(self._numbers, number))
        if at < len(self._numbers) and self._numbers[at] == number:
            words: Words = self._pages[at]
            return words.tobytes()
        return bytes(_PAGE)

    def inspector(self) -> Inspector:
        """Looks into the VM.  Raises InputError on the bare machine."""
        if self._pages is None:
            return Inspector(self._stack)
        if self._inspector is None:
            self._inspector = Inspector(self._as_it_was(self._pages))
        return self._inspector

    def _as_it_was(self, pages: Words) -> Stack:
        """A copy of the stack to look at only: its RAM is that of the moment."""
        seen = twin(self._stack)
        state = seen.machine.state
        ram = state.arrays.ram64.reshape(-1, _PAGE // 8)
        ram[state.used_pages()] = 0
        ram[self._numbers] = pages
        return seen

    def look(self, read: Callable[[Inspector], T]) -> T:
        """What `read` finds.  Raises InputError where the VM's data cannot be read."""
        try:
            return read(self.inspector())
        except UNREADABLE as error:
            what = str(error) if isinstance(error, InputError) else f"broken data ({error!r})"
            ended = "at its last moment" if self.came else "and it has not come to its end: " \
                "call expect_passed() first, which tells why"  # fmt: skip
            raise InputError(f"not gradable: VM 0 cannot be read, {ended}: {what}") from None


def mode_of_translation(vcpu: VcpuView) -> str:
    """The mode that a translation is asked in unless a test says one.

    M translates nothing, and a guest often ends in a handler there: then it is S.
    """
    return "S" if vcpu.mode == "M" else vcpu.mode


def journey(inspector: Inspector, gva: int, access: str, mode: str | None) -> tuple[str, Journey]:
    """An access of VM 0 in a mode, through the guest's own tables and the shadow of that mode.

    Returns the mode, too: `mode` None stands for `mode_of_translation`.  Raises InputError for
    an unknown mode or access.
    """
    vm = inspector.vm(0)
    mode = mode_of_translation(vm.vcpu) if mode is None else mode
    for name, known in ((mode, MODES), (access, tuple(ACCESS))):
        if name not in known:
            raise InputError(f"a translation in mode {mode!r} for access {access!r}: "
                             f"there is no {name!r}, use one of {', '.join(known)}")  # fmt: skip
    vcpu = replace(vm.vcpu, mode=mode)
    guest = inspector.guest_walk(0, vcpu, gva, access)
    hpa = None if guest.pa is None else inspector.hpa_of(0, guest.pa)
    table = {(root.kind, root.guest_satp): root.table for root in vm.roots}.get(_root_of(vcpu))
    shadow = walk(inspector.read_word, SV39 | table >> 12 & _PPN, gva, access, 0, 0) \
        if table else None  # fmt: skip
    return mode, Journey(guest, guest.pa, None, hpa, shadow)


def _root_of(vcpu: VcpuView) -> tuple[str, int]:
    """Kind and guest satp of the shadow root that a vCPU runs under in its mode (vmm/core)."""
    satp, status = vcpu.csr["satp"], vcpu.csr["mstatus"]
    if vcpu.mode == "M":
        forwarded = status >> 17 & 1 and status >> 11 & 3 != 3
        return ("M+MPRV" if forwarded else "M"), 0
    if not satp >> 60:
        return "bare", 0
    summed = "+SUM" if vcpu.mode == "S" and status & _SUM else ""
    return vcpu.mode + summed + ("+MXR" if status & _MXR else ""), satp
