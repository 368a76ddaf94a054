/* memory.c: workloads of the memory management: demand paging, and changes of
 * page-table entries that the next access must see. */
#include "user.h"

enum { DEMAND_PAGES = 256, CHANGED_PAGES = 16, CHANGES = 256 };
enum { WORDS = PAGE_SIZE / sizeof(u64) };

/* Touch fresh pages one after the other: each must hold zero, and keep what is written. */
u64 demand_run(void)
{
	u64 *heap = grow(DEMAND_PAGES * PAGE_SIZE);
	u64 sum = 0;

	for (u64 i = 0; i < DEMAND_PAGES; i++) {
		u64 *word = heap + i * WORDS + i; /* another word in each page */

		sum = mix(sum, *word);
		*word = i * i;
	}
	for (u64 i = 0; i < DEMAND_PAGES; i++)
		sum = mix(sum, heap[i * WORDS + i]);
	return sum;
}

u64 demand_check(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < DEMAND_PAGES; i++)
		sum = mix(sum, 0);
	for (u64 i = 0; i < DEMAND_PAGES; i++)
		sum = mix(sum, i * i);
	return sum;
}

/* Make a page read-only: a store must fail and change nothing.  Make it
 * writable again: a store must work.  A forgotten fence shows as a wrong sum. */
static u64 change_page(u64 sum, u64 *word, u64 value)
{
	protect(word, 1, false);
	sum = mix(sum, try_store(word, ~value));
	sum = mix(sum, *word);
	protect(word, 1, true);
	sum = mix(sum, try_store(word, value));
	return mix(sum, *word);
}

u64 pagetable_run(void)
{
	u64 *heap = grow(CHANGED_PAGES * PAGE_SIZE);
	u64 sum = 0;

	system_call(SYS_RECOVER, (u64)try_store_failed, 0, 0);
	for (u64 i = 0; i < CHANGES; i++)
		sum = change_page(sum, heap + i % CHANGED_PAGES * WORDS, i + 1);
	system_call(SYS_RECOVER, 0, 0, 0);
	return sum;
}

u64 pagetable_check(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < CHANGES; i++) {
		sum = mix(sum, false);
		sum = mix(sum, i < CHANGED_PAGES ? 0 : i + 1 - CHANGED_PAGES);
		sum = mix(sum, true);
		sum = mix(sum, i + 1);
	}
	return sum;
}
