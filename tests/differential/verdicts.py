"""What the manual says of each known difference from QEMU: data, one row a row of ``departures``.

RISC-V privileged architecture 1.12 unless a section says "unpriv."; `FREE`: both may be;
`QEMU_IS_WRONG`; `MORE`: QEMU has an extension or bits that the profile leaves out, as the manual
permits; `RIG`: the harness cannot observe the case.
"""

from __future__ import annotations

FREE, QEMU_IS_WRONG, MORE, RIG = "both may be", "QEMU is wrong", "QEMU has more", "the harness"

VERDICTS: dict[str, tuple[str, str]] = {
    "x31 changed": (RIG, "-"),
    "device or foreign RAM": (RIG, "-"),
    "unimplemented CSR bits of mstatus": (MORE, "3.1.6: WARL, fields of absent extensions read 0"),
    "UXL other than 64 bit": (MORE, "3.1.6.2: WARL, may be read-only"),
    "medeleg beyond ours": (MORE, "3.1.8: WARL; causes 10, 20 to 23 belong to H, 11 reads 0"),
    "interrupts of the hypervisor extension": (MORE, "3.1.9: bits of absent interrupts read 0"),
    "counter enables beyond 2": (MORE, "3.1.11: WARL, any bit may be read-only 0"),
    "envcfg beyond ours": (MORE, "3.1.18, 4.1.10: fields of Zicbom and Zicboz"),
    "reserved vector mode": (FREE, "3.1.7: MODE is WARL, 2 and above reserved"),
    "odd xepc": (QEMU_IS_WRONG, "3.1.14, 4.1.7: the low bit of xepc is always zero"),
    "satp: ASID of 16 bits, other modes": (MORE, "4.1.11: any number of ASID bits; Sv48, Sv57"),
    "reserved PMP values": (FREE, "3.7.1: WARL; R=0 W=1 is reserved"),
    "PMP addresses of 64 bits": (QEMU_IS_WRONG, "3.7.1: bits 63 to 54 of pmpaddr are zero"),
    "a lock on the harness": (RIG, "-"),
    "a trigger held back": (
        FREE, "Sdtrig 5.4: a hart should, in one of two ways; ours is the first, QEMU has neither",
    ),
    "registers of triggers": (FREE, "Sdtrig 5.7: types and tinfo.VERSION are optional"),
    "beside a trigger's address": (FREE, "Sdtrig 5.7.12: which addresses of an access match"),
    "a misaligned store and a trigger": (
        QEMU_IS_WRONG, "Sdtrig 5.7.12: the bytes that the store does not touch do not match",
    ),
    "a data trigger and paging": (
        QEMU_IS_WRONG, "3.1.15, table 3.7: an address breakpoint comes before a page fault",
    ),
    "two triggers of code": (QEMU_IS_WRONG, "Sdtrig 5.7.12: s and u of the trigger that matches"),
    "a trigger at an atomic": (
        QEMU_IS_WRONG, "Sdtrig 5: free at an sc that fails and at the store of an AMO, not else",
    ),
    "A and D that fault": (FREE, "4.3.1: either scheme may be implemented"),
    "counters and PMP entries that we lack": (MORE, "3.1.10, 3.7.1: may be read-only 0 or absent"),
    "mcountinhibit": (MORE, "3.1.12: WARL, a bit may be read-only 0"),
    "counters": (FREE, "3.1.10: what a cycle is, is the implementation's"),
    "CSRs we lack": (MORE, "2.1: a CSR that does not exist is an illegal instruction"),
    "misaligned sc": (FREE, "unpriv. 8.2: an sc that fails may still fault or not"),
    "sc elsewhere": (FREE, "unpriv. 8.2: an sc that fails may still fault as a store"),
    "writes of nothing to read-only CSRs": (
        QEMU_IS_WRONG, "unpriv. 9.1: rs1 other than x0 writes, whatever it holds; 2.1: illegal",
    ),
    "sc within the granule": (
        FREE, "unpriv. 8.2: the set reserved is any that holds the bytes; own stores may end it",
    ),
    "a reservation across traps and returns": (FREE, "3.3.2: xRET may clear the reservation"),
    "access fault of a misaligned access": (FREE, "3.1.16: the part that faulted is named"),
    "several interrupts at once": (QEMU_IS_WRONG, "3.1.9: MEI, MSI, MTI, SEI, SSI, STI"),
    "stimecmp without Sstc": (QEMU_IS_WRONG, "Sstc 2.2: STCE = 0 leaves STIP to software"),
    "Sstc switched off": (FREE, "Sstc 2.2: STIP is writable again; with what value is not said"),
    "stimecmp near the present": (RIG, "-"),
    "xRET and MPRV": (QEMU_IS_WRONG, "3.1.6.1: a return to a mode below M sets MPRV = 0"),
    "MPRV after mret to M": (QEMU_IS_WRONG, "3.1.6.1, 3.1.6.3: MPP is U afterwards, and is used"),
    "AMO outside RAM": (QEMU_IS_WRONG, "unpriv. 8.4: AMOs raise store/AMO exceptions"),
    "xtval of a breakpoint read": (FREE, "3.1.16: the address, or zero"),
    "walk outside RAM": (QEMU_IS_WRONG, "4.3.2, step 2: an access fault"),
    "A/D update without PMP permission": (QEMU_IS_WRONG, "4.3.2, step 7: an access fault"),
}  # fmt: skip
