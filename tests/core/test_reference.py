"""Law 2: the reference evaluation of ``isa`` agrees with the oracle; planted errors are caught.

The oracle is also compared with the fast and the traced kernel, Unicorn and QEMU, on the same cases
(``tests.differential``), so that all of them agree with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest

from isa import bits, csrs, paging, pmp, traps, triggers
from isa.spec import TABLE
from isa.table import by_name
from tests.differential import compared, departures, reference_runner
from tests.differential.case import Case, differences
from tests.differential.cases import KINDS, many
from tests.differential.oracle_runner import Outcome, run_fully

from .planted import BODIES

COUNTS = {"protection": 1200}  # cases of each kind; of the others COUNT
COUNT = 600


@cache
def comparable(kind: str) -> tuple[tuple[Case, Outcome], ...]:
    """The cases that end and in which the oracle leaves nothing open."""
    pairs = [(case, run_fully(case)) for case in many(kind, COUNTS.get(kind, COUNT))]
    ended = [(case, outcome) for case, outcome in pairs if outcome.final is not None]
    return tuple(p for p in ended if not departures.reasons(p[1], departures.ENGINE))


def disagreements(kind: str) -> Iterator[str]:
    """Cases in which the reference ends otherwise than the oracle."""
    for case, outcome in comparable(kind):
        assert outcome.final is not None
        differing = differences(outcome.final, reference_runner.run(case, len(outcome.steps)))
        if differing:
            yield f"{case.name}: " + "; ".join(differing)


@pytest.mark.parametrize("kind", KINDS)
def test_reference_agrees_with_the_oracle(kind: str) -> None:
    """All state after as many steps as the oracle took."""
    found = list(disagreements(kind))
    assert not found, compared.report(found)


@pytest.mark.parametrize("name", BODIES)
def test_planted_error_in_a_body_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One wrong body (``planted``), and the reference no longer agrees with the oracle."""
    wrong = replace(by_name(name), body=BODIES[name])
    changed = [wrong if insn.name == name else insn for insn in TABLE.insns]
    monkeypatch.setattr(TABLE, "insns", changed)
    monkeypatch.setattr(TABLE, "revision", TABLE.revision + 1)
    kinds = ("values", "compressed-jumps", "csr", "random-words")
    assert any(found for kind in kinds for found in disagreements(kind))


TRIGGER_FIRES = triggers.trigger_fires
RULES: dict[str, tuple[object, str, Callable[..., object], str]] = {
    "MPIE is not saved": (
        traps, "enter_m", lambda s, p: bits.clear(bits.insert(s, 11, 2, p), 8), "traps",
    ),
    "sret leaves SPP": (
        traps, "sret_mstatus",
        lambda s: bits.clear(bits.or_(bits.insert(s, 1, 1, bits.field(s, 5, 1)), 32), 131072),
        "traps",
    ),
    "S interrupts come first": (
        traps, "first_interrupt", lambda p: (p & -p).bit_length(), "interrupts",
    ),
    "any tvec is vectored": (
        traps, "vector",
        lambda t, i, c: bits.add(bits.clear(t, 3), bits.select(i, bits.shl(c, 2), 0)),
        "interrupts",
    ),
    "SUM is ignored": (
        paging, "leaf_permits",
        lambda pte, access, priv, _: bits.any_bits(pte, (2, 4, 8)[access]) and (
            priv != 0 or bits.any_bits(pte, 16)), "paging",
    ),
    "D is never set": (paging, "pte_touched", lambda pte, access: pte | 64, "paging"),
    "superpages may be misaligned": (
        paging, "superpage_misaligned", lambda pte, level: False, "paging",
    ),
    "NAPOT regions are half as large": (
        pmp, "entry_end",
        lambda c, a, p: bits.select(
            bits.eq(bits.field(c, 3, 2), 3),
            bits.add(bits.shl(bits.and_(a, bits.add(a, 1)), 2), bits.shl(a ^ (a + 1), 1)),
            bits.select(bits.eq(bits.field(c, 3, 2), 0), 0, bits.shl(a, 2))),
        "protection",
    ),
    "a partial PMP match passes": (pmp, "covers", lambda b, e, f, a: True, "protection"),
    "MPRV is ignored": (traps, "data_mode", lambda p, s: p, "mprv"),
    "a lock does not bind M": (
        pmp, "entry_permits", lambda c, a, p: p == 3 or bits.any_bits(c, bits.shl(1, a)), "locked",
    ),
    "only its own entry locks an address": (
        pmp, "address_locked",
        lambda c, i: bits.any_bits(pmp.entry_config(c, i), 128), "locked",
    ),
    "no address is locked": (pmp, "address_locked", lambda c, i: False, "locked"),
    "triggers fire in every mode": (
        triggers, "trigger_fires",
        lambda one, two, wanted, va, p, s, d: triggers.trigger_watches(one, wanted) and va == two
        and not triggers.triggers_held_back(p, s, d),
        "triggers",
    ),
    "triggers fire in the mode of MPRV": (
        triggers, "trigger_fires",
        lambda one, two, wanted, va, p, s, d: TRIGGER_FIRES(
            one, two, wanted, va, p if wanted == 4 else traps.data_mode(p, s), s, d),
        "triggers",
    ),
    "triggers in M ignore MIE": (
        triggers, "triggers_held_back", lambda p, s, d: p == 1 and not s & 2 and d & 8 != 0,
        "triggers",
    ),
    "triggers in S ignore SIE": (
        triggers, "triggers_held_back", lambda p, s, d: p == 3 and not s & 8, "triggers",
    ),
    "SIE is asked although M takes the breakpoint": (
        triggers, "triggers_held_back",
        lambda p, s, d: (p == 3 and not s & 8) or (p == 1 and not s & 2), "triggers",
    ),
    "SIE is asked in U": (
        triggers, "triggers_held_back",
        lambda p, s, d: (p == 3 and not s & 8) or (p < 3 and not s & 2 and d & 8 != 0), "triggers",
    ),
    "MIE is asked in S": (
        triggers, "triggers_held_back",
        lambda p, s, d: (p == 3 and not s & 8) or (p == 1 and not s & 8 and d & 8 != 0), "triggers",
    ),
    "A and D never fault": (paging, "update_faults", lambda pte, access, on: False, "ad-faults"),
    "only D faults": (
        paging, "update_faults",
        lambda pte, access, on: on != 0 and access == 1 and not bits.any_bits(pte, 128),
        "ad-faults",
    ),
    "STIP is writable with stimecmp": (
        csrs, "mip_writable", lambda menvcfg: csrs.MIP_WRITABLE, "interrupts",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_planted_error_in_a_rule_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for the rules that change state."""
    module, rule, wrong, kind = RULES[name]
    monkeypatch.setattr(module, rule, wrong)
    assert any(disagreements(kind))
