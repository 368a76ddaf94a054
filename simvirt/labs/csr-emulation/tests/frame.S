# The frame of every test: it begins in M, collects results at s0, and ends by the finisher.
# A trap comes back to where s11 says, in M, with mcause, mtval and mepc in s2, s3 and s4.

.text
_start:
 la t0, handler
 csrw mtvec, t0
 li t0, -1
 srli t0, t0, 10
 csrw pmpaddr0, t0
 li t0, 0x1f
 csrw pmpcfg0, t0
 la s0, result_begin
 la s1, operands
 li s2, 0
 j test

 .align 2
handler:
 csrr s2, mcause
 csrr s3, mtval
 csrr s4, mepc
 jr s11

# Call to go on in S, or in U.
to_s:
 li t0, 0x1800
 csrc mstatus, t0
 li t0, 0x800
 csrs mstatus, t0
 csrw mepc, ra
 mret
to_u:
 li t0, 0x1800
 csrc mstatus, t0
 csrw mepc, ra
 mret

done:
 li a0, 0x100000
 li a1, 0x5555
 sw a1, 0(a0)
1: j 1b

.data
 .align 3
operands:
 .space 64
.bss
 .align 3
result_begin:
 .space 128
result_end:
.text
test:
