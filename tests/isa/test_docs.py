"""Reference pages, card, choices and the Popek-Goldberg table."""

import importlib.util

import pytest

from isa import asm_pseudo, choices, csrs, docs, sensitivity
from isa.aliases import ALIASES
from isa.card import LINES, WIDTH, columns, first_page, second_page
from isa.csrs import CSRS
from isa.spec import Insn
from isa.table import by_name, instructions


@pytest.mark.parametrize("one", instructions(), ids=lambda i: i.name)
def test_every_instruction_has_a_page(one: Insn) -> None:
    text = docs.page(one.name)
    assert text.startswith(one.name)
    assert one.doc in text and one.section in text
    assert max(len(line) for line in text.splitlines()) <= 110
    numbers, _, fields, _, widths = docs.diagram(one)
    assert numbers.split()[0] == str(one.bits - 1) and numbers.split()[-1] == "0"
    assert sum(int(width) for width in widths.split()) == one.bits
    assert [cell.strip() for cell in fields.strip("|").split(" | ")] == one.pattern.split()


def test_pages_of_csrs_aliases_and_pseudo_instructions() -> None:
    for csr in CSRS:
        assert f"{csr.number:#05x}" in docs.page(csr.name)
    for alias in ALIASES:
        assert alias.name in docs.page(alias.name)
    for name in asm_pseudo.NAMES:
        assert "pseudo-instruction" in docs.page(name)
    assert "MPP" in docs.page("mstatus") and "11" in docs.page("MSTATUS")


def test_a_page_shows_the_semantics_themselves() -> None:
    assert "return add(a, b)" in docs.page("addi")
    assert "@insn" not in docs.page("addi")
    assert "Stands for: addi sp, sp, imm" in docs.page("c.addi16sp")
    assert "imm[12|10:5]" in docs.page("beq")


def test_an_unknown_name_says_what_is_near() -> None:
    with pytest.raises(KeyError, match="mstatus"):
        docs.page("mstatsu")


def test_the_index_lists_everything_once() -> None:
    lines = docs.index().splitlines()
    for one in instructions():
        assert sum(line.split()[:1] == [one.name] for line in lines) == 1, one.name
    assert max(map(len, lines)) <= 100


def test_the_card_is_two_pages() -> None:
    for page in (first_page(), second_page()):
        assert len(page) <= LINES
        assert max(map(len, page)) <= WIDTH
    words = docs.card().replace(":", " ").split()
    assert docs.card().count("\f") == 1
    for one in instructions():
        stem = one.name.partition(".")[0]
        assert one.name in words or f"{stem}.w/.d" in words, one.name


def test_the_card_cuts_nothing_off() -> None:
    text = docs.card()
    assert "stval         trapped address or instruction" in text
    with pytest.raises(ValueError, match="characters"):
        columns(["x" * 50], 2)


def test_choices_are_complete_rows_and_agree_with_code() -> None:
    ids = [choice.id for choice in choices.CHOICES]
    assert len(ids) == len(set(ids))
    for choice in choices.CHOICES:
        assert choice.choice and choice.value and choice.section
        assert choice.value in docs.choices()
    numbers = {choice.id: choice.number for choice in choices.CHOICES}
    assert numbers["asid"] == csrs.ASID_BITS == csrs.SATP_WRITABLE.bit_count() - 44 - 4
    assert numbers["medeleg"] == 0xB3FF
    assert all(line.startswith("#define CHOICE_") for line in choices.c_lines())


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs numba")
def test_the_engine_has_the_published_tlb() -> None:
    layout = pytest.importorskip("simvirt.core.layout")
    published = (choices.DTLB_ENTRIES, choices.ITLB_ENTRIES)
    assert published == (layout.DTLB_ENTRIES, layout.ITLB_ENTRIES)


def test_theorem_1_holds_by_the_table() -> None:
    """Sensitive minus privileged is empty."""
    assert sensitivity.theorem_1_exceptions() == ()


def test_counters_are_the_only_gated_rows() -> None:
    gated = sensitivity.theorem_1_exceptions(strict=True)
    assert {row.name for row in gated} == {c.name for c in CSRS if 0xC00 <= c.number < 0xC20}


def test_a_sensitive_instruction_that_runs_in_user_mode_is_found() -> None:
    """The check bites: sret without its privilege would be an exception."""
    from dataclasses import replace

    broken = sensitivity.insn_row(replace(by_name("sret"), privilege=0))
    assert broken.sensitive and broken.in_user == sensitivity.RUNS


def test_the_text_names_verdict_and_exception() -> None:
    text = sensitivity.text()
    assert "Theorem 1 holds" in text
    assert "cycle time instret" in text.splitlines()[-1]
