"""What the disassembler shows."""

import pytest

from isa.disasm import disassemble


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0x00000013, "nop"),
        (0x00500513, "li a0, 5"),
        (0x00058513, "mv a0, a1"),
        (0xFFF5C513, "not a0, a1"),
        (0x40B00533, "neg a0, a1"),
        (0x0005851B, "sext.w a0, a1"),
        (0x0015B513, "seqz a0, a1"),
        (0x00B03533, "snez a0, a1"),
        (0x00008067, "ret"),
        (0x000500E7, "jalr a0"),
        (0x0000006F, "j 0x80000000"),
        (0x00050463, "beqz a0, 0x80000008"),
        (0x18051073, "csrw satp, a0"),
        (0x10002573, "csrr a0, sstatus"),
        (0xC0102573, "rdtime a0"),
        (0x30046073, "csrsi mstatus, 8"),
        (0x12000073, "sfence.vma"),
        (0x0FF0000F, "fence"),
        (0x0110000F, "fence w, w"),
        (0x12345537, "lui a0, 0x12345"),
        (0x06B6252F, "amoadd.w.aqrl a0, a1, (a2)"),
        (0x8082, "c.jr ra"),
        (0x7179, "c.addi16sp sp, -48"),
        (0x777D, "c.lui a4, 0xfffff"),
        (0x0000, ".2byte 0x0000"),
        (0xFFFFFFFF, ".4byte 0xffffffff"),
    ],
)
def test_text(word: int, text: str) -> None:
    assert disassemble(word, 0x80000000) == text


def test_without_aliases() -> None:
    assert disassemble(0x8067, 0, aliases=False) == "jalr zero, 0(ra)"
    assert disassemble(0x18051073, 0, aliases=False) == "csrrw zero, satp, a0"


def test_targets_by_name() -> None:
    names = {0x80000010: "main+0x10"}
    assert disassemble(0x0100006F, 0x80000000, names.get) == "j 0x80000010 <main+0x10>"
    assert disassemble(0x0200006F, 0x80000000, names.get) == "j 0x80000020"


def test_a_target_below_zero_wraps() -> None:
    assert disassemble(0xFFDFF06F, 0) == "j 0xfffffffffffffffc"
