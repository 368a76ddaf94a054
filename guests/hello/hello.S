# hello.S: the first program, without any runtime: `simvirt run hello.S`.
#
# A hart starts here in M-mode.  The program writes a text to the UART, byte by
# byte, and then a word to the finisher, which ends the machine.

	.globl	_start
_start:
	la	a0, text
	li	a1, 0x10000000		# UART: +0 takes a byte, +5 is its status
next:
	lbu	a2, 0(a0)
	beqz	a2, done		# the zero byte ends the text
wait:
	lbu	a3, 5(a1)
	andi	a3, a3, 0x20		# bit 5: the UART takes a byte
	beqz	a3, wait
	sb	a2, 0(a1)
	addi	a0, a0, 1
	j	next
done:
	li	a0, 0x100000		# finisher
	li	a1, 0x5555		# pass
	sw	a1, 0(a0)
stop:
	j	stop

text:
	.asciz	"hello from the bare machine\n"
