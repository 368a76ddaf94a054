/* space.c: address spaces for the tests. */
#include "../lib/string.h"
#include "litmus.h"

enum { WORDS_USED = 32 };

#define FILLER 0x73u /* ecall (illegal in pages above 0): a fetch comes back at once */

u64 pte(u64 pa, u64 flags)
{
	return pa / PAGE << PTE_PPN_SHIFT | flags;
}

/* Stubs for U and for S, and tables for the places to test. */
void space_init(struct space *s)
{
	const u64 stub = PTE_V | PTE_R | PTE_X | PTE_A | PTE_D;

	memset(s, 0, sizeof *s);
	s->root[U_STUBS >> 30] = pte((u64)s->middle, PTE_V);
	s->middle[0] = pte((u64)s->low, PTE_V);
	s->low[0] = pte((u64)stubs, stub | PTE_U);
	s->low[1] = pte((u64)stubs, stub);
}

u64 space_satp(const struct space *s, u64 asid)
{
	return SATP_SV39 | asid << SATP_ASID_SHIFT | (u64)s->root / PAGE;
}

/* The part of each test page that is ever used. */
void fill_test_pages(void)
{
	for (u32 page = 0; page < TEST_PAGES; page++)
		for (u32 i = 0; i < WORDS_USED; i++)
			((u32 *)(TEST_RAM + page * PAGE))[i] = FILLER | page << 8;
}

u64 stub_address(u64 mode, u64 stub)
{
	u64 offset = stub * STUB_SIZE;

	if (mode == PRIV_M)
		return (u64)stubs + offset;
	return (mode == PRIV_S ? S_STUBS : U_STUBS) + offset;
}

/* mstatus with which mret goes to a mode. */
u64 mode_status(u64 mode)
{
	return MSTATUS_RESET | mode << MSTATUS_MPP_SHIFT;
}
