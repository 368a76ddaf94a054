/* syscall.c: from the registers of an ecall to the function that does it. */
#include "../../lib/string.h"
#include "proc.h"

typedef s64 handler(struct proc *p, const u64 *a); /* a: the arguments, a0... */

enum { CHUNK = 128, ARGUMENT_BYTES = 512 };

static s64 sys_exit(struct proc *p, const u64 *a)
{
	proc_exit(p, a[0] & 0xff);
}

static s64 sys_wait(struct proc *p, const u64 *a)
{
	return proc_wait(p, a[0]);
}

/* Copy the argument texts into one buffer; their number, or an error. */
static int copy_in_arguments(struct proc *p, u64 from, char *argv[], char *text)
{
	u64 used = 0, pointer;

	for (int i = 0; i < MAX_ARGS; i++) {
		int length;

		if (copy_in(p, &pointer, from + 8 * (u64)i, 8) != 0)
			return ERR_FAULT;
		if (pointer == 0)
			return i;
		length = copy_in_text(p, text + used, pointer, ARGUMENT_BYTES - used);
		if (length < 0)
			return length;
		argv[i] = text + used;
		used += (u64)length + 1;
	}
	return ERR_INVALID;
}

static s64 sys_spawn(struct proc *p, const u64 *a)
{
	char path[MAX_NAME], text[ARGUMENT_BYTES], *argv[MAX_ARGS];
	int length = copy_in_text(p, path, a[0], sizeof(path));
	int argc;

	if (length < 0)
		return length;
	argc = copy_in_arguments(p, a[1], argv, text);
	return argc < 0 ? argc : proc_spawn(p, path, argv, argc);
}

static s64 sys_getpid(struct proc *p, const u64 *a)
{
	(void)a;
	return (s64)p->pid;
}

static s64 sys_yield(struct proc *p, const u64 *a)
{
	(void)p, (void)a;
	yield();
	return 0;
}

static s64 sys_sleep(struct proc *p, const u64 *a)
{
	u64 now = csr_read(CSR_TIME), deadline = a[0] < NEVER - now ? now + a[0] : NEVER;

	while (csr_read(CSR_TIME) < deadline)
		if (sleep_on(&p->deadline, deadline) != 0)
			return ERR_KILLED;
	return 0;
}

static s64 sys_kill(struct proc *p, const u64 *a)
{
	(void)p;
	return proc_kill(a[0]);
}

static s64 sys_grow(struct proc *p, const u64 *a)
{
	return proc_grow(p, a[0]);
}

static s64 sys_open(struct proc *p, const u64 *a)
{
	char path[MAX_NAME];
	int length = copy_in_text(p, path, a[0], sizeof(path));

	if (length < 0)
		return length;
	for (int fd = 0; fd < MAX_OPEN; fd++) {
		struct open_file *open = &p->open[fd];

		if (open->used)
			continue;
		if (!file_find(path, &open->file))
			return ERR_NOT_FOUND;
		open->used = true;
		open->offset = 0;
		return fd;
	}
	return ERR_MEMORY;
}

static struct open_file *file_of(struct proc *p, u64 fd)
{
	return fd < MAX_OPEN && p->open[fd].used ? &p->open[fd] : NULL;
}

static s64 sys_close(struct proc *p, const u64 *a)
{
	struct open_file *open = file_of(p, a[0]);

	if (open == NULL)
		return ERR_INVALID;
	open->used = false;
	return 0;
}

static s64 sys_read(struct proc *p, const u64 *a)
{
	struct open_file *open = file_of(p, a[0]);
	u64 size = a[2];

	if (open == NULL)
		return ERR_INVALID;
	if (size > open->file.size - open->offset)
		size = open->file.size - open->offset;
	if (copy_out(p, a[1], open->file.data + open->offset, size) != 0)
		return ERR_FAULT;
	open->offset += size;
	return (s64)size;
}

static s64 sys_file_size(struct proc *p, const u64 *a)
{
	struct open_file *open = file_of(p, a[0]);

	return open != NULL ? (s64)open->file.size : ERR_INVALID;
}

static s64 sys_file_name(struct proc *p, const u64 *a)
{
	struct file file;
	u64 size;

	if (!file_at(a[0], &file))
		return ERR_NOT_FOUND;
	size = strlen(file.name) + 1;
	if (size > a[2])
		return ERR_INVALID;
	return copy_out(p, a[1], file.name, size);
}

static s64 sys_console_write(struct proc *p, const u64 *a)
{
	char chunk[CHUNK];

	for (u64 done = 0; done < a[1];) {
		u64 part = a[1] - done < CHUNK ? a[1] - done : CHUNK;

		if (copy_in(p, chunk, a[0] + done, part) != 0)
			return ERR_FAULT;
		for (u64 i = 0; i < part; i++)
			channel_put(host_channel(), (u8)chunk[i]);
		done += part;
	}
	return (s64)a[1];
}

static s64 sys_console_read(struct proc *p, const u64 *a)
{
	struct channel *console = host_channel();
	u64 done = 0;

	while (a[1] > 0 && !channel_waiting(console))
		if (sleep_on(console, NEVER) != 0)
			return ERR_KILLED;
	for (; done < a[1] && channel_waiting(console); done++) {
		u8 byte = (u8)channel_get(console);

		if (copy_out(p, a[0] + done, &byte, 1) != 0)
			return ERR_FAULT;
	}
	return (s64)done;
}

static s64 sys_poweroff(struct proc *p, const u64 *a)
{
	(void)p;
	poweroff(a[0]);
}

static s64 sys_vm_create(struct proc *p, const u64 *a)
{
	return vm_create(p, a[0], a[1]);
}

static s64 sys_vm_map(struct proc *p, const u64 *a)
{
	return vm_map(p, a[0], a[1], a[2], a[3]);
}

static s64 sys_vm_unmap(struct proc *p, const u64 *a)
{
	return vm_unmap(p, a[0], a[1], a[2]);
}

static s64 sys_vcpu_run(struct proc *p, const u64 *a)
{
	(void)a;
	return vcpu_run(p);
}

static s64 sys_vcpu_wait(struct proc *p, const u64 *a)
{
	return vcpu_wait(p, a[0]);
}

static s64 sys_vm_console_write(struct proc *p, const u64 *a)
{
	return vm_console_write(p, a[0]);
}

static s64 sys_vm_console_read(struct proc *p, const u64 *a)
{
	(void)a;
	return vm_console_read(p);
}

static handler *const handlers[SYS_COUNT] = {
	[SYS_EXIT] = sys_exit,
	[SYS_WAIT] = sys_wait,
	[SYS_SPAWN] = sys_spawn,
	[SYS_GETPID] = sys_getpid,
	[SYS_YIELD] = sys_yield,
	[SYS_SLEEP] = sys_sleep,
	[SYS_KILL] = sys_kill,
	[SYS_GROW] = sys_grow,
	[SYS_OPEN] = sys_open,
	[SYS_CLOSE] = sys_close,
	[SYS_READ] = sys_read,
	[SYS_FILE_SIZE] = sys_file_size,
	[SYS_FILE_NAME] = sys_file_name,
	[SYS_CONSOLE_WRITE] = sys_console_write,
	[SYS_CONSOLE_READ] = sys_console_read,
	[SYS_POWEROFF] = sys_poweroff,
	[SYS_VM_CREATE] = sys_vm_create,
	[SYS_VM_MAP] = sys_vm_map,
	[SYS_VM_UNMAP] = sys_vm_unmap,
	[SYS_VCPU_RUN] = sys_vcpu_run,
	[SYS_VCPU_WAIT] = sys_vcpu_wait,
	[SYS_VM_CONSOLE_WRITE] = sys_vm_console_write,
	[SYS_VM_CONSOLE_READ] = sys_vm_console_read,
};

void system_call(struct proc *p)
{
	u64 *a = &p->frame->x[10], number = p->frame->x[17];

	if (number < SYS_COUNT && handlers[number] != NULL)
		a[0] = (u64)handlers[number](p, a);
	else
		a[0] = (u64)ERR_INVALID;
}
