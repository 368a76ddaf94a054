 li a0, 0x7e1980
 csrw mstatus, a0
 li a1, 0x40122
 csrs mstatus, a1
 csrr a0, sstatus
 sd a0, 0(s0)
 li a1, -1
 csrw sstatus, a1
 csrr a0, mstatus
 sd a0, 8(s0)
 csrw sstatus, x0
 csrr a0, mstatus
 sd a0, 16(s0)
 csrw mstatus, x0
 j done
