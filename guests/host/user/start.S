# start.S: where a host program begins (a0 = argc, a1 = argv), and how it asks
# the kernel for things: system_call(number, a, b, c, d).

.section .text.start, "ax"
.globl _start
_start:
	call main
	call exit

.text
.globl system_call
system_call:
	mv a7, a0
	mv a0, a1
	mv a1, a2
	mv a2, a3
	mv a3, a4
	ecall
	ret
