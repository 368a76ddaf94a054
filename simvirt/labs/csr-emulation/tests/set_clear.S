 ld a0, 0(s1)
 csrw mscratch, a0
 ld a1, 8(s1)
 csrrs a0, mscratch, a1
 sd a0, 0(s0)
 csrr a0, mscratch
 sd a0, 8(s0)
 ld a2, 16(s1)
 csrrc a0, mscratch, a2
 sd a0, 16(s0)
 csrr a0, mscratch
 sd a0, 24(s0)
 csrrsi a0, mscratch, 21
 csrr a0, mscratch
 sd a0, 32(s0)
 csrrci a0, mscratch, 13
 csrr a0, mscratch
 sd a0, 40(s0)
 j done
