"""The driver's side of a virtio disk in slot 0, in assembly: pieces of programs that tests run.

s0 is the device, t0 is used up; `BOARD` sets the registers that the other pieces use.
"""

from __future__ import annotations

CONTENT = bytes(512) + b"content!" * 64  # of a disk of two sectors

# s1 request and status, s2 descriptors, s3 available ring, s4 data; the used ring is USED.
USED = "0x80013000"
BOARD = """
.globl _start
_start:
    li s0, 0x10001000
    li s1, 0x80010000
    li s2, 0x80011000
    li s3, 0x80012000
    li s4, 0x80010200
"""


def set_up_queue(descriptors: str, available: str, used: str) -> str:
    """Reset, VERSION_1 and queue 0 with eight entries, its parts at these symbols or numbers."""
    lines = ["sw zero, 0x70(s0)", *_set(3, 0x70), *_set(1, 0x24), *_set(1, 0x20), *_set(11, 0x70),
             "sw zero, 0x30(s0)", *_set(8, 0x38)]  # fmt: skip
    for offset, place in ((0x80, descriptors), (0x90, available), (0xA0, used)):
        load = "li" if place[0].isdigit() else "la"
        lines += [f"{load} t0, {place}", f"sw t0, {offset:#x}(s0)", f"sw zero, {offset + 4:#x}(s0)"]
    lines += [*_set(1, 0x44), *_set(15, 0x70)]
    return "".join(f"    {line}\n" for line in lines)


def _set(value: int, offset: int) -> list[str]:
    return [f"li t0, {value}", f"sw t0, {offset:#x}(s0)"]


# Offers, but does not notify: read sector 1 to the data, the status is 255 until it is there.
OFFER_READ = """
    li t0, 1
    sd t0, 8(s1)
    li t0, 255
    sb t0, 16(s1)
    sd s1, 0(s2)
    li t0, 0x0001000100000010
    sd t0, 8(s2)
    sd s4, 16(s2)
    li t0, 0x0002000300000200
    sd t0, 24(s2)
    addi t0, s1, 16
    sd t0, 32(s2)
    li t0, 0x0000000200000001
    sd t0, 40(s2)
    li t0, 1
    sh t0, 2(s3)
"""
OFFERED = BOARD + set_up_queue("0x80011000", "0x80012000", USED) + OFFER_READ

# A driver without interrupts: reads, waits for the status, and ends with the data in a0.
READER = (
    OFFERED
    + """
notify:
    sw zero, 0x50(s0)
notified:
    li t1, 0
poll:
    addi t1, t1, 1
    lbu t0, 16(s1)
    bnez t0, poll
    ld a0, 0(s4)
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
"""
)

# Writes what the image has in sector 0 into sectors 1, 2, ... 200; polls the used ring.
WRITER = (
    """
    .globl _start
_start:
    li    s0, 0x10001000
"""
    + set_up_queue("desc", "driver", "device")
    + """
    li    s1, 0
next:
    addi  s1, s1, 1
    la    t0, head
    sd    s1, 8(t0)
    la    t1, buffer
    sd    s1, 0(t1)
    la    t2, driver
    lhu   t3, 2(t2)
    addi  t3, t3, 1
    sh    t3, 2(t2)
    sw    zero, 0x50(s0)
    la    t4, device
wait:
    lhu   t5, 2(t4)
    bne   t5, t3, wait
    li    t0, 200
    blt   s1, t0, next
stay:
    j     stay

    .balign 4096
desc:
    .dword head
    .word  16
    .half  1, 1
    .dword buffer
    .word  512
    .half  1, 2
    .dword status
    .word  1
    .half  2, 0
    .zero  256
    .balign 4096
driver:
    .zero 64
    .balign 4096
device:
    .zero 256
    .balign 16
head:
    .word 1, 0
    .dword 0
buffer:
    .zero 512
status:
    .byte 0xff
"""
)
