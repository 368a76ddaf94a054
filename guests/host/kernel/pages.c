/* pages.c: physical pages.
 *
 * Pages that were never used are taken in order of address, so that a machine
 * with much RAM boots as fast as one with little; freed pages form a list.
 */
#include "../../lib/string.h"
#include "kernel.h"

struct free_page {
	struct free_page *next;
};

static struct free_page *free_list;
static u64 next_fresh;

void pages_init(void)
{
	next_fresh = (u64)kernel_end;
}

/* The next page that was never used and touches no reserved region. */
static void *fresh_page(void)
{
	u64 end = platform.ram.base + platform.ram.size;

	while (next_fresh + PAGE_SIZE <= end) {
		u64 page = next_fresh;
		const struct range *taken = reserved_at(page);

		if (taken == NULL)
			taken = reserved_at(page + PAGE_SIZE - 1);
		if (taken == NULL) {
			next_fresh = page + PAGE_SIZE;
			return (void *)page;
		}
		next_fresh = (taken->base + taken->size + PAGE_SIZE - 1) & -PAGE_SIZE;
	}
	return NULL;
}

void *page_alloc(void)
{
	struct free_page *page = free_list;

	if (page != NULL)
		free_list = page->next;
	else
		page = fresh_page();
	if (page != NULL)
		memset(page, 0, PAGE_SIZE);
	return page;
}

void page_free(void *page)
{
	struct free_page *p = page;

	if ((u64)page % PAGE_SIZE != 0 || (u64)page < (u64)kernel_end)
		panic("page_free: %p is not a page that was allocated", page);
	p->next = free_list;
	free_list = p;
}
