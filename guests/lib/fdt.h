/* fdt.h: read a flattened device tree: find nodes, properties, addresses.
 *
 * A node is an offset into the tree's structure block; FDT_NONE means that there
 * is no such node.  The tree is not trusted: every read is checked against the
 * tree's size, and a damaged tree looks like one in which nothing is found. */
#pragma once
#include <types.h>

enum { FDT_NONE = -1, FDT_ROOT = 0 };

struct fdt {
	const u8 *blob;
	u64 size;	  /* of all of it: copy or reserve as much */
	const u8 *nodes;  /* structure block */
	u64 nodes_size;
	const char *names; /* strings block */
	u64 names_size;
};

struct range {
	u64 base;
	u64 size;
};

/* False unless a tree of at most limit bytes starts at blob. */
bool fdt_open(struct fdt *fdt, const void *blob, u64 limit);

/* Node by path.  "/memory" also finds "/memory@80000000". */
int fdt_find(const struct fdt *fdt, const char *path);

/* First child of a node, and the one after `child`. */
int fdt_child(const struct fdt *fdt, int node);
int fdt_sibling(const struct fdt *fdt, int child);

/* First node after `after` (start with FDT_ROOT), at any depth, that is compatible. */
int fdt_compatible(const struct fdt *fdt, int after, const char *compatible);

/* A node's name with its unit address; "" for the root. */
const char *fdt_name(const struct fdt *fdt, int node);

/* A property's value and size in bytes, or NULL. */
const void *fdt_property(const struct fdt *fdt, int node, const char *name, u32 *size);

/* A property of one cell. */
bool fdt_u32(const struct fdt *fdt, int node, const char *name, u32 *value);

/* The index-th (address, size) of a property of two-cell pairs: reg, module, dtb, files. */
bool fdt_range(const struct fdt *fdt, int node, const char *name, u32 index,
	       struct range *range);
