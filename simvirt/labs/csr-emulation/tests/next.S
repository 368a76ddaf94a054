 ld a0, 0(s1)
 li a1, 0
 csrw mscratch, a0
 addi a1, a1, 1
 csrr a2, mscratch
 addi a1, a1, 1
 sd a2, 0(s0)
 sd a1, 8(s0)
 j done
