# start.S: start-up, the probe (run one instruction in some mode and see what
# happens), and the instructions to run.

	.section .text.start
	.globl	_start
_start:
	la	sp, stack_top
	la	t0, bss_begin
	la	t1, bss_end
1:	sd	zero, 0(t0)
	addi	t0, t0, 8
	bltu	t0, t1, 1b
	la	t0, probe_trap
	csrw	mtvec, t0
	mv	a0, a1
	call	litmus_main
2:	wfi
	j	2b

	.macro	saved op
	.irp	n, 1,8,9,18,19,20,21,22,23,24,25,26,27
	\op	x\n, 8*\n(sp)
	.endr
	.endm

# void probe_run(struct probe *p), struct probe in litmus.h.  Goes to p->pc by
# mret with p's mstatus and satp; comes back at the first trap into M.
	.text
	.globl	probe_run
probe_run:
	addi	sp, sp, -256
	saved	sd
	sd	a0, 224(sp)
	csrw	mscratch, sp
	ld	t0, 0(a0)
	csrw	mepc, t0
	ld	t0, 8(a0)
	ld	t1, 16(a0)
	ld	a1, 24(a0)
	ld	a2, 32(a0)
	csrw	satp, t1
	csrw	mstatus, t0		# with MPRV no load would work from here on
	li	a0, 0x1234567
	mret

	.balign	4
probe_trap:
	csrrw	sp, mscratch, sp
	ld	t0, 224(sp)
	sd	a0, 40(t0)
	csrr	t1, mcause
	sd	t1, 48(t0)
	csrr	t1, mtval
	sd	t1, 56(t0)
	csrr	t1, mepc
	sd	t1, 64(t0)
	csrr	t1, mstatus
	sd	t1, 72(t0)
	csrw	satp, zero
	saved	ld
	addi	sp, sp, 256
	ret

# A page that test address spaces map.  Stub n starts at offset 32 * n.
	.section .stubs, "awx"
	.globl	stubs
	.balign	4096
stubs:
	.irp	insn, "lb a0,(a1)", "lhu a0,2(a1)", "ld a0,(a1)", "sb a0,(a1)", "sw a0,4(a1)", "sd a0,(a1)", "amoadd.w a0,a0,(a1)", "lr.d a0,(a1)", "jr a1"
	.balign	32
	\insn
	ecall
	.endr
# The same loads and stores with the mstatus in a2 (MPRV).
	.globl	stubs_mprv
	.balign	512
stubs_mprv:
	.irp	insn, "lb a0,(a1)", "lhu a0,2(a1)", "ld a0,(a1)", "sb a0,(a1)", "sw a0,4(a1)", "sd a0,(a1)"
	.balign	32
	csrw	mstatus, a2
	\insn
	csrw	mstatus, zero
	ecall
	.endr
# Room for an instruction that the test writes, followed by a way out.
	.globl	stub_written
	.balign	32
stub_written:
	.word	0
	.option	push
	.option	norvc
	ecall
# Where sret and S-mode handlers go.
	.globl	stub_landing
	.balign	32
stub_landing:
	ecall
	.option	pop
	.balign	4096
