 la s11, 1f
 li a0, 5
 csrrs a0, mhartid, x0
1: sd a0, 0(s0)
 sd s2, 8(s0)
 la s11, 2f
 li a0, 5
 csrrsi a0, mhartid, 0
2: sd a0, 16(s0)
 sd s2, 24(s0)
 li a1, 0
 la s11, 3f
 csrrw x0, mhartid, a1
3: sd s2, 32(s0)
 li s2, 0
 la s11, 4f
 csrrs x0, mhartid, a1
4: sd s2, 40(s0)
 j done
