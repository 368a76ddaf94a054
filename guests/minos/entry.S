/* entry.S: the few instructions that C cannot say: reset, trap entry, resume. */

	.section .text.start, "ax"
	.globl _start
/* Reset: M-mode, a0 = hart, a1 = device tree. */
_start:
	csrr	t0, mhartid
	beqz	t0, 1f
0:	wfi				# the other harts stay here: no interrupt is enabled
	j	0b
1:
	la	t0, bss_begin
	la	t1, bss_end
1:	sd	zero, 0(t0)		/* both are multiples of 8 (kernel.ld) */
	addi	t0, t0, 8
	bltu	t0, t1, 1b
	la	sp, stack_top
	call	machine_setup		/* a0 and a1 pass through as its arguments */
	/* a0 = device tree.  Leave M-mode for good: mret goes to S. */
	la	t0, kernel_main
	csrw	mepc, t0
	mret

	.text
	.globl machine_trap_entry
	.balign 4
/* A trap that came to M although everything is delegated: the kernel is broken. */
machine_trap_entry:
	la	sp, stack_top
	call	machine_trap

/* A trap from a process.  sscratch points at its frame, whose slot 0 is the pc. */
	.globl trap_entry
	.balign 4
trap_entry:
	csrrw	t6, sscratch, t6
	.irp	n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
	sd	x\n, \n*8(t6)
	.endr
	csrrw	t0, sscratch, t6	/* sscratch points at the frame again */
	sd	t0, 31*8(t6)
	csrr	t0, sepc
	sd	t0, 0(t6)
	la	sp, stack_top
	mv	a0, t6
	call	trap			/* returns the frame of the process to resume */

	.globl resume
resume:
	csrw	sscratch, a0
	ld	t0, 0(a0)
	csrw	sepc, t0
	.irp	n, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ld	x\n, \n*8(a0)
	.endr
	ld	x10, 10*8(a0)
	sret

/* The programs, as ELF files inside the kernel. */
	.section .rodata
	.balign	8
	.globl	init_elf, init_elf_end, worker_elf, worker_elf_end
init_elf:
	.incbin	"init.elf"
init_elf_end:
	.balign	8
worker_elf:
	.incbin	"worker.elf"
worker_elf_end:
