/* plic.c: the virtual PLIC: routes device interrupts to virtual M and S.
 *
 * Sources are level-triggered.  A source is pending while its line is high and
 * nobody has claimed it; after completion a line still high is pending again.
 */
#include "core.h"

enum {
	PRIORITY = 0,
	PENDING = 0x1000,
	ENABLE = 0x2000,
	ENABLE_STRIDE = 0x80,
	CONTEXT = 0x200000,
	CONTEXT_STRIDE = 0x1000,
	PRIORITY_MASK = 7,
	WORDS = PLIC_SOURCES / 32,
};

void plic_set_level(struct vm *vm, u32 source, bool level)
{
	if (level)
		vm->plic.level |= 1ul << source;
	else
		vm->plic.level &= ~(1ul << source);
}

static u64 pending(const struct plic *p)
{
	return p->level & ~p->claimed;
}

/* Highest priority, lowest number among equals; 0: none. */
static u32 best(const struct plic *p, u32 context)
{
	u32 found = 0;

	for (u64 ready = pending(p) & p->enable[context]; ready; ready &= ready - 1) {
		u32 source = 0;

		while (!(ready >> source & 1))
			source++;
		if (p->priority[source] > p->priority[found])
			found = source;
	}
	return found;
}

/* The interrupt line of a context. */
bool plic_output(const struct plic *p, u32 context)
{
	return p->priority[best(p, context)] > p->threshold[context];
}

/* Would this context be interrupted if the source's line rose? */
bool plic_could_signal(const struct plic *p, u32 context, u32 source)
{
	return p->enable[context] >> source & 1 && p->priority[source] > p->threshold[context];
}

static void complete(struct plic *p, u32 context, u64 source)
{
	if (source > 0 && source < PLIC_SOURCES && p->enable[context] >> source & 1)
		p->claimed &= ~(1ul << source);
}

static u32 claim(struct plic *p, u32 context)
{
	u32 source = best(p, context);

	if (source)
		p->claimed |= 1ul << source;
	return source;
}

static bool priority_access(struct plic *p, struct bus_access *b)
{
	u32 source = (b->offset - PRIORITY) / 4;

	if (!b->store)
		b->value = p->priority[source];
	else if (source)
		p->priority[source] = b->value & PRIORITY_MASK;
	return true;
}

static bool pending_access(struct plic *p, struct bus_access *b)
{
	u32 word = (b->offset - PENDING) / 4;

	b->value = pending(p) >> 32 * word & 0xffffffff;
	return !b->store;
}

static bool enable_access(struct plic *p, struct bus_access *b)
{
	u64 *enable = &p->enable[(b->offset - ENABLE) / ENABLE_STRIDE];
	u32 word = (b->offset - ENABLE) % ENABLE_STRIDE / 4, shift = 32 * word;

	if (word >= WORDS)
		return false;
	if (b->store) /* source 0 does not exist */
		*enable = ((*enable & ~(0xfffffffful << shift)) | b->value << shift) & ~1ul;
	else
		b->value = *enable >> shift & 0xffffffff;
	return true;
}

static bool context_access(struct plic *p, struct bus_access *b)
{
	u32 context = (b->offset - CONTEXT) / CONTEXT_STRIDE;

	switch ((b->offset - CONTEXT) % CONTEXT_STRIDE) {
	case 0:
		if (b->store)
			p->threshold[context] = b->value & PRIORITY_MASK;
		else
			b->value = p->threshold[context];
		return true;
	case 4:
		if (b->store)
			complete(p, context, b->value);
		else
			b->value = claim(p, context);
		return true;
	}
	return false;
}

static bool in_area(const struct bus_access *b, u64 start, u64 size)
{
	return b->offset >= start && b->offset < start + size;
}

bool plic_access(struct vm *vm, struct bus_access *b)
{
	if (b->width != 4)
		return false;
	if (in_area(b, PRIORITY, 4 * PLIC_SOURCES))
		return priority_access(&vm->plic, b);
	if (in_area(b, PENDING, 4 * WORDS))
		return pending_access(&vm->plic, b);
	if (in_area(b, ENABLE, ENABLE_STRIDE * PLIC_CONTEXTS))
		return enable_access(&vm->plic, b);
	if (in_area(b, CONTEXT, CONTEXT_STRIDE * PLIC_CONTEXTS))
		return context_access(&vm->plic, b);
	return false;
}
