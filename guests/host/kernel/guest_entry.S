# guest_entry.S: the world switch between a VMM process and its guest.
#
# A shadow root holds the guest's pages and nothing of the host except two pages
# for S-mode only: the trap page (the code below) and, right after it, the run
# page with the guest's registers.  In the host's own tables the whole upper half
# is the trap page, so its code goes on undisturbed when satp changes under it,
# wherever in the upper half a shadow root has it.

#include "guest_entry.h"
#include "registers.h"

.macro each_register op, base	# all but t0, t1 and a0
	for_registers \op, \base, 1, 2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18
	for_registers \op, \base, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
.endm

.macro kernel_registers op	# what a C function must preserve, on the stack
	\op ra, 0(sp)
	for_registers \op, sp, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
.endm

.text
# guest_enter(run, run page's address in the shadow root, trap page's, satp)
# returns when the guest traps, with the guest's registers in the run page.
.globl guest_enter
guest_enter:
	addi sp, sp, -224
	kernel_registers sd
	sd sp, RUN_KERNEL_SP(a0)
	csrr t0, satp
	sd t0, RUN_HOST_SATP(a0)
	la t0, guest_left
	sd t0, RUN_RETURN(a0)
	mv a0, a1
	jr a2

guest_left:
	kernel_registers ld
	addi sp, sp, 224
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
