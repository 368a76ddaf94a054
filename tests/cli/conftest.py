"""Running the command line: in this process, or as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from simvirt.cli import main

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "simvirt"]


class Result(NamedTuple):
    """What a command came back with."""

    code: int
    out: str
    err: str


Cli = Callable[..., Result]


def environment() -> dict[str, str]:
    """Ours, so that the checkout is found from everywhere."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Run a command in this process, in an empty folder.  No traceback is ever shown."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert "internal error" not in err
        return Result(code, out, err)

    return run


def spawn(
    *arguments: object, given: bytes = b"", cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own with bytes on standard input."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, input=given, cwd=cwd, env=environment(), capture_output=True, timeout=120
    )


ECHO = r"""
#include <board.h>
#include <csr.h>
#include <stdio.h>
#include <types.h>

enum { DATA = 0, IER = 1, LSR = 5 };
#define PLIC(offset) (*(volatile u32 *)(BOARD_PLIC + (offset)))

int main(void)
{
	volatile u8 *uart = (volatile u8 *)BOARD_UART0;

	PLIC(4 * BOARD_UART0_IRQ) = 1;
	PLIC(0x2000) = 1u << BOARD_UART0_IRQ;
	PLIC(0x200000) = 0;
	uart[IER] = 1;
	csr_write(CSR_MIE, MIE_MEIE);
	puts("ready");
	for (;;) {
		u32 irq;

		__asm__ volatile("wfi");
		irq = PLIC(0x200004);
		while (uart[LSR] & 1) {
			u8 c = uart[DATA];

			if (c == 'q')
				return 0;
			printf("<%u>", c);
		}
		PLIC(0x200004) = irq;
	}
}
"""


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """A program that prints the number of each byte it receives, until q; between, it waits."""
    path = tmp_path / "echo.c"
    path.write_text(ECHO)
    return path


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A program that never ends."""
    path = tmp_path / "endless.S"
    path.write_text(".globl _start\n_start:\n j _start\n")
    return path
