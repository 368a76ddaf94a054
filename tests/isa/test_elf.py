"""The ELF writer, read back by pyelftools."""

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from isa.asm import assemble
from isa.elf import elf_bytes

SOURCE = """
        .equ N, -1
        .globl _start
        nop
_start: la a0, message
        ret
        .section .rodata
message: .asciz "hello"
        .data
x:      .dword 1
        .bss
room:   .space 5000
"""


@pytest.fixture
def elf() -> Any:
    elffile = pytest.importorskip("elftools.elf.elffile")
    return elffile.ELFFile(io.BytesIO(elf_bytes(assemble(SOURCE))))


def test_header(elf: Any) -> None:
    assert elf.elfclass == 64 and elf.little_endian
    assert elf["e_machine"] == "EM_RISCV" and elf["e_type"] == "ET_EXEC"
    assert elf["e_entry"] == 0x80000004


def test_segments_hold_the_sections(elf: Any) -> None:
    program = assemble(SOURCE)
    loads = [segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]
    assert len(loads) == len(program.sections) == 4
    for load, section in zip(loads, program.sections, strict=True):
        assert load["p_vaddr"] == load["p_paddr"] == section.address
        assert load["p_offset"] % 4096 == load["p_vaddr"] % 4096
        assert load.data() == section.data
        assert load["p_memsz"] == section.size
    assert [load["p_flags"] for load in loads] == [5, 4, 6, 6], "no page is writable code"
    assert loads[3]["p_filesz"] == 0 and loads[3]["p_memsz"] == 5000


def test_symbols(elf: Any) -> None:
    table = elf.get_section_by_name(".symtab")
    symbols = {s.name: s for s in table.iter_symbols()}
    assert symbols["_start"]["st_value"] == 0x80000004
    assert symbols["_start"]["st_info"]["bind"] == "STB_GLOBAL"
    assert symbols["_start"]["st_info"]["type"] == "STT_FUNC"
    assert symbols["message"]["st_info"]["bind"] == "STB_LOCAL"
    assert symbols["N"]["st_value"] == (1 << 64) - 1
    assert elf.get_section(symbols["room"]["st_shndx"]).name == ".bss"
    globals_ = [s["st_info"]["bind"] == "STB_GLOBAL" for s in table.iter_symbols()]
    assert globals_.index(True) == table["sh_info"], "local symbols come first"


def test_a_program_with_errors_makes_no_file() -> None:
    with pytest.raises(ExceptionGroup, match="cannot be assembled"):
        elf_bytes(assemble("frob"))


def test_the_same_source_gives_the_same_bytes() -> None:
    assert elf_bytes(assemble(SOURCE)) == elf_bytes(assemble(SOURCE))


HELLO = r"""
        .globl _start
_start: la   a0, message
        li   a1, 0x10000000         # UART
1:      lbu  a2, 0(a0)
        beqz a2, 2f
        sb   a2, (a1)
        addi a0, a0, 1
        j    1b
2:      li   t0, 0x5555             # finisher: pass
        li   t1, 0x100000
        sw   t0, 0(t1)
        j    .
        .data
message: .asciz "Hello from our assembler\n"
"""


@pytest.mark.skipif(not shutil.which("qemu-system-riscv64"), reason="needs qemu-system-riscv64")
def test_qemu_boots_what_we_assemble(tmp_path: Path) -> None:
    (tmp_path / "hello.elf").write_bytes(elf_bytes(assemble(HELLO)))
    command = [
        "qemu-system-riscv64",
        "-M",
        "virt",
        "-bios",
        "none",
        "-nographic",
        "-kernel",
        "hello.elf",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert b"Hello from our assembler" in done.stdout
