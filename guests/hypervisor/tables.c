/* tables.c: real Sv39 tables for the shadow roots, and the PMP around them.
 *
 * Each root has a fixed share of table pages, so dropping one is cheap: its root
 * slots are cleared and its share is free again.  Each root of each VM has a
 * hardware ASID of its own; switching roots needs no fence.
 */
#include "hypervisor.h"

enum { ENTRIES = PAGE_SIZE / 8, LEVELS = 3 };

static struct range pool; /* all table pages of all VMs */

bool tables_init(void)
{
	u64 share = ROOT_TABLES * PAGE_SIZE;

	pool.size = hv.count * HAL_ROOTS * share;
	pool.base = (u64)memory_alloc(pool.size, PAGE_SIZE);
	for (u32 i = 0; i < hv.count * HAL_ROOTS; i++) {
		struct tables *t = &hv.vm[i / HAL_ROOTS].tables[i % HAL_ROOTS];

		t->page = (u64 *)(pool.base + i * share);
		t->used = 1;
	}
	return pool.base;
}

static u64 asid_of(const struct machine_vm *m, int root)
{
	return 1 + (m - hv.vm) * HAL_ROOTS + root;
}

u64 tables_satp(const struct machine_vm *m, int root)
{
	return SATP_SV39 | asid_of(m, root) << SATP_ASID_SHIFT |
	       (u64)m->tables[root].page / PAGE_SIZE;
}

static u64 *take_table(struct tables *t)
{
	u64 *page = t->page + t->used * ENTRIES;

	if (t->used == ROOT_TABLES)
		return NULL;
	t->used++;
	for (u32 i = 0; i < ENTRIES; i += 8)
		page[i] = page[i + 1] = page[i + 2] = page[i + 3] = page[i + 4] = page[i + 5] =
			page[i + 6] = page[i + 7] = 0;
	return page;
}

static u32 index_of(u64 gva, int level)
{
	return gva >> (12 + 9 * level) & (ENTRIES - 1);
}

/* The slot for gva's page.  Missing tables are made if `make`; NULL if none. */
static u64 *find_slot(struct tables *t, u64 gva, bool make)
{
	u64 *table = t->page;

	for (int level = LEVELS - 1; level > 0; level--) {
		u64 *slot = &table[index_of(gva, level)];

		if (!*slot) {
			u64 *below = make ? take_table(t) : NULL;

			if (!below)
				return NULL;
			*slot = (u64)below / PAGE_SIZE << PTE_PPN_SHIFT | PTE_V;
			if (level == LEVELS - 1)
				t->top[t->tops++] = index_of(gva, level);
		}
		table = (u64 *)((*slot >> PTE_PPN_SHIFT) * PAGE_SIZE);
	}
	return &table[index_of(gva, 0)];
}

bool tables_map(struct machine_vm *m, int root, u64 gva, u64 hpa, u64 perm)
{
	u64 *slot = find_slot(&m->tables[root], gva, true), old;

	if (!slot)
		return false;
	old = *slot;
	*slot = hpa / PAGE_SIZE << PTE_PPN_SHIFT | perm | PTE_V | PTE_U | PTE_A | PTE_D;
	if (old) /* invalid entries are not cached: only a change needs a fence */
		sfence_page(gva, asid_of(m, root));
	return true;
}

static void drop(struct tables *t)
{
	while (t->tops)
		t->page[t->top[--t->tops]] = 0;
	t->used = 1;
}

static void unmap_page(struct machine_vm *m, int root, u64 gva)
{
	u64 *slot = find_slot(&m->tables[root], gva, false);

	if (!slot)
		return;
	*slot = 0;
	sfence_page(gva, asid_of(m, root));
}

void tables_unmap(struct machine_vm *m, int root, u64 gva, u64 size)
{
	if (!size) {
		drop(&m->tables[root]);
		sfence_asid(asid_of(m, root));
		return;
	}
	for (u64 end = gva + size; gva != end; gva += PAGE_SIZE)
		unmap_page(m, root, gva);
}

/* Defence in depth: from U only this VM's RAM can be reached, and the walker may
 * read the tables.  No fence: what the TLB holds of other VMs has their ASIDs. */
void tables_confine(const struct machine_vm *m)
{
	csr_write(CSR_PMPADDR0, m->ram.base >> 2);
	csr_write(CSR_PMPADDR1, (m->ram.base + m->ram.size) >> 2);
	csr_write(CSR_PMPADDR2, pool.base >> 2);
	csr_write(CSR_PMPADDR3, (pool.base + pool.size) >> 2);
	csr_write(CSR_PMPCFG0, (u64)(PMP_TOR | PMP_R | PMP_W | PMP_X) << 8 |
			       (u64)(PMP_TOR | PMP_R) << 24);
}
