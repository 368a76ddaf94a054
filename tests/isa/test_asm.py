"""The assembler: pseudo-instructions, directives, expressions, messages."""

import random

import pytest

from isa.asm import AsmError, assemble, assemble_insn
from isa.asm_program import Program
from isa.decode import decode
from isa.table import by_name

M64 = (1 << 64) - 1


def text_of(program: Program) -> list[int]:
    data = program.check().section(".text").data
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]


def value_of(program: Program, register: int = 10) -> int:
    """What straight-line code leaves in a register, by the semantics of the table."""
    regs = [0] * 32
    for index, word in enumerate(text_of(program)):
        decoded = decode(word)
        assert decoded is not None and decoded.insn.body is not None
        imm = decoded.imm & M64
        first = program.sections[0].address + 4 * index if decoded.base == "auipc" else None
        args = (
            [imm] if decoded.base == "lui" else [regs[decoded.rs1] if first is None else first, imm]
        )
        result = decoded.insn.body(*args)
        assert isinstance(result, int)
        regs[decoded.rd] = result
        regs[0] = 0
    return regs[register]


def problem(source: str) -> AsmError:
    errors = assemble(source).errors
    assert len(errors) == 1, [str(error) for error in errors]
    return errors[0]


def test_li_loads_any_constant() -> None:
    rng = random.Random(3)
    values = [0, 1, 2047, 2048, -2048, -2049, 0x7FFFF7FF, 0x7FFFF800, 0x7FFFFFFF, 1 << 31, -1 << 31,
              0xFFFFFFFF, 1 << 32, 1 << 63, (1 << 63) - 1, M64, 0x8000000080000000]  # fmt: skip
    values += [rng.getrandbits(rng.randrange(1, 65)) for _ in range(300)]
    for value in values:
        program = assemble(f"li a0, {value}")
        assert value_of(program) == value & M64, hex(value)
        assert len(text_of(program)) <= 8


def test_la_reaches_data_and_constants() -> None:
    program = assemble(".data\n.space 2040\nx: .word 1\n.text\nnop\nla a0, x\n")
    assert value_of(program) == program.symbols["x"].value == 0x800017F8
    assert value_of(assemble(".equ UART, 0x10000000\nla a0, UART")) == 0x10000000


def test_lui_and_hi_lo() -> None:
    source = ".equ K, 0x12345fff\nlui a0, %hi(K)\naddi a0, a0, %lo(K)"
    assert value_of(assemble(source)) == 0x12345FFF


def test_pcrel_lo_names_the_auipc() -> None:
    source = "nop\n1: auipc a0, %pcrel_hi(x)\nnop\naddi a0, a0, %pcrel_lo(1b)\n.data\nx: .byte 1"
    assert value_of(assemble(source)) == 0x80001000


def test_numeric_labels_and_jumps() -> None:
    program = assemble("1: j 1f\n1: j 1b\nbeqz a0, 1f\ncall f\n1: ret\nf: tail f\n")
    words = text_of(program)
    assert words[0] == assemble_insn("j . + 4")
    assert words[1] == assemble_insn("j .")
    assert words[2] == assemble_insn("beq a0, zero, . + 12")
    assert words[3:5] == [0x00000097, 0x00C080E7]
    assert words[6:] == [0x00000317, 0x00030067]


def test_loads_and_stores_by_name() -> None:
    words = text_of(assemble("ld a0, x\nsd a0, x, t0\n.data\nx: .dword 0"))
    assert words[1] == assemble_insn("ld a0, 0(a0)")
    assert words[3] == assemble_insn("sd a0, -8(t0)")


def test_data_directives() -> None:
    source = r"""
        .data
    a:  .byte 1, -1, 'A', '\n'
        .half 0x1234 ; .word -2   // two statements
        .align 3
        .dword a, 1 << 4 | 1, (. - a)
        .ascii "hi\t\"#;/*" /* not a comment inside */
        .asciz "z"
        .zero 2
        .balign 4
        .space 3, 0xee
    """
    data = assemble(source).check().section(".data").data
    expected = bytes([1, 255, 65, 10, 0x34, 0x12, 0xFE, 255, 255, 255]) + bytes(6)
    expected += (0x80000000).to_bytes(8, "little") + (17).to_bytes(8, "little")
    expected += (32).to_bytes(8, "little") + b'hi\t"#;/*z\0\0\0'
    assert data[: len(expected)] == expected
    assert data[-3:] == b"\xee\xee\xee"


def test_sections_are_on_pages_of_their_own() -> None:
    source = ".data\nd: .word 1\n.bss\nb: .space 9\n.section .rodata\nr: .word 2\n.text\nnop"
    program = assemble(source).check()
    by_name_ = {s.name: s for s in program.sections}
    assert [s.name for s in program.sections] == [".text", ".rodata", ".data", ".bss"]
    pages = {name: s.address >> 12 for name, s in by_name_.items()}
    assert len({pages[".text"], pages[".rodata"], pages[".data"]}) == 3
    assert by_name_[".bss"].data == b"" and by_name_[".bss"].size == 9
    assert program.symbols["b"].value == by_name_[".bss"].address


def test_alignment_of_code_is_filled_with_nops() -> None:
    data = assemble("c.nop\n.align 3\nnop").check().section(".text").data
    assert data == b"\x01\0\x01\0\x13\0\0\0\x13\0\0\0"


def test_entry_symbols_and_listing() -> None:
    program = assemble("nop\n.globl _start\n_start: ret  # back\n.equ N, 7\n").check()
    assert program.entry == 0x80000004
    assert program.symbols["_start"].is_global
    assert program.symbols["N"].value == 7 and program.symbols["N"].section == ""
    assert "    3  80000004   67800000           _start: ret  # back" in program.listing_text()


def test_gnu_habits() -> None:
    assert assemble_insn("add a0, a1, -3") == assemble_insn("addi a0, a1, -3")
    assert assemble_insn("ADDI x10, x11, 0b11") == assemble_insn("addi a0, a1, 3")
    assert assemble_insn("csrw 0x180, 3") == assemble_insn("csrrwi zero, satp, 3")
    assert assemble_insn("jalr a0, a1, 4") == assemble_insn("jalr a0, 4(a1)")
    assert assemble_insn("lw a0, (a1)") == assemble_insn("lw a0, 0(a1)")
    assert assemble_insn("bgt a0, a1, .") == assemble_insn("blt a1, a0, .")
    assert assemble_insn("lw a0, 4*(2+1)(sp)") == assemble_insn("lw a0, 12(sp)")
    assert assemble_insn("mv fp, s0") == assemble_insn("addi s0, x8, 0")
    assert not assemble(".option norvc\n.type f, @function\nf:\n.size f, . - f\nnop").errors


@pytest.mark.parametrize(
    ("source", "line", "wrong", "right"),
    [
        ("nop\naddd a0, a1, a2", 2, "addd is not an instruction", "did you mean add"),
        ("fadd.d f0, f1, f2", 1, "not an instruction", "no floating point"),
        ("add a0, a1", 1, "does not take 2 operands", "write add rd, rs1, rs2"),
        ("add a0, a1, a9", 1, "a9 is not a register", "x0 to x31"),
        ("addi a0, a0, 2048", 1, "the value 2048 does not fit", "-2048 to 2047"),
        ("lw a0, a1", 1, "a1 is not imm(rs1)", "8(sp)"),
        ("lw a0, 3000(a1)", 1, "3000 does not fit", "-2048 to 2047"),
        ("beq a0, a1, . + 3", 1, "not a multiple of 2", "steps of 2"),
        ("j far\n.equ far, 0x90000000", 1, "does not fit", "it takes"),
        ("la a0, mesage\n.data\nmessage: .byte 0", 1, "mesage is not defined", "message"),
        ("j 1f", 1, "no label 1", "look"),
        ("x: nop\nx: nop", 2, "x is defined twice", "1f and 1b"),
        ("csrr a0, mstatuss", 1, "mstatuss is not a CSR", "mstatus"),
        ("c.addi zero, 1", 1, "cannot have register zero", "other than zero"),
        ("c.lw t0, 0(a0)", 1, "cannot name register t0", "a0 to a5"),
        ("c.addi4spn a0, zero, 8", 1, "this operand is sp", "write sp"),
        ("amoadd.w a0, a1, 4(a2)", 1, "no offset", "(a0)"),
        ("lui a0, 0x100000", 1, "does not fit", "0xfffff"),
        ("lui a0, %hi(0x80000000)", 1, "out of the reach", "use la"),
        (".byte 256", 1, "does not fit 8 bits", "-128 to 255"),
        (".word 1 +", 1, "nothing is not a value", "expression"),
        (".word (1", 1, ") is missing", "bracket"),
        (".word 1/0", 1, "division by zero", "divisor"),
        (".asciz hello", 1, "hello is not a string", "double quotes"),
        (".frob 1", 1, "the directive .frob is unknown", ".asciz"),
        (".align 40", 1, "an alignment of 40", "power of two"),
        ("#define N 3\nnop", 1, "C preprocessor", ".equ"),
        (".globl main", 1, "main is declared .globl but not defined", "nothing is linked"),
        (".bss\n.word 1", 2, ".bss cannot hold data", ".data"),
        ("li a0, x\nx: nop", 1, "x is not known here yet", "use la"),
        ("fence q, w", 1, "q is not a set of accesses", "iorw"),
        (".section weird", 1, "what weird holds", '"ax"'),
    ],
)
def test_messages_say_what_where_and_what_would_be_right(
    source: str, line: int, wrong: str, right: str
) -> None:
    error = problem(source)
    assert error.line == line
    assert error.source == source.splitlines()[line - 1]
    assert wrong in error.problem
    assert right in error.hint
    assert str(error).startswith(f"source:{line}: ")


def test_all_mistakes_are_found_in_one_go_and_check_raises_them() -> None:
    program = assemble("bad\nnop\nadd a0\nj nowhere", name="x.S")
    assert [error.line for error in program.errors] == [1, 3, 4]
    with pytest.raises(ExceptionGroup) as caught:
        program.check()
    assert len(caught.value.exceptions) == 3


def test_assemble_insn_takes_one_instruction() -> None:
    for text in ("li a0, 0x12345678", "", "nop; nop", ".word 1, 2"):
        with pytest.raises(AsmError, match=r"not one instruction|no instruction"):
            assemble_insn(text)


def test_origin_moves_everything() -> None:
    program = assemble("la a0, x\n.data\nx: .word 0", origin=0x80200000).check()
    assert program.sections[0].address == program.entry == 0x80200000
    assert value_of(program) == 0x80201000


def test_garbage_gives_messages_not_tracebacks() -> None:
    rng = random.Random(5)
    words = r"""add a0 , ( ) " ' %lo 1f : .word 0x + /* # @ \ .align li sw -1 c.lui % = 999999999"""
    pieces = [*words.split(" "), "\n", "\t", "9" * 30]
    for _ in range(2000):
        source = " ".join(rng.choice(pieces) for _ in range(rng.randrange(12)))
        for error in assemble(source).errors:
            assert error.problem and error.hint


def test_by_name_knows_what_is_missing() -> None:
    with pytest.raises(KeyError):
        by_name("frob")
