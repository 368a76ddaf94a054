/* placement.h: what the hosted HAL keeps of its VM: the kernel's answer to
 * SYS_VM_CREATE. */
#pragma once
#include "../hal.h"
#include "../../host/user/user.h"

struct placement {
	struct vm_info info;
};
