/* stdio.h: output to the console, as far as the runtime has it. */
#pragma once

int putchar(int c);
int puts(const char *text);
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int snprintf(char *buffer, unsigned long size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
