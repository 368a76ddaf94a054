/* guest_entry.h: offsets in struct run_page, for guest_entry.S and guest.c. */
#pragma once

#define RUN_INSTRET 296
#define RUN_CYCLE 304
#define RUN_KERNEL_SP 320
#define RUN_HOST_SATP 328
#define RUN_RETURN 336
#define RUN_SCRATCH 344

/* Instructions of the trap page between the reading of a counter on the way in
 * and on the way out, the first reading included: not the guest's own. */
#define OWN_INSTRET 9
#define OWN_CYCLE 12
