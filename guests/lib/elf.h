/* elf.h: read a 64-bit RISC-V executable that somebody else wrote.
 *
 * Nothing in the file is trusted: elf_open checks magic, class, machine, type
 * and that every loadable segment lies inside the file.  Where a segment may be
 * placed is for the caller to check. */
#pragma once
#include <types.h>

enum { ELF_X = 1, ELF_W = 2, ELF_R = 4 }; /* flags of a segment */

struct elf {
	const u8 *image;
	u64 size;
	u64 entry;
	u64 headers; /* offset of the program headers */
	u32 count;   /* and their number */
};

struct elf_segment {
	const u8 *data; /* file_size bytes; the rest up to memory_size is zero */
	u64 file_size;
	u64 memory_size;
	u64 vaddr;
	u64 paddr;
	u32 flags;
};

/* NULL if the image can be used, else what is wrong with it, in words. */
const char *elf_open(struct elf *elf, const void *image, u64 size);

/* The next loadable segment; *index starts at 0.  False: there is none. */
bool elf_next(const struct elf *elf, u32 *index, struct elf_segment *segment);
