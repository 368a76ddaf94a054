/* fdt.c: a reader of flattened device trees.
 *
 * The structure block is a sequence of big-endian words: BEGIN_NODE and a name,
 * PROPERTY with its size, name offset and value, END_NODE, NOP, END.  All walking
 * goes through `next`, the only function that moves through the block, so that
 * one place checks all bounds. */
#include "fdt.h"
#include "string.h"

enum { MAGIC = (int)0xd00dfeed, VERSION = 17, HEADER_SIZE = 40 };
enum { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOP = 4, END = 9 };

struct token {
	u32 kind;
	u32 size;	  /* of a property's value */
	const char *name; /* of the node or property */
	const void *value;
};

static u32 read_u32(const void *p)
{
	const u8 *b = p;

	return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

static u64 read_u64(const void *p)
{
	return (u64)read_u32(p) << 32 | read_u32((const u8 *)p + 4);
}

static bool inside(u64 offset, u64 size, u64 total)
{
	return offset <= total && size <= total - offset;
}

bool fdt_open(struct fdt *fdt, const void *blob, u64 limit)
{
	const u8 *b = blob;
	u64 nodes, names;

	if (b == NULL || ((u64)b & 3) != 0 || limit < HEADER_SIZE || read_u32(b) != (u32)MAGIC)
		return false;
	fdt->blob = b;
	fdt->size = read_u32(b + 4);
	nodes = read_u32(b + 8);
	names = read_u32(b + 12);
	fdt->names_size = read_u32(b + 32);
	fdt->nodes_size = read_u32(b + 36);
	fdt->nodes = b + nodes;
	fdt->names = (const char *)b + names;
	return fdt->size >= HEADER_SIZE && fdt->size <= limit && read_u32(b + 20) >= VERSION &&
	       inside(nodes, fdt->nodes_size, fdt->size) &&
	       inside(names, fdt->names_size, fdt->size);
}

/* A string that ends before `limit` bytes, or NULL. */
static const char *checked_string(const char *s, u64 limit)
{
	return strnlen(s, limit) < limit ? s : NULL;
}

static u64 next_property(const struct fdt *fdt, u64 at, struct token *token)
{
	u64 name;

	if (!inside(at, 8, fdt->nodes_size))
		return 0;
	token->size = read_u32(fdt->nodes + at);
	name = read_u32(fdt->nodes + at + 4);
	token->value = fdt->nodes + at + 8;
	if (name >= fdt->names_size || !inside(at + 8, token->size, fdt->nodes_size))
		return 0;
	token->name = checked_string(fdt->names + name, fdt->names_size - name);
	return token->name != NULL ? (at + 8 + token->size + 3) & ~3UL : 0;
}

/* Read the token at an offset; the offset of the next one, or 0 at the end or on damage. */
static u64 next(const struct fdt *fdt, u64 at, struct token *token)
{
	if (!inside(at, 4, fdt->nodes_size))
		return 0;
	token->kind = read_u32(fdt->nodes + at);
	at += 4;
	switch (token->kind) {
	case BEGIN_NODE:
		token->name = checked_string((const char *)fdt->nodes + at, fdt->nodes_size - at);
		return token->name != NULL ? (at + strlen(token->name) + 4) & ~3UL : 0;
	case PROPERTY:
		return next_property(fdt, at, token);
	case END_NODE:
	case NOP:
		return at;
	default:
		return 0;
	}
}

/* The first node that begins at or after an offset, before the surrounding node ends. */
static int node_from(const struct fdt *fdt, u64 at)
{
	struct token token;
	u64 after;

	for (; (after = next(fdt, at, &token)) != 0; at = after) {
		if (token.kind == BEGIN_NODE)
			return (int)at;
		if (token.kind == END_NODE)
			break;
	}
	return FDT_NONE;
}

int fdt_child(const struct fdt *fdt, int node)
{
	struct token token;
	u64 at = node < 0 ? 0 : next(fdt, (u64)node, &token);

	return at != 0 ? node_from(fdt, at) : FDT_NONE;
}

int fdt_sibling(const struct fdt *fdt, int child)
{
	struct token token;
	u64 depth = 0, at = (u64)child;

	if (child < 0)
		return FDT_NONE;
	do {
		at = next(fdt, at, &token);
		if (at == 0)
			return FDT_NONE;
		depth += token.kind == BEGIN_NODE;
		depth -= token.kind == END_NODE;
	} while (depth > 0);
	return node_from(fdt, at);
}

const char *fdt_name(const struct fdt *fdt, int node)
{
	struct token token;

	return node >= 0 && next(fdt, (u64)node, &token) != 0 ? token.name : "";
}

/* Is `name` the first `length` characters of part, with or without a unit address? */
static bool name_matches(const char *name, const char *part, u64 length)
{
	return strncmp(name, part, length) == 0 && (name[length] == '\0' || name[length] == '@');
}

int fdt_find(const struct fdt *fdt, const char *path)
{
	int node = FDT_ROOT;

	while (*path == '/')
		path++;
	while (*path != '\0' && node != FDT_NONE) {
		u64 length = 0;

		while (path[length] != '\0' && path[length] != '/')
			length++;
		node = fdt_child(fdt, node);
		while (node != FDT_NONE && !name_matches(fdt_name(fdt, node), path, length))
			node = fdt_sibling(fdt, node);
		for (path += length; *path == '/'; path++)
			;
	}
	return node;
}

const void *fdt_property(const struct fdt *fdt, int node, const char *name, u32 *size)
{
	struct token token;
	u64 at = node < 0 ? 0 : next(fdt, (u64)node, &token);

	while (at != 0 && (at = next(fdt, at, &token)) != 0) {
		if (token.kind == BEGIN_NODE || token.kind == END_NODE)
			break; /* properties come before children */
		if (token.kind == PROPERTY && strcmp(token.name, name) == 0) {
			*size = token.size;
			return token.value;
		}
	}
	return NULL;
}

/* Does a list of strings, each with its end, hold this one? */
static bool list_holds(const char *list, u32 size, const char *wanted)
{
	u64 length = strlen(wanted) + 1;

	while (size >= length) {
		u64 entry = strnlen(list, size) + 1;

		if (entry == length && memcmp(list, wanted, length) == 0)
			return true;
		if (entry >= size)
			return false;
		list += entry;
		size -= (u32)entry;
	}
	return false;
}

int fdt_compatible(const struct fdt *fdt, int after, const char *compatible)
{
	struct token token;
	u64 at = after < 0 ? 0 : next(fdt, (u64)after, &token);

	while (at != 0) {
		u32 size = 0;
		u64 start = at;
		const char *list;

		at = next(fdt, at, &token);
		if (at == 0 || token.kind != BEGIN_NODE)
			continue;
		list = fdt_property(fdt, (int)start, "compatible", &size);
		if (list != NULL && list_holds(list, size, compatible))
			return (int)start;
	}
	return FDT_NONE;
}

bool fdt_u32(const struct fdt *fdt, int node, const char *name, u32 *value)
{
	u32 size;
	const void *p = fdt_property(fdt, node, name, &size);

	if (p == NULL || size != 4)
		return false;
	*value = read_u32(p);
	return true;
}

bool fdt_range(const struct fdt *fdt, int node, const char *name, u32 index,
	       struct range *range)
{
	u32 size;
	const u8 *p = fdt_property(fdt, node, name, &size);

	if (p == NULL || !inside((u64)index * 16, 16, size))
		return false;
	range->base = read_u64(p + (u64)index * 16);
	range->size = read_u64(p + (u64)index * 16 + 8);
	return true;
}
