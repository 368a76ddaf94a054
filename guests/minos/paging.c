/* paging.c: Sv39 page tables.
 *
 * Each process has a root of its own.  Entry 1 of it (one gigabyte from
 * USER_BASE) is the process's; entry 0 (devices) and 2 (RAM) are the kernel's, an
 * identity map that is the same in all of them and global, so that it stays in
 * the TLB when the address space changes. */
#include "kernel.h"
#include <board.h>

#define MEGAPAGE (512 * PAGE_SIZE)
enum { USER_ENTRY = 1, ENTRIES = 512, LEVELS = 3 };

extern u8 text_end[], rodata_end[], kernel_end[];

static u64 *kernel_root;

static u64 entry_index(u64 va, u32 level)
{
	return va >> (12 + 9 * level) & (ENTRIES - 1);
}

static u64 *table_of(u64 entry)
{
	return (u64 *)(entry >> PTE_PPN_SHIFT << 12);
}

static u64 entry_for(const void *page, u64 flags)
{
	return (u64)page >> 12 << PTE_PPN_SHIFT | flags | PTE_V;
}

/* The entry for va at a level, with the tables above it made as needed. */
static u64 *walk(u64 *root, u64 va, u32 level)
{
	u64 *table = root;

	for (u32 l = LEVELS - 1; l > level; l--) {
		u64 *entry = &table[entry_index(va, l)];

		if (!(*entry & PTE_V)) {
			void *page = page_alloc();

			if (page == NULL)
				return NULL;
			*entry = entry_for(page, 0);
		}
		table = table_of(*entry);
	}
	return &table[entry_index(va, level)];
}

/* The kernel's pages are accessed and dirty from the start: nobody asks, and a
 * machine that does not set the bits itself need not fault for them. */
static void map_kernel(u64 start, u64 end, u64 size, u32 level, u64 rights)
{
	for (u64 a = start; a < end; a += size) {
		u64 *entry = walk(kernel_root, a, level);

		if (entry == NULL)
			panic(__func__, "no memory for the kernel's page tables");
		*entry = entry_for((void *)a, rights | PTE_G | PTE_A | PTE_D);
	}
}

/* Small pages around the kernel, whose parts have different rights; large ones beyond,
 * and small ones again where RAM ends inside a large page. */
static void map_ram(u64 ram_end)
{
	u64 large = ((u64)kernel_end + MEGAPAGE - 1) & ~(MEGAPAGE - 1);
	u64 tail = ram_end & ~(MEGAPAGE - 1);

	if (large > ram_end)
		large = ram_end;
	if (tail < large)
		tail = large;
	map_kernel(BOARD_RAM, (u64)text_end, PAGE_SIZE, 0, PTE_R | PTE_X);
	map_kernel((u64)text_end, (u64)rodata_end, PAGE_SIZE, 0, PTE_R);
	map_kernel((u64)rodata_end, large, PAGE_SIZE, 0, PTE_R | PTE_W);
	map_kernel(large, tail, MEGAPAGE, 1, PTE_R | PTE_W);
	map_kernel(tail, ram_end, PAGE_SIZE, 0, PTE_R | PTE_W);
}

void paging_init(u64 ram_end)
{
	kernel_root = page_alloc();
	if (kernel_root == NULL)
		panic(__func__, "no memory for the kernel's page tables");
	map_ram(ram_end);
	map_kernel(BOARD_FINISHER, BOARD_FINISHER + PAGE_SIZE, PAGE_SIZE, 0, PTE_R | PTE_W);
	map_kernel(BOARD_UART0, BOARD_UART0 + PAGE_SIZE, PAGE_SIZE, 0, PTE_R | PTE_W);
	map_kernel(BOARD_PLIC, BOARD_PLIC + 2 * MEGAPAGE, MEGAPAGE, 1, PTE_R | PTE_W);
	paging_activate(NULL, 0);
	sfence_all();
}

/* A root with nothing but the kernel. */
u64 *paging_new(void)
{
	u64 *root = page_alloc();

	if (root != NULL)
		for (u32 i = 0; i < ENTRIES; i++)
			if (i != USER_ENTRY)
				root[i] = kernel_root[i];
	return root;
}

static void free_user_table(u64 *table, u32 level)
{
	for (u32 i = 0; i < ENTRIES; i++) {
		if (!(table[i] & PTE_V))
			continue;
		if (level > 0)
			free_user_table(table_of(table[i]), level - 1);
		else
			page_free(table_of(table[i]));
	}
	page_free(table);
}

/* Give back a root that is not in use, and all that only it reaches. */
void paging_free(u64 *root)
{
	if (root[USER_ENTRY] & PTE_V)
		free_user_table(table_of(root[USER_ENTRY]), LEVELS - 2);
	page_free(root);
}

u64 *paging_entry(u64 *root, u64 va)
{
	return walk(root, va, 0);
}

/* A user page's entry.  The hardware will set A and D. */
u64 paging_leaf(const void *page, u64 rights)
{
	return entry_for(page, rights | PTE_U);
}

/* NULL: the kernel's own root.  No fence: what the TLB holds of another address
 * space carries another ASID. */
void paging_activate(const u64 *root, u64 asid)
{
	const u64 *used = root != NULL ? root : kernel_root;
	u64 satp = SATP_SV39 | asid << SATP_ASID_SHIFT | (u64)used >> 12;
	static u64 active;

	if (satp != active)
		csr_write(CSR_SATP, satp);
	active = satp;
}
