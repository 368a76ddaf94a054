/* elf.c: ELF64 executables: check everything once, then hand out the segments. */
#include "elf.h"
#include "string.h"

enum {
	CLASS_64 = 2,
	LITTLE_ENDIAN = 1,
	TYPE_EXECUTABLE = 2,
	MACHINE_RISCV = 243,
	SEGMENT_LOAD = 1,
};

struct file_header {
	u8 magic[4], class, endianness, version, padding[9];
	u16 type, machine;
	u32 file_version;
	u64 entry, program_headers, section_headers;
	u32 flags;
	u16 header_size, program_header_size, program_header_count;
	u16 section_header_size, section_header_count, section_names;
};

struct program_header {
	u32 type, flags;
	u64 offset, vaddr, paddr, file_size, memory_size, align;
};

/* Does [offset, offset + size) lie inside total bytes?  Written so that no sum overflows. */
static bool inside(u64 offset, u64 size, u64 total)
{
	return offset <= total && size <= total - offset;
}

/* Copied out, because the image need not be aligned in memory. */
static struct program_header read_header(const struct elf *elf, u32 index)
{
	struct program_header header;

	memcpy(&header, elf->image + elf->headers + index * sizeof(header), sizeof(header));
	return header;
}

static const char *check_file_header(const struct file_header *h)
{
	if (memcmp(h->magic, "\177ELF", 4) != 0)
		return "not an ELF file";
	if (h->class != CLASS_64 || h->endianness != LITTLE_ENDIAN)
		return "not a 64-bit little-endian ELF file";
	if (h->machine != MACHINE_RISCV)
		return "an ELF file for another machine than RISC-V";
	if (h->type != TYPE_EXECUTABLE)
		return "an ELF file that is not an executable";
	if (h->program_header_size != sizeof(struct program_header))
		return "an ELF file with program headers of a wrong size";
	return NULL;
}

static const char *check_segments(const struct elf *elf)
{
	u32 loadable = 0;

	for (u32 i = 0; i < elf->count; i++) {
		struct program_header h = read_header(elf, i);

		if (h.type != SEGMENT_LOAD)
			continue;
		loadable++;
		if (!inside(h.offset, h.file_size, elf->size))
			return "an ELF file that is cut off: a segment lies outside it";
		if (h.file_size > h.memory_size)
			return "an ELF file with a segment larger than its memory";
		if (h.vaddr + h.memory_size < h.vaddr || h.paddr + h.memory_size < h.paddr)
			return "an ELF file with a segment that wraps around";
	}
	return loadable > 0 ? NULL : "an ELF file with nothing to load";
}

const char *elf_open(struct elf *elf, const void *image, u64 size)
{
	struct file_header h;
	const char *error;

	if (size < sizeof(h))
		return "too short for an ELF file";
	memcpy(&h, image, sizeof(h));
	error = check_file_header(&h);
	if (error != NULL)
		return error;
	if (!inside(h.program_headers, h.program_header_count * sizeof(struct program_header), size))
		return "an ELF file that is cut off: no program headers";
	*elf = (struct elf){image, size, h.entry, h.program_headers, h.program_header_count};
	return check_segments(elf);
}

bool elf_next(const struct elf *elf, u32 *index, struct elf_segment *segment)
{
	while (*index < elf->count) {
		struct program_header h = read_header(elf, (*index)++);

		if (h.type != SEGMENT_LOAD)
			continue;
		*segment = (struct elf_segment){elf->image + h.offset, h.file_size, h.memory_size,
						h.vaddr,	       h.paddr,	    h.flags};
		return true;
	}
	return false;
}
