/* platform.c: read the device tree once, and remember what matters here. */
#include "../../lib/string.h"
#include "kernel.h"

enum { MAX_RESERVED = 32 };

struct platform platform;
static struct range reserved[MAX_RESERVED];
static u32 reserved_count;

static void reserve(struct range r)
{
	if (reserved_count == MAX_RESERVED)
		panic("the device tree reserves more than %d regions of memory", MAX_RESERVED);
	reserved[reserved_count++] = r;
}

const struct range *reserved_at(u64 address)
{
	for (u32 i = 0; i < reserved_count; i++)
		if (address - reserved[i].base < reserved[i].size)
			return &reserved[i];
	return NULL;
}

static bool inside_ram(struct range r)
{
	return r.size > 0 && r.base >= (u64)kernel_end &&
	       r.base - platform.ram.base <= platform.ram.size &&
	       r.size <= platform.ram.size - (r.base - platform.ram.base);
}

static void read_reserved(const struct fdt *fdt)
{
	int node = fdt_find(fdt, "/reserved-memory");
	struct range r;

	if (node == FDT_NONE)
		return;
	for (int child = fdt_child(fdt, node); child != FDT_NONE; child = fdt_sibling(fdt, child))
		for (u32 i = 0; fdt_range(fdt, child, "reg", i, &r); i++)
			reserve(r);
}

static void read_vm(const struct fdt *fdt, int node, u32 index)
{
	struct vm_region *vm = &platform.vm[index];

	if (!fdt_range(fdt, node, "reg", 0, &vm->ram) || !inside_ram(vm->ram) ||
	    (vm->ram.base | vm->ram.size) % MEGA_SIZE != 0)
		panic("device tree: the RAM of /chosen/vm@%u (%lx, %lx bytes) is not 2 MiB "
		      "aligned memory of this machine beside the kernel",
		      index, vm->ram.base, vm->ram.size);
	vm->has_console = fdt_u32(fdt, node, "console", &vm->console) && vm->console < MAX_VMS;
	vm->present = true;
	reserve(vm->ram);
}

static void read_chosen(const struct fdt *fdt)
{
	int chosen = fdt_find(fdt, "/chosen");

	if (chosen == FDT_NONE || !fdt_range(fdt, chosen, "files", 0, &platform.files) ||
	    !inside_ram(platform.files))
		panic("device tree: /chosen/files does not name a file image in memory");
	reserve(platform.files);
	for (int node = fdt_child(fdt, chosen); node != FDT_NONE; node = fdt_sibling(fdt, node)) {
		const char *name = fdt_name(fdt, node);

		if (strncmp(name, "vm@", 3) == 0 && name[3] >= '0' && name[3] < '0' + MAX_VMS)
			read_vm(fdt, node, (u32)(name[3] - '0'));
	}
}

void platform_init(const void *device_tree)
{
	struct fdt fdt;
	int memory;

	if (!fdt_open(&fdt, device_tree, MEGA_SIZE))
		panic("no device tree at %p, or a damaged one", device_tree);
	memory = fdt_find(&fdt, "/memory");
	if (memory == FDT_NONE || !fdt_range(&fdt, memory, "reg", 0, &platform.ram) ||
	    platform.ram.base != BOARD_RAM)
		panic("device tree: /memory does not describe RAM at %lx", (u64)BOARD_RAM);
	reserve((struct range){(u64)device_tree, fdt.size});
	read_reserved(&fdt);
	read_chosen(&fdt);
}
