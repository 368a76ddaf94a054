 la s11, 1f
 csrr a0, 0x5c0
1: sd s2, 0(s0)
 sd s3, 8(s0)
 sd s4, 16(s0)
 la s11, 2f
 csrrw x0, mhartid, x0
2: sd s2, 24(s0)
 sd s3, 32(s0)
 sd s4, 40(s0)
 j done
