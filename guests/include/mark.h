/* mark.h: tell an observer outside the machine what is going on.
 *
 * A mark is a HINT: it costs one instruction, traps nowhere, and no guest can see it. */
#pragma once
#include <isa.h>
#include <types.h>

#define MARK(kind, payload)                                                    \
	__asm__ volatile("slti x0, %0, %1" : : "r"((u64)(payload)), "i"(kind))
