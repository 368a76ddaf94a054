/* csr.h: control and status registers, and the instructions C has no words for.
 *
 * A CSR's number is part of the instruction, hence macros for those that take
 * one (CSR_... of <isa.h>); everything else is a function. */
#pragma once
#include <isa.h>
#include <types.h>

#define csr_read(csr)                                                          \
	({                                                                     \
		u64 csr_value_;                                                \
		__asm__ volatile("csrr %0, %1" : "=r"(csr_value_) : "i"(csr)); \
		csr_value_;                                                    \
	})
#define csr_write(csr, value)                                                  \
	__asm__ volatile("csrw %0, %1" : : "i"(csr), "rK"((u64)(value)) : "memory")
#define csr_set(csr, bits)                                                     \
	__asm__ volatile("csrs %0, %1" : : "i"(csr), "rK"((u64)(bits)) : "memory")
#define csr_clear(csr, bits)                                                   \
	__asm__ volatile("csrc %0, %1" : : "i"(csr), "rK"((u64)(bits)) : "memory")

static inline void wait_for_interrupt(void)
{
	__asm__ volatile("wfi" : : : "memory");
}

/* Code has been written: let instruction fetch see it. */
static inline void fence_i(void)
{
	__asm__ volatile("fence.i" : : : "memory");
}

/* Forget one page's translation in one address space. */
static inline void sfence_page(u64 va, u64 asid)
{
	__asm__ volatile("sfence.vma %0, %1" : : "r"(va), "r"(asid) : "memory");
}

/* Forget one address space; global entries stay. */
static inline void sfence_asid(u64 asid)
{
	__asm__ volatile("sfence.vma x0, %0" : : "r"(asid) : "memory");
}

static inline void sfence_all(void)
{
	__asm__ volatile("sfence.vma x0, x0" : : : "memory");
}
