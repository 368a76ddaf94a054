# trap.S: into a guest and back, and from one thread to another.
#
# While a guest runs, mscratch points to the frame below; while the hypervisor
# runs it is 0, so a trap of the hypervisor itself is recognized at once.

#include <board.h>
	.equ	VCPU_PC, 256
	.equ	EXIT_CAUSE, 264
	.equ	EXIT_TVAL, 272
	.equ	FRAME_VCPU, 224
	.equ	FRAME_COUNTS, 232
	.equ	FRAME_SCRATCH, 240
	.equ	FRAME_SIZE, 256
	.macro	callee_saved op, base		# register n in slot n, as in struct context
	.irp	n, 1,8,9,18,19,20,21,22,23,24,25,26,27
	\op	x\n, 8*\n(\base)
	.endr
	.endm
	.macro	guest_registers op, base	# all but x2, x5 and x10
	.irp	n, 1,3,4,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	\op	x\n, 8*\n(\base)
	.endr
	.endm
	.text
# void guest_enter(struct vcpu *v, struct guest_counts *counts)
# Between the two readings of minstret lie GUEST_ENTER_OVERHEAD (hal.c)
# instructions of ours: 34 here, 38 in trap_entry.
	.globl guest_enter
guest_enter:
	addi	sp, sp, -FRAME_SIZE
	callee_saved sd, sp
	sd	a0, FRAME_VCPU(sp)
	sd	a1, FRAME_COUNTS(sp)
	addi	t0, sp, FRAME_SCRATCH
	sc.d	zero, zero, (t0)	# a reservation must not reach another vCPU
	csrw	mscratch, sp
	ld	t0, VCPU_PC(a0)
	csrw	mepc, t0
	csrr	t0, mcycle
	sd	t0, 0(a1)
	csrr	t0, minstret
	sd	t0, 8(a1)
	guest_registers ld, a0
	ld	x2, 8*2(a0)
	ld	x5, 8*5(a0)
	ld	x10, 8*10(a0)
	mret

	.globl trap_entry
	.balign 4
trap_entry:
	csrrw	sp, mscratch, sp
	beqz	sp, hypervisor_trapped
	sd	t0, FRAME_SCRATCH(sp)
	ld	t0, FRAME_VCPU(sp)
	guest_registers sd, t0
	sd	x10, 8*10(t0)
	ld	t1, FRAME_SCRATCH(sp)
	sd	t1, 8*5(t0)
	csrrw	t1, mscratch, zero
	sd	t1, 8*2(t0)
	ld	a1, FRAME_COUNTS(sp)
	csrr	t1, minstret
	csrr	t2, mcycle
	sd	t2, 16(a1)
	sd	t1, 24(a1)
	csrr	t1, mepc
	sd	t1, VCPU_PC(t0)
	csrr	t1, mcause
	sd	t1, EXIT_CAUSE(t0)
	csrr	t1, mtval
	sd	t1, EXIT_TVAL(t0)
	callee_saved ld, sp
	addi	sp, sp, FRAME_SIZE
	ret

hypervisor_trapped:			# our own stack may be what is broken
	la	sp, fault_stack_top
	la	t0, last_resort
	csrw	mtvec, t0
	csrr	a0, mcause
	csrr	a1, mepc
	csrr	a2, mtval
	call	hypervisor_fault
	.balign 4
last_resort:				# a fault while reporting a fault
	li	t0, BOARD_FINISHER
	li	t1, 0x33333
	sw	t1, 0(t0)
	j	last_resort

# void thread_switch(struct context *from, const struct context *to)
	.globl thread_switch
thread_switch:
	callee_saved sd, a0
	sd	sp, 8*2(a0)
	callee_saved ld, a1
	ld	sp, 8*2(a1)
	ret
