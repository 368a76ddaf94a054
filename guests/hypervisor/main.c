/* main.c: the type-1 hypervisor: start, one thread a VM, end.
 *
 * It owns the machine in M-mode and runs every guest in real U-mode under shadow
 * page tables; the VMM core (guests/vmm) decides, hal.c does.
 */
#include "hypervisor.h"
#include "../lib/format.h"

enum { FINISHER_PASS = 0x5555, FINISHER_FAIL = 0x3333, FDT_LIMIT = 1 << 20 };

struct hypervisor hv = {.programmed = 1}; /* 1: never programmed so far */

void finish(u32 code)
{
	volatile u32 *finisher = (volatile u32 *)BOARD_FINISHER;

	*finisher = code ? FINISHER_FAIL | code << 16 : FINISHER_PASS;
	for (;;)
		wait_for_interrupt();
}

/* A trap of our own code; called by trap.S on a stack of its own. */
void hypervisor_fault(u64 mcause, u64 mepc, u64 mtval)
{
	message("fatal trap of the hypervisor itself: mcause 0x%lx, mepc 0x%lx, mtval 0x%lx",
		mcause, mepc, mtval);
	finish(CODE_DIED);
}

static u32 run(struct machine_vm *m)
{
	struct vm_config config = {m->id, m->ram.size, (void *)m->module.base, m->module.size,
				   (void *)m->dtb.base, m->dtb.size, m};
	const char *error;
	struct vm *vm = vm_create(&config, &error);
	u64 outcome;

	if (!vm) {
		message("VM %u cannot start: %s", m->id, error);
		return CODE_INPUT;
	}
	outcome = vm_run(vm);
	return VM_END_DIED(outcome) ? CODE_DIED : VM_END_CODE(outcome);
}

/* Every vCPU's thread; what it returns to does not exist. */
static void vm_thread(void)
{
	struct machine_vm *m = hv.current;

	m->code = run(m);
	if (m->code)
		message("VM %u ended with code %u", m->id, m->code);
	else
		message("VM %u ended: passed", m->id);
	sched_end(m);
}

static void announce(void)
{
	char line[200] = "", *end = line;

	for (u32 i = 0; i < hv.count; i++)
		end += snprintf(end, 24, "%s%u (%lu KiB)", i ? ", " : "", hv.vm[i].id,
				hv.vm[i].ram.size / 1024);
	message("running VM %s", line);
}

/* Guests run in U with nothing delegated, and may read no counter. */
static void machine_init(void)
{
	csr_write(CSR_MEDELEG, 0);
	csr_write(CSR_MIDELEG, 0);
	csr_write(CSR_MCOUNTEREN, 0);
	csr_write(CSR_MENVCFG, MENVCFG_STCE);
	csr_write(CSR_STIMECMP, ~0ul);
	csr_write(CSR_MSTATUS, 0); /* mret goes to U; interrupts stay off in M */
}

static void require(const char *error)
{
	if (!error)
		return;
	message("cannot start: %s", error);
	finish(CODE_INPUT);
}

void hypervisor_main(u64 hart, const void *dtb)
{
	struct fdt fdt;

	(void)hart;
	machine_init();
	if (!fdt_open(&fdt, dtb, FDT_LIMIT))
		require("there is no usable device tree at the address in a1");
	require(config_read(&fdt));
	require(memory_init(&fdt));
	if (!tables_init())
		require("not enough memory for shadow page tables; give the machine more RAM");
	announce();
	console_init();
	sched_start(vm_thread);
}
