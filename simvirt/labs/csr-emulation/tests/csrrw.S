 ld a0, 0(s1)
 csrw mscratch, a0
 ld a1, 8(s1)
 csrrw a0, mscratch, a1
 sd a0, 0(s0)
 ld a2, 16(s1)
 csrrw a2, mscratch, a2
 sd a2, 8(s0)
 csrr a2, mscratch
 sd a2, 16(s0)
 csrrwi a3, mscratch, 21
 sd a3, 24(s0)
 csrr a3, mscratch
 sd a3, 32(s0)
 ld a4, 24(s1)
 csrrw x0, mscratch, a4
 csrr a3, mscratch
 sd a3, 40(s0)
 j done
