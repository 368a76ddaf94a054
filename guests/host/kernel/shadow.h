/* shadow.h: one shadow root: the address space that a guest really runs in. */
#pragma once
#include "kernel.h"

struct shadow {
	pagetable root; /* NULL until first used */
	u64 asid;
	u64 trap_va;   /* the trap page is here, the run page one page above */
	u64 cursor;    /* the pair of addresses they had last, see place */
	u64 **journal; /* one page: the entries written since the last clear ... */
	u32 journaled; /* ... and how many; JOURNAL_SIZE: some may be missing */
	u32 tables;    /* lowest-level tables made for the guest's pages */
};

bool shadow_create(struct shadow *s, const struct run_page *run, u64 asid);
bool shadow_map(struct shadow *s, u64 gva, u64 hpa, u64 perm);
void shadow_unmap(struct shadow *s, u64 gva, u64 size);
bool shadow_clear(struct shadow *s);
void shadow_free(struct shadow *s);

/* Does an access to gva meet the trap page or the run page? */
bool shadow_collides(const struct shadow *s, u64 gva);
bool shadow_move(struct shadow *s);
