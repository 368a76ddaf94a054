/* layout.h: where things are, in memory and in every process's address space.
 *
 *   0x00_0000_0000  devices (kernel only)
 *   0x00_4000_0000  the process: image, heap, ..., stack below the next line
 *   0x00_8000_0000  RAM, identity mapped (kernel only)
 *   0x0f_c000_0000  the run page of a VMM process
 *   0x10_0000_0000  guest RAM of a VMM process (HVA)
 *   upper half      every page is the guest trap page (kernel only): whatever
 *                   address it has in a shadow root, it has here as well
 */
#pragma once
#include <board.h>

#define PAGE_SIZE 4096UL
#define MEGA_SIZE (1UL << 21)
#define GIGA_SIZE (1UL << 30)

#define USER_BASE 0x40000000UL
#define USER_END 0x80000000UL
#define USER_STACK_SIZE (16 * PAGE_SIZE)
#define RUN_PAGE_VA 0xfc0000000UL
#define GUEST_RAM_VA 0x1000000000UL
#define LOWER_HALF_END 0x4000000000UL
#define UPPER_HALF 0xffffffc000000000UL

#define TIME_SLICE 10000UL /* ticks of the 10 MHz timebase: 1 ms */
#define NEVER (~0UL)

enum {
	MAX_PROCS = 32,
	MAX_OPEN = 8,
	MAX_VMS = BOARD_MAX_VMS,
	KERNEL_STACK_SIZE = 8192,
	ASID_FIRST_PROC = 1, /* 0 is the kernel's own */
	ASID_FIRST_VM = 128, /* one for each shadow root of each VM */
};
