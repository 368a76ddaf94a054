/* string.c: memory and string functions, by words where the addresses allow it.
 *
 * Kernels clear and copy whole pages with these, so the word loops matter: they
 * are an eighth of the instructions. */
#include "string.h"

/* May point at data of any type: the aliasing rule does not apply to it. */
typedef u64 __attribute__((may_alias)) word;

static bool word_aligned(const void *a, const void *b)
{
	return (((u64)a | (u64)b) & (sizeof(word) - 1)) == 0;
}

void *memcpy(void *to, const void *from, u64 size)
{
	u8 *d = to;
	const u8 *s = from;

	if (word_aligned(to, from))
		for (; size >= sizeof(word); size -= sizeof(word)) {
			*(word *)d = *(const word *)s;
			d += sizeof(word);
			s += sizeof(word);
		}
	while (size-- > 0)
		*d++ = *s++;
	return to;
}

void *memmove(void *to, const void *from, u64 size)
{
	u8 *d = to;
	const u8 *s = from;

	if ((u64)d - (u64)s >= size) /* a forward copy overwrites nothing yet to be read */
		return memcpy(to, from, size);
	while (size-- > 0)
		d[size] = s[size];
	return to;
}

void *memset(void *to, int byte, u64 size)
{
	u8 *d = to;
	u64 pattern = (u8)byte * 0x0101010101010101UL;

	if (word_aligned(to, to))
		for (; size >= sizeof(word); size -= sizeof(word)) {
			*(word *)d = pattern;
			d += sizeof(word);
		}
	while (size-- > 0)
		*d++ = (u8)byte;
	return to;
}

int memcmp(const void *a, const void *b, u64 size)
{
	const u8 *x = a, *y = b;

	for (; size > 0; size--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

u64 strlen(const char *s)
{
	u64 n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}

/* The length of s, or limit if no end is found before: for text that is not trusted. */
u64 strnlen(const char *s, u64 limit)
{
	u64 n = 0;

	while (n < limit && s[n] != '\0')
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, ~0UL);
}

int strncmp(const char *a, const char *b, u64 limit)
{
	for (; limit > 0; limit--, a++, b++)
		if (*a != *b || *a == '\0')
			return (u8)*a - (u8)*b;
	return 0;
}
