 ld a1, 0(s1)
 la s11, 1f
 jal to_s
 csrr a0, mscratch
 ecall
1: sd s2, 0(s0)
 la s11, 2f
 jal to_s
 csrw mscratch, a1
 ecall
2: sd s2, 8(s0)
 csrr a0, mscratch
 sd a0, 16(s0)
 la s11, 3f
 jal to_s
 csrw sscratch, a1
 ecall
3: sd s2, 24(s0)
 la s11, 4f
 jal to_u
 csrr a0, sscratch
 ecall
4: sd s2, 32(s0)
 la s11, 5f
 jal to_u
 csrw mscratch, a1
 ecall
5: sd s2, 40(s0)
 csrr a0, mscratch
 sd a0, 48(s0)
 j done
