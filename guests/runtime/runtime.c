/* runtime.c: the little of a C library that a program on the bare machine gets. */
#include "../lib/format.h"
#include "runtime.h"
#include <board.h>
#include <stdio.h>
#include <stdlib.h>
#include <types.h>

enum { THR = 0, LSR = 5, LSR_EMPTY = 0x20 };
enum { FINISHER_PASS = 0x5555, FINISHER_FAIL = 0x3333 };
enum { TEXT_SIZE = 512 };

int putchar(int c)
{
	volatile u8 *uart = (volatile u8 *)BOARD_UART0;

	while (!(uart[LSR] & LSR_EMPTY))
		;
	uart[THR] = (u8)c;
	return (u8)c;
}

int puts(const char *text)
{
	while (*text != '\0')
		putchar(*text++);
	putchar('\n');
	return 0;
}

/* Conversions: see lib/format.h.  At most 511 characters a call. */
int printf(const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (const char *c = text; *c != '\0'; c++)
		putchar(*c);
	return length;
}

void finish(u32 code)
{
	volatile u32 *finisher = (volatile u32 *)BOARD_FINISHER;

	*finisher = code == 0 ? FINISHER_PASS : FINISHER_FAIL | code << 16;
	for (;;)
		;
}

/* End the machine.  0 is success, any other status a failure; one whose low byte
 * is 0 or means a death (BOARD_FINISHER_DIED) is reported as 1. */
void exit(int status)
{
	u32 code = (u32)status & 0xff;

	if (status != 0 && (code == 0 || code >= BOARD_FINISHER_DIED))
		code = 1;
	finish(code);
}

void abort(void)
{
	puts("abort() called");
	exit(EXIT_FAILURE);
}
