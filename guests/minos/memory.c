/* memory.c: physical memory in pages.
 *
 * Pages that were never used lie above `fresh`; pages that came back are on a
 * list that runs through the pages themselves.  So nothing needs to be built, or
 * even touched, at start. */
#include "../lib/string.h"
#include "kernel.h"

struct free_page {
	struct free_page *next;
};

extern u8 kernel_end[];

static struct free_page *free_list;
static u64 fresh, end;

/* All RAM above the kernel, up to what is reserved (the device tree lies near the top). */
void memory_init(struct range ram, struct range reserved)
{
	fresh = (u64)kernel_end;
	end = ram.base + ram.size;
	if (reserved.base >= fresh && reserved.base < end)
		end = reserved.base;
	end &= ~(PAGE_SIZE - 1);
	if (ram.base > fresh || end < fresh)
		panic(__func__, "there is no RAM above the kernel");
}

void *page_alloc(void)
{
	void *page = free_list;

	if (page != NULL) {
		free_list = free_list->next;
	} else if (fresh < end) {
		page = (void *)fresh;
		fresh += PAGE_SIZE;
	} else {
		return NULL;
	}
	return memset(page, 0, PAGE_SIZE);
}

void page_free(void *page)
{
	struct free_page *free = page;

	free->next = free_list;
	free_list = free;
}
