/* runtime.h: what the parts of the runtime know of each other; programs do not see it. */
#pragma once
#include <types.h>

/* End the machine with a code of the finisher; 0 passes. */
void finish(u32 code) __attribute__((noreturn));
