 li a0, 0x202
 csrw mideleg, a0
 li a0, 0xaaa
 csrw mie, a0
 csrr a0, sie
 sd a0, 0(s0)
 csrw sie, x0
 csrr a0, mie
 sd a0, 8(s0)
 csrw mie, x0
 li a0, 0x222
 csrw mip, a0
 csrr a0, sip
 sd a0, 16(s0)
 csrw sip, x0
 csrr a0, mip
 li a1, 0x222
 and a0, a0, a1
 sd a0, 24(s0)
 csrw mip, x0
 csrw mideleg, x0
 j done
