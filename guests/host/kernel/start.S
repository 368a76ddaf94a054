# start.S: the first instructions after reset, in M-mode (a0 hart, a1 device tree).

.section .text.start, "ax"
.globl _start
_start:
	la sp, boot_stack_top
	la t0, bss_start
	la t1, bss_end
1:	bgeu t0, t1, 2f
	sd zero, 0(t0)
	addi t0, t0, 8
	j 1b
2:	la t0, kernel_dead
	csrw mtvec, t0
	csrw stvec, t0
	mv s1, a1
	call machine_setup	# from here everything that can trap traps to S
	la t0, supervisor
	csrw mepc, t0
	mret
supervisor:
	mv a0, s1
	call kernel_main

.section .bss.stacks, "aw", @nobits
.balign 16
	.space 8192
.globl boot_stack_top
boot_stack_top:
	.space 4096
.globl panic_stack_top
panic_stack_top:
