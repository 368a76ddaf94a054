# start.S: from reset to C.
#
# The machine starts here in M-mode with a0 = hart, a1 = device tree.

	.section .text.start
	.globl _start
_start:
	csrw	mie, zero
	csrw	mscratch, zero		# "the hypervisor runs", see trap.S
	la	sp, boot_stack_top
	la	t0, trap_entry
	csrw	mtvec, t0
	la	t0, bss_begin
	la	t1, bss_end
1:	sd	zero, 0(t0)
	addi	t0, t0, 8
	bltu	t0, t1, 1b
	mv	s0, zero		# the last frame of every backtrace
	call	hypervisor_main
2:	wfi
	j	2b
