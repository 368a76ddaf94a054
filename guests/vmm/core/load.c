/* load.c: build a VM: memory, reset state, guest image and device tree. */
#include "core.h"
#include "../../lib/elf.h"

enum { REG_A0 = 10, REG_A1 = 11 };

static const char *load_segment(struct vm *vm, const struct elf_segment *s)
{
	u8 *to = hal_ram(vm, s->paddr, s->memory_size);

	if (!to)
		return "the guest's image does not fit in its RAM";
	memcpy(to, s->data, s->file_size);
	memset(to + s->file_size, 0, s->memory_size - s->file_size);
	return NULL;
}

static const char *load_elf(struct vm *vm, const struct vm_config *config)
{
	struct elf elf;
	struct elf_segment segment;
	const char *error = elf_open(&elf, config->image, config->image_size);
	u32 index = 0;

	while (!error && elf_next(&elf, &index, &segment))
		if (segment.memory_size)
			error = load_segment(vm, &segment);
	if (!error && !hal_ram(vm, elf.entry, 2))
		error = "the guest's entry point is not in its RAM";
	if (!error)
		vm->vcpu.pc = elf.entry;
	return error;
}

/* The device tree goes to the top of RAM, as the bare machine's loader puts it. */
static const char *load_dtb(struct vm *vm, const struct vm_config *config)
{
	u64 gpa = (BOARD_RAM + vm->ram_size - config->dtb_size) & ~7ul;
	void *to = hal_ram(vm, gpa, config->dtb_size);

	if (!to)
		return "the guest's device tree does not fit in its RAM";
	memcpy(to, config->dtb, config->dtb_size);
	vm->vcpu.x[REG_A1] = gpa;
	return NULL;
}

static void reset(struct vcpu *v)
{
	v->mode = PRIV_M;
	v->csr.mstatus = MSTATUS_RESET;
	v->csr.stimecmp = ~0ul;
	v->armed = NEVER;
	v->x[REG_A0] = v->id;
	v->vm->clint.mtimecmp = ~0ul;
	uart_reset(&v->vm->uart);
}

static const char *load(struct vm *vm, const struct vm_config *config)
{
	const char *error = load_elf(vm, config);

	if (!error)
		error = load_dtb(vm, config);
	/* Code has been written as data. */
	__asm__ volatile("fence.i" : : : "memory");
	return error;
}

struct vm *vm_create(const struct vm_config *config, const char **error)
{
	struct vm *vm = hal_alloc(config->placement, sizeof *vm);

	*error = "no memory for the VM's state";
	if (!vm)
		return NULL;
	vm->id = config->id;
	vm->placement = config->placement;
	vm->ram_size = config->ram_size;
	vm->root = hal_alloc(config->placement, HAL_ROOTS * sizeof *vm->root);
	vm->vcpu.vm = vm;
	if (!vm->root)
		return NULL;
	reset(&vm->vcpu);
	*error = load(vm, config);
	return *error ? NULL : vm;
}
