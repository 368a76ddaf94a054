"""A program for three harts, each with memory of its own at the same virtual address.

Hart n has n in mscratch and s0, 100 + n in s1 and at OWN.  Harts 0 and 1 count in s2, 2 sleeps.
"""

HARTS, QUANTUM, OWN = 3, 50, 0x4010_0000
PROGRAM = """
        .globl _start
_start: csrr    s0, mhartid
        csrw    mscratch, s0
        addi    s1, s0, 100
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f                # all of memory, for every mode
        csrw    pmpcfg0, t0
        la      t0, root
        la      t1, middle
        slli    t2, s0, 12
        add     t0, t0, t2
        add     t1, t1, t2
        srli    t3, t1, 2
        ori     t3, t3, 1
        sd      t3, 8(t0)
        li      t3, 0x200000cf          # where RAM begins: a gigapage, V R W X A D
        sd      t3, 16(t0)
        slli    t4, s0, 19              # from 0x4000_0000 on: megapage n of RAM
        add     t3, t3, t4
        sd      t3, 0(t1)
        srli    t0, t0, 12
        li      t1, 8
        slli    t1, t1, 60
        or      t0, t0, t1
        csrw    satp, t0
        sfence.vma
        li      t0, 0x800               # MPP = S
        csrw    mstatus, t0
        la      t0, work
        csrw    mepc, t0
        mret
work:   li      s3, 0x40100000
        sd      s1, 0(s3)
        li      t0, 2
        beq     s0, t0, asleep
loop:   jal     bump
        j       loop
bump:   addi    s2, s2, 1
        ret
asleep: wfi
        j       asleep
        .balign 4096
root:   .space  3 * 4096
middle: .space  3 * 4096
"""
