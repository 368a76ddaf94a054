"""Where things are in a test machine; the same addresses in every runner."""

RAM = 0x8000_0000
END = RAM + 0x1000  # mtvec of every case: a case ends when it traps into M
SAVE = RAM + 0x3000  # x31 of every case: where the monitor saves the final state
ARENA = RAM + 0x8_0000  # all memory that a case may touch
PAGE = 0x1000
CODE_PAGE, HANDLER_PAGE, DATA_PAGE, TABLE_PAGE = 0, 1, 2, 6
DATA_PAGES, TABLE_PAGES = 4, 4
ARENA_SIZE = (TABLE_PAGE + TABLE_PAGES) * PAGE
ENTRY = ARENA  # holds the mret that starts a case
CODE = ARENA + 0x10
HANDLER = ARENA + HANDLER_PAGE * PAGE
DATA = ARENA + DATA_PAGE * PAGE
DATA_END = DATA + DATA_PAGES * PAGE
TABLES = ARENA + TABLE_PAGE * PAGE
NO_RAM = (0x0800_0000, 0x0BFF_F000)  # a hole in the map of QEMU's virt, and of ours
STEP_LIMIT = 300
MTIME = 1_000_000  # stands still; on QEMU time runs, but neither is near a stimecmp of a case
