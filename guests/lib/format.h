/* format.h: a small vsnprintf.
 *
 * Conversions: %d %u %x %p %c %s %%, with `l`, a width, `-` and `0`.  No floating
 * point.  Like the standard's: never writes more than size bytes, always ends
 * the text (size > 0), returns the length that the whole text would have. */
#pragma once
#include <stdarg.h>
#include <types.h>

int vsnprintf(char *buffer, u64 size, const char *format, va_list arguments);
int snprintf(char *buffer, u64 size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
