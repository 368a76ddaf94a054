/* registers.h: one instruction for each of a list of registers, at its place in
 * an array of all 32; for entry.S and guest_entry.S. */
#pragma once

.macro for_registers op, base, list:vararg
	.irp n, \list
	\op x\n, \n * 8(\base)
	.endr
.endm
