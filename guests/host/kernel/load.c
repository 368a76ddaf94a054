/* load.c: make a process's first memory from a program file and its arguments. */
#include "../../lib/elf.h"
#include "../../lib/string.h"
#include "proc.h"

/* The page of a process at va, made or widened to these rights. */
static u8 *page_at(struct proc *p, u64 va, u64 flags)
{
	u64 *entry = table_entry(p->root, va, 0, true);
	void *page;

	if (entry == NULL)
		return NULL;
	if (*entry & PTE_V) {
		*entry |= flags;
		return (u8 *)(*entry >> PTE_PPN_SHIFT << 12);
	}
	page = page_alloc();
	if (page == NULL)
		return NULL;
	map_page(p->root, va, (u64)page, flags | PTE_U);
	return page;
}

static u64 page_flags(u32 segment_flags)
{
	return (segment_flags & ELF_W ? PTE_R | PTE_W : PTE_R) | (segment_flags & ELF_X ? PTE_X : 0);
}

static int load_segment(struct proc *p, const struct elf_segment *s)
{
	u64 end = s->vaddr + s->memory_size;

	if (s->vaddr < USER_BASE || end > USER_END - USER_STACK_SIZE - PAGE_SIZE)
		return ERR_FORMAT;
	for (u64 va = s->vaddr; va < end;) {
		u64 done = va - s->vaddr, part = PAGE_SIZE - va % PAGE_SIZE;
		u8 *page = page_at(p, va & -PAGE_SIZE, page_flags(s->flags));

		if (page == NULL)
			return ERR_MEMORY;
		if (done < s->file_size) {
			u64 left = s->file_size - done;

			memcpy(page + va % PAGE_SIZE, s->data + done, left < part ? left : part);
		}
		va += part;
	}
	end = (end + PAGE_SIZE - 1) & -PAGE_SIZE;
	if (end > p->memory_end)
		p->memory_start = p->memory_end = end;
	return 0;
}

static int load_image(struct proc *p, const struct file *file)
{
	struct elf_segment segment;
	struct elf elf;
	u32 index = 0;

	if (elf_open(&elf, file->data, file->size) != NULL)
		return ERR_FORMAT;
	p->memory_start = p->memory_end = USER_BASE;
	while (elf_next(&elf, &index, &segment)) {
		int error = load_segment(p, &segment);

		if (error != 0)
			return error;
	}
	p->frame->pc = elf.entry;
	return 0;
}

/* The stack starts with the argument texts, and below them argv. */
static int make_stack(struct proc *p, char *const argv[], int argc)
{
	u64 pointers[MAX_ARGS + 1] = {0}, sp = USER_END;

	for (u64 va = USER_END - USER_STACK_SIZE; va < USER_END; va += PAGE_SIZE)
		if (page_at(p, va, PTE_R | PTE_W) == NULL)
			return ERR_MEMORY;
	for (int i = 0; i < argc; i++) {
		u64 size = strlen(argv[i]) + 1;

		sp -= size;
		pointers[i] = sp;
		if (copy_out(p, sp, argv[i], size) != 0)
			return ERR_MEMORY;
	}
	sp = (sp - sizeof(pointers)) & -16UL;
	p->frame->x[2] = sp;
	p->frame->x[10] = (u64)argc;
	p->frame->x[11] = sp;
	return copy_out(p, sp, pointers, sizeof(pointers));
}

int load_program(struct proc *p, const char *path, char *const argv[], int argc)
{
	struct file file;
	int error;

	if (!file_find(path, &file))
		return ERR_NOT_FOUND;
	error = load_image(p, &file);
	return error != 0 ? error : make_stack(p, argv, argc);
}
