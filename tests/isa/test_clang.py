"""Our encodings and data equal what clang's assembler makes; the C header compiles."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from isa.asm import assemble
from isa.cheader import header
from isa.decode import decode
from isa.disasm import disassemble
from isa.encode import encode
from isa.spec import Insn
from isa.table import instructions
from tests.isa.samples import operand_sets

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None, reason="needs clang: pip install ziglang"
)
FLAGS = ["-target", "riscv64-freestanding-none", "-mcpu=generic_rv64+m+a+c", "-mno-relax"]


def clang(folder: Path, name: str, source: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Compile one source file in a folder of the test."""
    (folder / name).write_text(source)
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *flags, name]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def sections(folder: Path, source: str) -> dict[str, bytes]:
    """What clang makes of an assembly source, by section."""
    elffile = pytest.importorskip("elftools.elf.elffile")
    done = clang(folder, "it.s", source, "-c", "-o", "it.o")
    assert done.returncode == 0, done.stderr[:4000]
    with open(folder / "it.o", "rb") as stream:
        return {s.name: s.data() for s in elffile.ELFFile(stream).iter_sections()}


def clang_text(one: Insn, values: dict[str, int]) -> str:
    """The instruction in text; a branch target relative to itself."""
    word = encode(one, values)
    text = disassemble(word, 0x80000000, aliases=False)
    if "{imm:pc}" in one.syntax:
        target = f"0x{0x80000000 + values['imm']:x}"
        text = text.replace(target, f". + {values['imm']}")
    return f".option {'rvc' if one.bits == 16 else 'norvc'}\n{text}"


def test_every_encoding_equals_clangs(tmp_path: Path) -> None:
    cases = [
        (one, values)
        for one in instructions()
        if one.name != "c.nop"  # clang has its hints in other spellings
        for values in operand_sets(one, 6, seed=7, avoid_hints=True)
    ]
    source = "\n".join(clang_text(one, values) for one, values in cases)
    data = sections(tmp_path, source)[".text"]
    position = 0
    for one, values in cases:
        word = int.from_bytes(data[position : position + one.bits // 8], "little")
        position += one.bits // 8
        assert word == encode(one, values), f"{disassemble(word, 0)}: {values} of {one.name}"
        decoded = decode(word)
        assert decoded is not None and decoded.insn is one
    assert position == len(data)


PROGRAM = r"""
        .equ N, 5
        .equ MASK, (1 << 12) - 1
        .option norvc
        .text
_start: addi a0, zero, N + 2 * 3
        andi a1, a0, 0x7f & 0x3c | 3
        lw a2, 4 * (N - 1)(sp)
1:      bgt a0, a1, 2f
        bleu a0, a1, 1b
        j 1b
        .align 4
2:      csrr a0, mstatus
        csrw satp, a1
        csrwi sie, 3
        csrs mip, a0
        csrci sstatus, 2
        rdtime a3
        rdcycle a4
        rdinstret a5
        seqz a0, a1
        snez a0, a1
        sgtz a0, a1
        sext.w a0, a1
        not a0, a1
        negw a0, a1
        jr 8(a0)
        jalr a3
        jr t0
        ret
        fence
        fence.tso
        sfence.vma a0
        amoadd.d.aq a0, a1, (a2)
        lr.w.rl a0, (a2)
        li a0, -2048
        li a1, 0x12345000
        li a3, -0x80000000
        lui a4, 0xfffff
        .data
d:      .byte 1, -1, 'a', '\n', '\\'
        .half -1, 0xffff
        .balign 8
        .dword 1 << 3 + 1, 7 - 2 - 1, -7 / 2, 7 % 4, ~0, 1 + 2 & 3, 3 ^ 5 | 8
        .word end - d, . - d, 017, 0b101
        .asciz "tab\there \"q\" \101 \x41"
        .zero 3
end:    .quad MASK
"""


def test_a_program_equals_clangs(tmp_path: Path) -> None:
    theirs = sections(tmp_path, PROGRAM)
    ours = assemble(PROGRAM).check()
    for name in (".text", ".data"):
        mine = ours.section(name).data
        for offset in range(0, len(mine), 4):
            where = f"{name}+{offset:#x}"
            assert mine[offset : offset + 4] == theirs[name][offset : offset + 4], where
        assert len(mine) == len(theirs[name])


USE = """
#include "isa.h"
unsigned long long status = MSTATUS_MPP | SSTATUS_SUM | SATP_SV39 | PTE_V | CAUSE_INTERRUPT;
_Static_assert(CSR_SATP == 0x180 && CAUSE_ECALL_U == 8 && IRQ_S_TIMER == 5, "numbers");
_Static_assert(PRIV_U == 0 && PRIV_S == 1 && PRIV_M == 3, "modes");
_Static_assert((MSTATUS_MPP >> MSTATUS_MPP_SHIFT) == 3, "shift");
_Static_assert(CHOICE_PMP_ENTRIES == PMP_ENTRIES && CHOICE_ASID == ASID_BITS, "choices");
_Static_assert(MARK_BEGIN == 1 && EXIT_CSR == 1, "marks");
"""


def test_the_header_compiles_as_c(tmp_path: Path) -> None:
    (tmp_path / "isa.h").write_text(header())
    done = clang(
        tmp_path, "use.c", USE, "-c", "-o", "use.o", "-std=c17", "-Wall", "-Wextra", "-Werror"
    )
    assert done.returncode == 0, done.stderr


def test_the_header_can_be_used_in_assembly(tmp_path: Path) -> None:
    (tmp_path / "isa.h").write_text(header())
    source = '#include "isa.h"\nli a0, MSTATUS_MPP\ncsrw CSR_SATP, a0\nli a1, CAUSE_ECALL_U\n'
    done = clang(tmp_path, "use.S", source, "-c", "-o", "use.o")
    assert done.returncode == 0, done.stderr


def test_no_name_is_defined_twice() -> None:
    names = [line.split()[1] for line in header().splitlines() if line.startswith("#define")]
    assert len(names) == len(set(names))
    assert len(names) > 300
