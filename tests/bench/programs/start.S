# Calls bench(rounds) with a0 as it is found and ends at `done` with the checksum in a0.  It uses no
# privileged instruction, so the same bytes run in S-mode under Sv39 and flat in a CPU emulator.
	.section .text.start, "ax"
	.globl _start
_start:
	la	sp, stack_top
	call	bench
	la	t0, done
	jr	t0

	.section .text.done, "ax"	# a page of its own: a breakpoint here slows no code down
	.globl done
done:
	j	done
