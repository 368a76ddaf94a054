/* boot.c: from M-mode to the first process. */
#include "../../lib/string.h"
#include "proc.h"

/* A trap that nothing was ready for: before the kernel can print, or while it
 * prints its last words.  All that is left is to say "fail, code 3", without a
 * stack, for that may be what is broken. */
__attribute__((naked, aligned(4))) void kernel_dead(void)
{
	__asm__ volatile("li t0, %0\n"
			 "li t1, %1\n"
			 "sw t1, 0(t0)\n"
			 "1: j 1b"
			 :
			 : "i"(BOARD_FINISHER), "i"(FINISHER_FAIL | EXIT_KILLED << 16));
}

/* Give S-mode the whole machine: memory, traps, counters, the timer. */
void machine_setup(void)
{
	csr_write(CSR_PMPADDR0, ~0UL >> 10); /* NAPOT, all ones: every address */
	csr_write(CSR_PMPCFG0, PMP_NAPOT | PMP_R | PMP_W | PMP_X);
	csr_write(CSR_MEDELEG, ~0UL);
	csr_write(CSR_MIDELEG, ~0UL);
	csr_write(CSR_MENVCFG, MENVCFG_STCE);
	csr_write(CSR_MCOUNTEREN, MCOUNTEREN_CY | MCOUNTEREN_TM | MCOUNTEREN_IR);
	csr_write(CSR_STIMECMP, NEVER);
	csr_write(CSR_SATP, 0);
	csr_write(CSR_MSTATUS, (u64)PRIV_S << MSTATUS_MPP_SHIFT);
}

static void start_init(void)
{
	char *argv[] = {"init"};
	s64 pid = proc_spawn(NULL, "init", argv, 1);

	if (pid < 0)
		panic("cannot start 'init' from the file image (error %ld): is it there?", pid);
}

_Noreturn void kernel_main(const void *device_tree)
{
	csr_write(CSR_STVEC, (u64)trap_entry);
	csr_write(CSR_SSCRATCH, 0);
	csr_write(CSR_SCOUNTEREN, SCOUNTEREN_TM);
	platform_init(device_tree);
	pages_init();
	paging_init();
	console_init();
	files_init();
	csr_write(CSR_SIE, SIE_STIE | SIE_SEIE);
	start_init();
	scheduler();
}
