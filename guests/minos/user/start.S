/* start.S: where a program begins, and a store that may fail. */
	.section .text.start, "ax"
	.globl _start
_start:
	call	main			/* a0 = the argument of spawn, then main's result */
	li	a7, 0			/* SYS_EXIT */
	ecall

	.text
/* bool try_store(u64 *address, u64 value): false if the store is forbidden.
 * The kernel goes on at try_store_failed with all registers but pc unchanged
 * (SYS_RECOVER), and as try_store is a leaf, ra still leads to its caller. */
	.globl try_store, try_store_failed
try_store:
	sd	a1, 0(a0)
	li	a0, 1
	ret
try_store_failed:
	li	a0, 0
	ret
