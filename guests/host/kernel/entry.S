# entry.S: from U-mode into the kernel and back.
#
# While a process runs, sscratch points to its trap frame, which lies at the top
# of its kernel stack; while the kernel runs, sscratch is 0.  The kernel is mapped
# in every process, so nothing else has to change.

#include "registers.h"

.macro each_register op, base	# all but sp and a0
	for_registers \op, \base, 1, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18
	for_registers \op, \base, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
.endm

.text
.globl trap_entry
.balign 4
trap_entry:
	csrrw sp, sscratch, sp
	beqz sp, from_kernel
	each_register sd, sp
	sd a0, 80(sp)
	csrrw t0, sscratch, zero
	sd t0, 16(sp)
	mv a0, sp
	call user_trap
	mv a0, sp

.globl user_return		# user_return(frame): also how a new process starts
user_return:
	csrw sscratch, a0
	each_register ld, a0
	ld sp, 16(a0)
	ld a0, 80(a0)
	sret

from_kernel:			# never expected; the stack may be what is broken
	la sp, panic_stack_top
	la t0, kernel_dead
	csrw stvec, t0
	call kernel_trap
