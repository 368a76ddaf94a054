 ld a1, 0(s1)
 la s11, 1f
 mv a0, a1
 csrrw a0, mhartid, a2
1: sd a0, 0(s0)
 ld a0, 8(s1)
 la s11, 2f
 csrrs a0, mhartid, a2
2: sd a0, 8(s0)
 ld a0, 16(s1)
 la s11, 3f
 csrr a0, 0x5c0
3: sd a0, 16(s0)
 j done
