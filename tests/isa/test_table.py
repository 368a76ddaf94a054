"""Law 1: every bit is fixed or an operand exactly once, encodings do not overlap, text returns."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

import isa
from isa.asm import assemble_insn
from isa.decode import decode, encodes
from isa.disasm import disassemble
from isa.encode import EncodeError, encode
from isa.spec import TABLE, Insn, Table, insn
from isa.table import base, by_name, instructions
from tests.isa.samples import operand_sets

ALL = instructions()
PC = 0x80001000


def test_the_imported_isa_is_ours() -> None:
    assert Path(isa.__file__).parent == Path(__file__).parents[2] / "isa"


@pytest.mark.parametrize("one", ALL, ids=lambda i: i.name)
def test_every_bit_is_fixed_or_an_operand_once(one: Insn) -> None:
    covered = one.mask
    for piece in one.pieces:
        bits = ((1 << piece.width) - 1) << piece.source
        assert covered & bits == 0
        covered |= bits
    assert covered == (1 << one.bits) - 1
    assert one.match & ~one.mask == 0


@pytest.mark.parametrize("one", ALL, ids=lambda i: i.name)
def test_operand_bits_are_encoded_once(one: Insn) -> None:
    for operand in one.operands:
        seen = 0
        for piece in (p for p in one.pieces if p.operand == operand):
            bits = ((1 << piece.width) - 1) << piece.target
            assert seen & bits == 0
            seen |= bits
        low = one.low_zeros(operand)
        assert seen == ((1 << one.width_of(operand)) - 1) >> low << low, "a hole in an operand"


def test_no_two_32_bit_encodings_overlap() -> None:
    for a, b in combinations([i for i in ALL if i.bits == 32], 2):
        assert (a.match ^ b.match) & a.mask & b.mask, f"{a.name} overlaps {b.name}"


def test_no_two_16_bit_encodings_overlap() -> None:
    """All 65536 words: at most one instruction each; the all-zero word is illegal."""
    short = [i for i in ALL if i.bits == 16]
    for word in range(1 << 16):
        found = [i.name for i in short if encodes(i, word)]
        assert len(found) <= 1, f"{word:#06x}: {found}"
        assert not (found and word & 3 == 3)
    assert decode(0) is None
    assert decode(0xFFFFFFFF) is None


@pytest.mark.parametrize("one", ALL, ids=lambda i: i.name)
def test_assemble_decode_disassemble_returns(one: Insn) -> None:
    for values in operand_sets(one, 25):
        word = encode(one, values)
        decoded = decode(word)
        assert decoded is not None and decoded.insn is one
        assert {name: decoded.values[name] for name in values} == values
        for aliases in (False, True):
            text = disassemble(word, PC, aliases=aliases)
            assert assemble_insn(text, PC) == word, text


def test_expansions_name_existing_instructions_and_operands() -> None:
    names = {i.name for i in base()}
    for one in ALL:
        if one.expansion is not None:
            assert one.expansion.insn in names
            for operand in (one.expansion.rd, one.expansion.rs1, one.expansion.rs2):
                assert isinstance(operand, int) or operand in one.operands


@pytest.mark.parametrize("one", ALL, ids=lambda i: i.name)
def test_every_instruction_says_what_and_where(one: Insn) -> None:
    assert one.doc.endswith(".")
    assert one.section
    assert one.module.startswith("isa.")


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(EncodeError, match="it takes -2048 to 2047"):
        encode(by_name("addi"), {"imm": 2048})
    with pytest.raises(EncodeError, match="not a multiple of 2"):
        encode(by_name("beq"), {"imm": 3})
    with pytest.raises(EncodeError, match="cannot have register sp"):
        encode(by_name("c.lui"), {"rd": 2, "imm": 4096})
    with pytest.raises(EncodeError, match="s0, s1 and a0 to a5"):
        encode(by_name("c.and"), {"rd'": 5, "rs2'": 8})


def test_the_table_refuses_doubles_and_odd_lengths() -> None:
    table = Table()
    table.add(by_name("add"))
    with pytest.raises(ValueError, match="registered twice"):
        table.add(by_name("add"))
    with pytest.raises(ValueError, match="10 bits"):
        Insn("odd", "rd 00000", "{rd}", "alu", "", "").bits  # noqa: B018
    with pytest.raises(KeyError):
        table.remove("sub")


@pytest.fixture
def rotate() -> Iterator[None]:
    """A lecturer's instruction, in a free corner of the encoding space."""

    @insn("alu", "rol", "0110000 rs2 rs1 001 rd 0110011", "{rd}, {rs1}, {rs2}")
    def rol(a: int, b: int) -> int:
        """Rotate left. [a lecture]"""
        return (a << (b & 63) | a >> (-b & 63)) & ((1 << 64) - 1)

    yield
    TABLE.remove("rol")


ROL = 0x60C59533


def test_a_lecturer_adds_an_instruction_with_one_function(rotate: None) -> None:
    assert assemble_insn("rol a0, a1, a2") == ROL
    assert disassemble(ROL, 0) == "rol a0, a1, a2"
    decoded = decode(ROL)
    assert decoded is not None and decoded.insn.body is not None
    assert decoded.insn.body(1 << 63, 1) == 1


def test_after_the_lecture_the_instruction_is_gone() -> None:
    assert decode(ROL) is None
    assert disassemble(ROL, 0) == ".4byte 0x60c59533"
