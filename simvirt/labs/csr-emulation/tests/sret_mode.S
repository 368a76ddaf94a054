# MPP is another mode than SPP each time.
 la s11, 1f
 la a0, landing
 csrw sepc, a0
 li t0, 0x100
 csrc mstatus, t0
 li t0, 0x1800
 csrs mstatus, t0
 sret
 ecall
1: sd s2, 0(s0)
 la s11, 2f
 la a0, landing
 csrw sepc, a0
 li t0, 0x1900
 csrs mstatus, t0
 sret
 ecall
2: sd s2, 8(s0)
 la a0, landing
 sub s4, s4, a0
 sd s4, 16(s0)
 j done
landing:
 ecall
