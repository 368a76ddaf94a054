/* main.c: the kernel starts: it learns its machine from the device tree and runs init. */
#include "kernel.h"

enum { DEVICE_TREE_LIMIT = 1 << 20 };

/* What the user-level driver has computed, for whoever inspects the machine:
 * the same in every placement, as it holds no times.  kernel.ld brackets it. */
u64 results[MAX_RESULTS] __attribute__((section(".bss.result"), used));

/* The RAM and the timebase; a kernel cannot go on without them. */
static void read_device_tree(const struct fdt *fdt, struct range *ram, u32 *timebase)
{
	if (!fdt_range(fdt, fdt_find(fdt, "/memory"), "reg", 0, ram))
		panic(__func__, "the device tree names no memory");
	if (!fdt_u32(fdt, fdt_find(fdt, "/cpus"), "timebase-frequency", timebase))
		panic(__func__, "the device tree names no timebase");
}

/* First function in S-mode. */
void kernel_main(const void *device_tree)
{
	struct process *init;
	struct fdt fdt;
	struct range ram;
	u32 timebase;

	csr_write(CSR_STVEC, (u64)trap_entry);
	csr_clear(CSR_SSTATUS, SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);
	if (!fdt_open(&fdt, device_tree, DEVICE_TREE_LIMIT))
		panic(__func__, "no device tree in a1");
	read_device_tree(&fdt, &ram, &timebase);
	memory_init(ram, (struct range){(u64)device_tree, fdt.size});
	paging_init(ram.base + ram.size);
	console_init();
	schedule_init(timebase);
	print("minos: starting\n");
	init = process_spawn(PROGRAM_INIT, 0, 0);
	if (init == NULL)
		panic(__func__, "init cannot be started");
	resume(schedule(init)->frame);
}
