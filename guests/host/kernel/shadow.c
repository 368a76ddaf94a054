/* shadow.c: shadow roots.
 *
 * They hold what the VMM asks for, always as 4 KiB U pages, and two pages of
 * S-mode that the way in and out of the guest needs: the trap page and the run
 * page.  The guest can never see, reach or be refused their addresses: whenever
 * it touches one (or the VMM maps something there) both move elsewhere.
 */
#include "shadow.h"

enum {
	JOURNAL_SIZE = PAGE_SIZE / sizeof(u64 *),
	MAX_TABLES = 256, /* for the guest's pages, in one root */
};

#define PAIR (2 * PAGE_SIZE)
#define FIRST_PAIR (UPPER_HALF + 96 * GIGA_SIZE)

static bool is_free(const struct shadow *s, u64 va)
{
	u64 *entry = table_entry(s->root, va, 0, false);

	return entry == NULL || !(*entry & PTE_V);
}

/* The next address downwards at which the guest has nothing.  Downwards, so that
 * a guest that goes upwards through memory does not push the pages before it. */
static u64 next_place(struct shadow *s)
{
	do {
		s->cursor -= PAIR;
		if (s->cursor < UPPER_HALF)
			s->cursor = -PAIR;
	} while (!is_free(s, s->cursor) || !is_free(s, s->cursor + PAGE_SIZE));
	return s->cursor;
}

static bool place(struct shadow *s, u64 run_pa)
{
	s->trap_va = next_place(s);
	if (!map_page(s->root, s->trap_va, (u64)guest_trap_page, PTE_R | PTE_X) ||
	    !map_page(s->root, s->trap_va + PAGE_SIZE, run_pa, PTE_R | PTE_W))
		return false;
	sfence_page(s->trap_va, s->asid);
	sfence_page(s->trap_va + PAGE_SIZE, s->asid);
	return true;
}

bool shadow_create(struct shadow *s, const struct run_page *run, u64 asid)
{
	*s = (struct shadow){.asid = asid, .cursor = FIRST_PAIR};
	s->root = page_alloc();
	s->journal = page_alloc();
	if (s->root != NULL && s->journal != NULL && place(s, (u64)run))
		return true;
	shadow_free(s);
	return false;
}

void shadow_free(struct shadow *s)
{
	if (s->root != NULL)
		free_tables(s->root, 2);
	if (s->journal != NULL)
		page_free(s->journal);
	sfence_asid(s->asid);
	*s = (struct shadow){0};
}

bool shadow_collides(const struct shadow *s, u64 gva)
{
	return gva - s->trap_va < PAIR;
}

static u64 forget(struct shadow *s, u64 va)
{
	u64 *entry = table_entry(s->root, va, 0, false);
	u64 old = *entry;

	*entry = 0;
	sfence_page(va, s->asid);
	return old;
}

bool shadow_move(struct shadow *s)
{
	u64 run = forget(s, s->trap_va + PAGE_SIZE);

	forget(s, s->trap_va);
	return place(s, run >> PTE_PPN_SHIFT << 12);
}

/* The entry for a guest page, as long as this root may have another table. */
static u64 *guest_entry(struct shadow *s, u64 gva)
{
	u64 *entry = table_entry(s->root, gva, 0, false);

	if (entry != NULL || s->tables == MAX_TABLES)
		return entry;
	s->tables++;
	return table_entry(s->root, gva, 0, true);
}

bool shadow_map(struct shadow *s, u64 gva, u64 hpa, u64 perm)
{
	u64 *entry, old;

	if (shadow_collides(s, gva) && !shadow_move(s))
		return false;
	entry = guest_entry(s, gva);
	if (entry == NULL)
		return false;
	old = *entry;
	*entry = hpa >> 12 << PTE_PPN_SHIFT | perm | PTE_V | PTE_U | PTE_A | PTE_D;
	if (old & PTE_V)
		sfence_page(gva, s->asid); /* an invalid entry is in no TLB */
	else if (s->journaled < JOURNAL_SIZE)
		s->journal[s->journaled++] = entry;
	return true;
}

void shadow_unmap(struct shadow *s, u64 gva, u64 size)
{
	for (u64 done = 0; done < size; done += PAGE_SIZE) {
		u64 va = gva + done;
		u64 *entry = table_entry(s->root, va, 0, false);

		if (entry == NULL) {
			done += (MEGA_SIZE - PAGE_SIZE) - va % MEGA_SIZE; /* no table */
		} else if (!shadow_collides(s, va) && (*entry & PTE_V)) {
			*entry = 0;
			sfence_page(va, s->asid);
		}
	}
}

/* Too much to remember, or too many tables: start again with an empty root. */
static bool rebuild(struct shadow *s)
{
	u64 *run = table_entry(s->root, s->trap_va + PAGE_SIZE, 0, false);
	u64 run_pa = *run >> PTE_PPN_SHIFT << 12;

	free_tables(s->root, 2);
	sfence_asid(s->asid);
	s->tables = 0;
	s->journaled = 0;
	s->root = page_alloc();
	return s->root != NULL && place(s, run_pa);
}

/* Drop everything of the guest.  Mostly few entries have been made since the
 * last time, so it is they that are cleared; the tables stay. */
bool shadow_clear(struct shadow *s)
{
	if (s->journaled == JOURNAL_SIZE || s->tables == MAX_TABLES)
		return rebuild(s);
	for (u32 i = 0; i < s->journaled; i++)
		if (*s->journal[i] & PTE_U) /* else the trap or run page moved there */
			*s->journal[i] = 0;
	s->journaled = 0;
	sfence_asid(s->asid);
	return true;
}
