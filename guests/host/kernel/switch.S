# switch.S: change stacks.  switch_context(from, to) saves what a C function
# must preserve in *from and goes on where *to was saved; see struct context.

.macro context_registers op, base
	\op ra, 0(\base)
	\op sp, 8(\base)
	.set at, 16
	.irp r, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11
	\op \r, at(\base)
	.set at, at + 8
	.endr
.endm

.text
.globl switch_context
switch_context:
	sc.d zero, zero, (a0)	# no reservation of one process reaches another
	context_registers sd, a0
	context_registers ld, a1
	ret
