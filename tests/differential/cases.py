"""Every kind of case, by name; a case is made from its kind and a number, always the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from .builder import Builder
from .case import Case
from .cells import cell_case
from .locked import locked_case
from .privileged import csr_case, interrupt_case, random_case, trap_case
from .translated import ad_case, fetch_case, mprv_case, paging_case, protection_case
from .triggered import trigger_case
from .values import compressed_jump_case, value_case

VALUES: dict[str, Callable[[Builder], Case]] = {
    "values": value_case,
    "compressed-jumps": compressed_jump_case,
}
SYSTEM: dict[str, Callable[[Builder], Case]] = {
    "csr": csr_case,
    "traps": trap_case,
    "interrupts": interrupt_case,
    "random-words": random_case,
    "paging": paging_case,
    "fetch": fetch_case,
    "mprv": mprv_case,
    "protection": protection_case,
    "cells": cell_case,
    "locked": locked_case,
    "triggers": trigger_case,
}
# What no emulator can be asked for: compared between the oracle, the reference and our kernels.
HERE: dict[str, Callable[[Builder], Case]] = {
    "ad-faults": ad_case,
}
ON_QEMU = VALUES | SYSTEM
KINDS = ON_QEMU | HERE


def make(kind: str, number: int) -> Case:
    """Case ``number`` of a kind."""
    name = f"{kind}/{number}"
    return KINDS[kind](Builder(Random(name), name))


def many(kind: str, count: int, first: int = 0) -> Iterator[Case]:
    """``count`` cases of a kind."""
    return (make(kind, number) for number in range(first, first + count))
