/* files.c: the read-only files that the loader left in RAM.
 *
 * An image: "SVFS0001", the number of files, then one entry for each, then
 * their contents.  Checked once, at start. */
#include "../../lib/string.h"
#include "kernel.h"

struct header {
	char magic[8];
	u32 count;
	u32 zero;
};

struct entry {
	char name[MAX_NAME];
	u64 offset; /* from the start of the image */
	u64 size;
};

static u64 count;
static const struct entry *entries;

void files_init(void)
{
	const struct header *header = (const struct header *)platform.files.base;
	u64 size = platform.files.size;

	if (platform.files.base % 8 != 0 || size < sizeof(*header) ||
	    memcmp(header->magic, "SVFS0001", 8) != 0)
		panic("no file image at %lx (/chosen/files)", platform.files.base);
	count = header->count;
	entries = (const struct entry *)(header + 1);
	if (count > (size - sizeof(*header)) / sizeof(*entries))
		panic("the file image is cut off: %lu files do not fit its %lu bytes", count, size);
	for (u64 i = 0; i < count; i++)
		if (entries[i].offset > size || entries[i].size > size - entries[i].offset ||
		    strnlen(entries[i].name, MAX_NAME) == MAX_NAME)
			panic("the file image is damaged: entry %lu", i);
}

bool file_at(u64 index, struct file *file)
{
	const struct entry *entry = &entries[index];

	if (index >= count)
		return false;
	file->name = entry->name;
	file->data = (const u8 *)platform.files.base + entry->offset;
	file->size = entry->size;
	return true;
}

bool file_find(const char *name, struct file *file)
{
	for (u64 i = 0; file_at(i, file); i++)
		if (strcmp(file->name, name) == 0)
			return true;
	return false;
}
