/* start.S: what runs before main: a stack, zeroed data, a trap handler.
 *
 * The program has the machine to itself, in M-mode, without paging. */

	.section .text.start, "ax"
	.globl	_start
_start:
	csrr	t0, mhartid
	beqz	t0, 1f
0:	wfi				# the other harts stay here: no interrupt is enabled
	j	0b
1:
	la	sp, stack_top
	la	t0, bss_begin
	la	t1, bss_end
1:	bgeu	t0, t1, 2f
	sd	zero, 0(t0)		/* both are multiples of 8 (runtime.ld) */
	addi	t0, t0, 8
	j	1b
2:	la	t0, trap_entry
	csrw	mtvec, t0
	call	main
	call	exit

	.text
/* The program has died; a fresh stack, as the old one may be the reason. */
	.balign	4
trap_entry:
	la	sp, stack_top
	call	runtime_trap
