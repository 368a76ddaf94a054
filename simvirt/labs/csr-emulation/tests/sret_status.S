# Not MPP, which tells the mode: that is another test's.
 li s5, ~0x1800
 la a0, landing
 csrw sepc, a0
 la s11, 1f
 li a1, 0x120
 csrw mstatus, a1
 sret
1: csrr a0, mstatus
 and a0, a0, s5
 sd a0, 0(s0)
 la s11, 2f
 li a1, 0x102
 csrw mstatus, a1
 sret
2: csrr a0, mstatus
 and a0, a0, s5
 sd a0, 8(s0)
 la s11, 3f
 li a1, 0x21820
 csrw mstatus, a1
 sret
3: csrr a0, mstatus
 and a0, a0, s5
 sd a0, 16(s0)
 csrw mstatus, x0
 j done
landing:
 ecall
