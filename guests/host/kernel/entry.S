# entry.S: from U-mode into the kernel and back.
#
# While a process runs, sscratch points to its trap frame, which lies at the top
# of its kernel stack; while the kernel runs, sscratch is 0.  The kernel is mapped
# in every process, so nothing else has to change.

.macro each_register op, base
	\op x1, 8(\base)
	\op x3, 24(\base)
	\op x4, 32(\base)
	\op x5, 40(\base)
	\op x6, 48(\base)
	\op x7, 56(\base)
	\op x8, 64(\base)
	\op x9, 72(\base)
	\op x11, 88(\base)
	\op x12, 96(\base)
	\op x13, 104(\base)
	\op x14, 112(\base)
	\op x15, 120(\base)
	\op x16, 128(\base)
	\op x17, 136(\base)
	\op x18, 144(\base)
	\op x19, 152(\base)
	\op x20, 160(\base)
	\op x21, 168(\base)
	\op x22, 176(\base)
	\op x23, 184(\base)
	\op x24, 192(\base)
	\op x25, 200(\base)
	\op x26, 208(\base)
	\op x27, 216(\base)
	\op x28, 224(\base)
	\op x29, 232(\base)
	\op x30, 240(\base)
	\op x31, 248(\base)
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
