/* kernel.h: what the files of the host kernel offer each other.
 *
 * The kernel runs on one hart and is never interrupted in S-mode, so nothing
 * here needs a lock: whoever runs in the kernel runs alone until it returns to
 * U-mode, sleeps or yields.
 */
#pragma once
#include <board.h>
#include <csr.h>
#include <isa.h>
#include <types.h>
#include "../../lib/fdt.h"
#include "../include/abi.h"
#include "layout.h"

struct proc;

/* ---- start.S, boot.c ---- */
extern char text_end[], rodata_end[], kernel_end[], guest_trap_page[];
void kernel_dead(void);
enum { FINISHER_PASS = 0x5555, FINISHER_FAIL = 0x3333 }; /* | code << 16 */

/* ---- platform.c: what the device tree says ---- */
struct vm_region {
	bool present;
	bool has_console;
	struct range ram;
	u32 console;
};

struct platform {
	struct range ram;
	struct range files;
	struct vm_region vm[MAX_VMS];
};
extern struct platform platform;
void platform_init(const void *device_tree);
const struct range *reserved_at(u64 address); /* the reserved region, or NULL */

/* ---- print.c ---- */
void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void poweroff(u64 code);
const char *cause_name(u64 cause);

/* ---- pages.c: physical memory ---- */
void pages_init(void);
void *page_alloc(void); /* zeroed, or NULL */
void page_free(void *page);

/* ---- vm_pages.c: Sv39 tables ---- */
typedef u64 *pagetable; /* 512 entries; tables are reached at their physical address */
void paging_init(void);
u64 satp_of(pagetable root, u64 asid);
pagetable user_root(void);
u64 *table_entry(pagetable root, u64 va, int level, bool create);
bool map_range(pagetable root, u64 va, u64 pa, u64 size, u64 flags);
bool map_page(pagetable root, u64 va, u64 pa, u64 flags);
void free_tables(pagetable root, int level);
void free_user_pages(pagetable root);
int copy_in(struct proc *p, void *to, u64 from, u64 size);
int copy_out(struct proc *p, u64 to, const void *from, u64 size);
int copy_in_text(struct proc *p, char *to, u64 from, u64 size);

/* ---- console.c: UARTs and the PLIC that brings their input ---- */
struct channel; /* 0: the host's own; i + 1: VM i */
void console_init(void);
void console_interrupt(void);
struct channel *host_channel(void);
struct channel *vm_channel(u32 index);
void channel_put(struct channel *c, u8 byte);
int channel_get(struct channel *c); /* or ERR_EMPTY */
bool channel_waiting(const struct channel *c);

/* ---- files.c: the image of read-only files that the loader left in RAM ---- */
struct file {
	const char *name;
	const u8 *data;
	u64 size;
};
void files_init(void);
bool file_at(u64 index, struct file *file);
bool file_find(const char *name, struct file *file);

/* ---- load.c ---- */
int load_program(struct proc *p, const char *path, char *const argv[], int argc);

/* ---- sched.c: who runs, who sleeps, and the clock ---- */
_Noreturn void scheduler(void);
void yield(void);
int sleep_on(const void *event, u64 deadline); /* 0, or ERR_KILLED */
void wake_up(const void *event);
void handle_interrupt(u64 cause);
void arm_timer(u64 deadline); /* or the end of the slice, or the next sleeper's */
extern struct proc *current;

/* ---- trap.c, entry.S ---- */
struct trapframe {
	u64 x[32]; /* entry.S relies on it */
	u64 pc;
	u64 pad;
};
void trap_entry(void);
_Noreturn void user_return(struct trapframe *frame);

/* ---- syscall.c ---- */
void system_call(struct proc *p);

/* ---- guest.c, shadow.c: the VM facility ---- */
s64 vm_create(struct proc *p, u64 index, u64 info);
s64 vm_map(struct proc *p, u64 root, u64 gva, u64 gpa, u64 perm);
s64 vm_unmap(struct proc *p, u64 root, u64 gva, u64 size);
s64 vcpu_run(struct proc *p);
s64 vcpu_wait(struct proc *p, u64 deadline);
s64 vm_console_write(struct proc *p, u64 byte);
s64 vm_console_read(struct proc *p);
void vm_release(struct proc *p);
