# Ones, zeros or what an operand has, to where not every bit can be written.
 li a0, -1
 csrw mepc, a0
 csrr a1, mepc
 sd a1, 0(s0)
 csrw sepc, a0
 csrr a1, sepc
 sd a1, 8(s0)
 csrw medeleg, a0
 csrr a1, medeleg
 csrw medeleg, x0
 sd a1, 16(s0)
 csrw mideleg, a0
 csrr a1, mideleg
 sd a1, 24(s0)
 csrw mie, a0
 csrr a1, mie
 csrw mie, x0
 sd a1, 32(s0)
 csrw mcounteren, a0
 csrr a1, mcounteren
 sd a1, 40(s0)
 csrw scounteren, a0
 csrr a1, scounteren
 sd a1, 48(s0)
 csrw menvcfg, a0
 csrr a1, menvcfg
 sd a1, 56(s0)
# Not MIE, and not MPRV: both would act at once.
 ld a0, 0(s1)
 li a2, 0x20008
 or a0, a0, a2
 xor a0, a0, a2
 csrw mstatus, a0
 csrr a1, mstatus
 sd a1, 64(s0)
 csrr a2, misa
 csrw misa, x0
 csrr a1, misa
 sd a1, 72(s0)
 csrw misa, a2
 csrr a2, mtvec
 ld a0, 8(s1)
 ori a0, a0, 2
 csrw mtvec, a0
 csrr a1, mtvec
 csrw mtvec, a2
 srli a1, a1, 2
 slli a1, a1, 2
 sd a1, 80(s0)
 li a0, 5
 slli a0, a0, 60
 addi a0, a0, 77
 csrw satp, a0
 csrr a1, satp
 csrw satp, x0
 sd a1, 88(s0)
 li a0, 0x1800
 csrw mstatus, a0
 li a0, 0x1000
 csrw mstatus, a0
 csrr a1, mstatus
 sd a1, 96(s0)
 j done
