/* paging.c: random page-table entries, accesses, modes, SUM and MXR; accessed and
 * dirty bits; and three address spaces with all kinds of fences. */
#include "litmus.h"

enum { SPACES = 3 };

static struct space one __attribute__((aligned(PAGE)));
static struct space many[SPACES] __attribute__((aligned(PAGE)));

static u64 random_flags(u64 mode)
{
	u64 flags = choose(256);

	if (choose(4))
		flags |= PTE_V;
	if (choose(3) == 0)
		flags |= PTE_A | PTE_D;
	if (choose(3))
		flags = mode == PRIV_U ? flags | PTE_U : flags & ~(u64)PTE_U;
	if (choose(16) == 0)
		flags |= 1ul << (54 + choose(10)); /* a reserved bit */
	return flags;
}

struct target {
	u64 va, *slot, pa;
};

/* A place at one of the three levels, sometimes misaligned. */
static struct target random_target(struct space *s)
{
	u64 odd = choose(8) == 0;

	switch (choose(3)) {
	case 0:
		return (struct target){TEST_L0, &s->low[2], TEST_RAM + choose(4) * PAGE};
	case 1:
		return (struct target){TEST_L1, &s->middle[1], TEST_RAM + odd * PAGE};
	}
	return (struct target){TEST_L2 + (TEST_RAM - BOARD_RAM), &s->root[2],
			       BOARD_RAM + odd * 0x200000};
}

static u64 twisted(u64 va)
{
	if (choose(40) == 0)
		return va | 1ul << 50;
	if (choose(40) == 0)
		return va | ~0ul << 39;
	return va;
}

static u64 random_rights(void)
{
	return random() & (MSTATUS_SUM | MSTATUS_MXR);
}

static void access(u64 mode, u64 rights, u64 satp, const struct target *t, u64 kind)
{
	struct probe p = {.pc = stub_address(mode, kind), .mstatus = mode_status(mode) | rights,
			  .satp = satp, .a1 = t->va};

	probe_run(&p);
	RECORD(mode, kind, rights, t->va, p.mcause, p.mtval, p.mepc, p.a0, *t->slot);
}

/* One entry, one access; if it worked, another one without a fence. */
void test_paging(u64 n)
{
	u64 mode = choose(2), rights = random_rights(), satp = space_satp(&one, 1 + n % 100);
	struct target t = random_target(&one);

	space_init(&one);
	fill_test_pages();
	if (choose(20) == 0)
		t.pa = 0x40000000000; /* nothing is there */
	*t.slot = pte(t.pa, random_flags(mode));
	t.va = twisted(t.va);
	sfence_all();
	access(mode, rights, satp, &t, choose(STUBS));
	access(mode, choose(2) ? rights : random_rights(), satp, &t,
	       choose(3) ? choose(STUBS) : STUB_JR);
}

static u64 random_leaf(u64 pa)
{
	u64 flags = (choose(256) & ~(u64)PTE_G) | PTE_V | (choose(4) ? PTE_R : 0);

	if (!(flags & PTE_X) || flags & PTE_W)
		flags |= PTE_R;
	return pte(pa, flags);
}

static void spaces_init(void)
{
	for (u64 i = 0; i < SPACES; i++) {
		space_init(&many[i]);
		many[i].middle[1] = pte(TEST_RAM, PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A);
	}
	sfence_all();
}

/* Any of the fences that are enough after a change of one leaf. */
static void random_fence(u64 va, u64 asid)
{
	switch (choose(4)) {
	case 0: sfence_page(va, asid); return;
	case 1: __asm__ volatile("sfence.vma %0, x0" : : "r"(va) : "memory"); return;
	case 2: sfence_asid(asid); return;
	}
	sfence_all();
}

/* A superpage becomes a table of small pages, or back. */
static void change_level(struct space *s, u64 asid)
{
	for (u64 i = 0; i < TEST_PAGES; i++)
		s->low_more[i] = random_leaf(TEST_RAM + choose(TEST_PAGES) * PAGE);
	s->middle[1] = choose(2) ? pte((u64)s->low_more, PTE_V) : random_leaf(TEST_RAM);
	if (choose(2))
		sfence_all();
	else
		sfence_asid(asid);
}

/* Change what is at a place; superpages are fenced by the address of any page. */
static void change(struct space *s, u64 asid, u64 place, u64 page)
{
	u64 present = choose(6);

	if (place == 1) {
		change_level(s, asid);
	} else if (place == 2) {
		s->root[2] = present ? random_leaf(BOARD_RAM) : 0;
		random_fence(TEST_RAM + choose(TEST_PAGES) * PAGE, asid);
	} else {
		s->low[2 + page] = present ? random_leaf(TEST_RAM + choose(TEST_PAGES) * PAGE) : 0;
		random_fence(TEST_L0 + page * PAGE, asid);
	}
}

static struct target target_at(struct space *s, u64 place, u64 page)
{
	u64 offset = page * PAGE;

	if (place == 0)
		return (struct target){TEST_L0 + offset, &s->low[2 + page], 0};
	if (place == 2)
		return (struct target){TEST_RAM + offset, &s->root[2], 0};
	if (s->middle[1] & (PTE_R | PTE_X))
		return (struct target){TEST_L1 + offset, &s->middle[1], 0};
	return (struct target){TEST_L1 + offset, &s->low_more[page], 0};
}

/* An access; sometimes a change with a fence that is just enough, and the same
 * access again. */
void test_spaces(u64 n)
{
	u64 which = choose(SPACES), asid = which + 1, place = choose(3), page = choose(TEST_PAGES);
	u64 mode = choose(2), rights = random_rights(), kind = choose(STUB_JR);
	struct space *s = &many[which];
	struct target t;

	if (n == 0)
		spaces_init();
	if (n % 16 == 0)
		fill_test_pages();
	t = target_at(s, place, page);
	access(mode, rights, space_satp(s, asid), &t, kind);
	if (choose(2))
		return;
	change(s, asid, choose(4) ? place : choose(3), page);
	t = target_at(s, place, page);
	access(mode, rights, space_satp(s, asid), &t, kind);
}
