/* string.h: the memory and string functions that every program here needs.
 *
 * The compiler calls the mem functions on its own (to copy a struct, say), so
 * they carry the names and types of the C standard. */
#pragma once
#include <types.h>

void *memcpy(void *to, const void *from, u64 size);
void *memmove(void *to, const void *from, u64 size);
void *memset(void *to, int byte, u64 size);
int memcmp(const void *a, const void *b, u64 size);
u64 strlen(const char *s);
u64 strnlen(const char *s, u64 limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, u64 limit);
