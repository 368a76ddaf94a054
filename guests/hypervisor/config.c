/* config.c: which VMs to run: /chosen/vm@I of the device tree. */
#include "hypervisor.h"
#include "../lib/string.h"

static bool is_vm(const struct fdt *fdt, int node)
{
	return strncmp(fdt_name(fdt, node), "vm@", 3) == 0;
}

/* The number after the "@"; unit addresses are hexadecimal. */
static u32 unit_number(const char *name)
{
	u32 number = 0;

	for (name += 3; *name; name++) {
		u32 digit = *name <= '9' ? *name - '0' : (*name | 32) - 'a' + 10;

		number = number * 16 + digit;
	}
	return number;
}

static const char *read_vm(const struct fdt *fdt, int node, struct machine_vm *m)
{
	u32 channel;

	m->id = unit_number(fdt_name(fdt, node));
	if (!fdt_range(fdt, node, "reg", 0, &m->ram) || !m->ram.size)
		return "no RAM (property reg)";
	if (m->ram.base % PAGE_SIZE || m->ram.size % PAGE_SIZE)
		return "RAM that is not made of whole pages (property reg)";
	if (!fdt_range(fdt, node, "module", 0, &m->module))
		return "no guest image (property module)";
	if (!fdt_range(fdt, node, "dtb", 0, &m->dtb))
		return "no device tree for the guest (property dtb)";
	/* Boards without channels for VMs: share the first UART. */
	m->uart = BOARD_UART0;
	m->uart_irq = BOARD_UART0_IRQ;
	if (fdt_u32(fdt, node, "console", &channel)) {
		m->uart = BOARD_VM_UART(channel);
		m->uart_irq = BOARD_VM_UART_IRQ(channel);
	}
	return NULL;
}

const char *config_read(const struct fdt *fdt)
{
	int chosen = fdt_find(fdt, "/chosen");
	int node = chosen == FDT_NONE ? FDT_NONE : fdt_child(fdt, chosen);

	for (; node != FDT_NONE; node = fdt_sibling(fdt, node)) {
		const char *error;

		if (!is_vm(fdt, node))
			continue;
		if (hv.count == MAX_VMS)
			return "/chosen names more VMs than this hypervisor can run";
		error = read_vm(fdt, node, &hv.vm[hv.count]);
		if (error)
			return error;
		hv.count++;
	}
	return hv.count ? NULL : "the device tree's /chosen names no VM (vm@0)";
}
