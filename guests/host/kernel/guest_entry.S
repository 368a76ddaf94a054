# guest_entry.S: the world switch between a VMM process and its guest.
#
# A shadow root holds the guest's pages and nothing of the host except two pages
# for S-mode only: the trap page (the code below) and, right after it, the run
# page with the guest's registers.  In the host's own tables the whole upper half
# is the trap page, so its code goes on undisturbed when satp changes under it,
# wherever in the upper half a shadow root has it.

#include "guest_entry.h"

.macro each_register op, base		# all but t0, t1 and a0
	\op x1, 8(\base)
	\op x2, 16(\base)
	\op x3, 24(\base)
	\op x4, 32(\base)
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
# guest_enter(run, run page's address in the shadow root, trap page's, satp)
# returns when the guest traps, with the guest's registers in the run page.
.globl guest_enter
guest_enter:
	addi sp, sp, -112
	sd ra, 0(sp)
	sd s0, 8(sp)
	sd s1, 16(sp)
	sd s2, 24(sp)
	sd s3, 32(sp)
	sd s4, 40(sp)
	sd s5, 48(sp)
	sd s6, 56(sp)
	sd s7, 64(sp)
	sd s8, 72(sp)
	sd s9, 80(sp)
	sd s10, 88(sp)
	sd s11, 96(sp)
	sd sp, RUN_KERNEL_SP(a0)
	csrr t0, satp
	sd t0, RUN_HOST_SATP(a0)
	la t0, guest_left
	sd t0, RUN_RETURN(a0)
	mv a0, a1
	jr a2

guest_left:
	ld ra, 0(sp)
	ld s0, 8(sp)
	ld s1, 16(sp)
	ld s2, 24(sp)
	ld s3, 32(sp)
	ld s4, 40(sp)
	ld s5, 48(sp)
	ld s6, 56(sp)
	ld s7, 64(sp)
	ld s8, 72(sp)
	ld s9, 80(sp)
	ld s10, 88(sp)
	ld s11, 96(sp)
	addi sp, sp, 112
	ret

.section .guest_trap, "ax"
# In: a0 = run page and a3 = satp of the shadow root.
	csrw satp, a3
	addi t0, a0, RUN_SCRATCH
	sc.d zero, zero, (t0)		# no reservation of others reaches the guest
	each_register ld, a0
	csrr t0, cycle
	csrr t1, instret
	sd t0, RUN_CYCLE(a0)
	sd t1, RUN_INSTRET(a0)
	ld t0, 40(a0)
	ld t1, 48(a0)
	ld a0, 80(a0)
	sret

# The guest trapped: sscratch holds the run page's address in the shadow root.
.balign 4
.globl guest_leave
guest_leave:
	csrrw a0, sscratch, a0
	sd t0, 40(a0)
	csrr t0, instret
	sd t1, 48(a0)
	csrr t1, cycle
	each_register sd, a0
	ld t2, RUN_INSTRET(a0)
	sub t0, t0, t2
	addi t0, t0, -OWN_INSTRET
	sd t0, RUN_INSTRET(a0)
	ld t2, RUN_CYCLE(a0)
	sub t1, t1, t2
	addi t1, t1, -OWN_CYCLE
	sd t1, RUN_CYCLE(a0)
	csrrw t0, sscratch, zero	# in the kernel sscratch is 0: see entry.S
	sd t0, 80(a0)
	ld sp, RUN_KERNEL_SP(a0)
	ld ra, RUN_RETURN(a0)
	ld t0, RUN_HOST_SATP(a0)
	csrw satp, t0
	ret
