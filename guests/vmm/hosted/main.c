/* main.c: the program `vmm`: run one VM as a process of the host.
 *
 *     vmm INDEX GUEST.elf GUEST.dtb
 *
 * Its exit code is the guest's own (0: passed), or 3 when the guest died. */
#include "placement.h"

enum { EXIT_USAGE = 2 };

static int report(const struct vm_config *config, u64 outcome)
{
	int code = VM_END_DIED(outcome) ? EXIT_KILLED : (int)VM_END_CODE(outcome);

	if (VM_END_DIED(outcome))
		printf("vmm: VM %u died\n", config->id);
	else if (code != 0)
		printf("vmm: VM %u reported failure, code %d\n", config->id, code);
	return code;
}

static int run(struct vm_config *config, struct placement *placement)
{
	const char *error;
	s64 status = system_call(SYS_VM_CREATE, (u64)config->id, &placement->info);
	struct vm *vm;

	if (status != 0) {
		printf("vmm: cannot have the RAM of VM %u: %s\n", config->id, error_text(status));
		return EXIT_USAGE;
	}
	placement->info.run->deadline = ~0UL;
	config->ram_size = placement->info.ram_size;
	config->placement = placement;
	vm = vm_create(config, &error);
	if (vm == NULL) {
		printf("vmm: VM %u cannot start: %s\n", config->id, error);
		return EXIT_USAGE;
	}
	return report(config, vm_run(vm));
}

int main(int argc, char *argv[])
{
	struct placement placement;
	struct vm_config config = {0};

	if (argc != 4) {
		printf("usage: vmm INDEX GUEST.elf GUEST.dtb (files of the image; see: ls)\n");
		return EXIT_USAGE;
	}
	config.id = (u32)parse_number(argv[1]);
	config.image = read_file(argv[2], &config.image_size);
	config.dtb = read_file(argv[3], &config.dtb_size);
	if (config.image == NULL || config.dtb == NULL)
		return EXIT_USAGE;
	return run(&config, &placement);
}
