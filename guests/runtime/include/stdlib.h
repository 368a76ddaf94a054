/* stdlib.h: ends of a program, as far as the runtime has them. */
#pragma once

enum { EXIT_SUCCESS = 0, EXIT_FAILURE = 1 };

void exit(int status) __attribute__((noreturn));
void abort(void) __attribute__((noreturn));
