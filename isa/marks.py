"""Marks: what software publishes to an observer outside the machine, and how exits are named.

A mark is the HINT ``slti x0, rs1, imm``: it changes nothing, in any mode, at any depth, on any
RISC-V.  The machine latches (kind = imm, payload = x[rs1]) where no guest can read it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """One kind of mark: its number (the immediate), name and the meaning of the payload."""

    number: int
    name: str
    payload: str


@dataclass(frozen=True)
class ExitReason:
    """Why a VM left its guest, as the VMM core classifies it (payload of ``MARK_EXIT``)."""

    number: int
    name: str
    doc: str


MARKS = (
    Mark(1, "BEGIN", "number of the workload that begins"),
    Mark(2, "END", "number of the workload that ends"),
    Mark(3, "ENTER", "vm<<16 | vcpu<<8 | virtual mode: the guest is about to run"),
    Mark(4, "EXIT", "vm<<16 | vcpu<<8 | exit reason, once the VMM knows it"),
    Mark(5, "PROCESS", "pid that the host kernel switches to; 0 is idle"),
    Mark(6, "VM_END", "vm<<16 | kind<<8 | code; kind 0: finisher, 1: died"),
    Mark(7, "VM_FAULT", "address of the struct vm_fault of a VM that is about to be ended"),
)

EXIT_REASONS = (
    ExitReason(0, "other", "an exit that has not been classified"),
    ExitReason(1, "csr", "a CSR instruction of the guest kernel, emulated"),
    ExitReason(2, "sret", "sret emulated"),
    ExitReason(3, "mret", "mret emulated"),
    ExitReason(4, "wfi", "wfi emulated: the vCPU waits"),
    ExitReason(5, "sfence", "sfence.vma emulated: shadow entries dropped"),
    ExitReason(6, "ecall", "environment call, reflected into the guest kernel"),
    ExitReason(7, "shadow_fill", "hidden page fault: the shadow table lacked a guest's entry"),
    ExitReason(8, "guest_fault", "true page or access fault, reflected into the guest kernel"),
    ExitReason(9, "exception", "another exception of the guest (illegal, breakpoint), reflected"),
    ExitReason(10, "mmio_uart", "access to the virtual UART"),
    ExitReason(11, "mmio_clint", "access to the virtual CLINT"),
    ExitReason(12, "mmio_plic", "access to the virtual PLIC"),
    ExitReason(13, "mmio_finisher", "access to the virtual finisher"),
    ExitReason(14, "interrupt", "an interrupt of the real machine while the guest ran"),
    ExitReason(15, "time", "read of time, cycle or instret, emulated"),
)

MARK_NUMBERS = {mark.name: mark.number for mark in MARKS}
MARK_NAMES = {mark.number: mark.name for mark in MARKS}
EXIT_REASON_NUMBERS = {reason.name: reason.number for reason in EXIT_REASONS}
EXIT_REASON_NAMES = {reason.number: reason.name for reason in EXIT_REASONS}
