/* memory.c: the hypervisor's own memory: handed out once, never taken back.
 *
 * It comes from RAM behind the hypervisor's image, except what the device tree
 * reserves: the guests' RAM, their images and device trees.
 */
#include "hypervisor.h"
#include "../lib/string.h"

enum { MAX_RESERVED = 64 };

struct memory {
	u64 next, end;
	struct range reserved[MAX_RESERVED];
	u32 count;
};

static struct memory memory;
extern char image_end[];

static bool reserve(struct range range)
{
	if (memory.count == MAX_RESERVED)
		return false;
	memory.reserved[memory.count++] = range;
	return true;
}

static bool reserve_listed(const struct fdt *fdt)
{
	int parent = fdt_find(fdt, "/reserved-memory");
	int node = parent == FDT_NONE ? FDT_NONE : fdt_child(fdt, parent);
	struct range range;

	for (; node != FDT_NONE; node = fdt_sibling(fdt, node))
		if (fdt_range(fdt, node, "reg", 0, &range) && !reserve(range))
			return false;
	return true;
}

static bool reserve_vms(void)
{
	for (u32 i = 0; i < hv.count; i++)
		if (!reserve(hv.vm[i].ram) || !reserve(hv.vm[i].module) || !reserve(hv.vm[i].dtb))
			return false;
	return true;
}

static bool inside(struct range part, struct range whole)
{
	return part.base >= whole.base && part.base - whole.base <= whole.size &&
	       part.size <= whole.size - (part.base - whole.base);
}

/* What the device tree promises about the VMs must lie in real RAM, behind us. */
static bool vms_fit(struct range ram)
{
	u64 image_size = (u64)image_end - ram.base;
	struct range behind = {ram.base + image_size, ram.size - image_size};

	for (u32 i = 0; i < hv.count; i++)
		if (!inside(hv.vm[i].ram, behind) || !inside(hv.vm[i].module, behind) ||
		    !inside(hv.vm[i].dtb, behind))
			return false;
	return true;
}

/* NULL, or what is wrong with the machine's memory. */
const char *memory_init(const struct fdt *fdt)
{
	int node = fdt_find(fdt, "/memory");
	struct range ram;

	if (node == FDT_NONE || !fdt_range(fdt, node, "reg", 0, &ram))
		return "the device tree has no memory node";
	if (!vms_fit(ram))
		return "a VM's reg, module or dtb is not in the machine's free RAM; give it more RAM";
	memory.next = (u64)image_end;
	memory.end = ram.base + ram.size;
	if (!reserve((struct range){(u64)fdt->blob, fdt->size}) || !reserve_vms() ||
	    !reserve_listed(fdt))
		return "the device tree reserves more regions than this hypervisor can remember";
	return NULL;
}

/* The end of a reserved region that meets [start, start + size), or 0. */
static u64 obstacle(u64 start, u64 size)
{
	for (u32 i = 0; i < memory.count; i++) {
		struct range r = memory.reserved[i];

		if (start < r.base + r.size && r.base < start + size)
			return r.base + r.size;
	}
	return 0;
}

/* Zeroed memory, or NULL. */
void *memory_alloc(u64 size, u64 align)
{
	u64 start = memory.next, end;

	do {
		start = (start + align - 1) & ~(align - 1);
		end = obstacle(start, size);
		if (end)
			start = end;
	} while (end);
	if (start > memory.end || size > memory.end - start)
		return NULL;
	memory.next = start + size;
	return memset((void *)start, 0, size);
}
