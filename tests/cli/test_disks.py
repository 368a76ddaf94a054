"""``--disk``, ``--input-script`` and ``simvirt devices`` from the command line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from simvirt.cli.devices import registers
from simvirt.disk import open_disk
from tests.cli.conftest import Cli
from tests.devices.assembly import CONTENT, READER

# The reader again, but it writes: sector 1 becomes what the buffer holds.
WRITER = READER.replace("0x0002000300000200", "0x0002000100000200").replace(
    "    li t0, 1\n    sd t0, 8(s1)\n",
    "    li t0, 1\n    sw t0, 0(s1)\n    sd t0, 8(s1)\n"
    "    li t0, 0x79706f63\n    sd t0, 0x200(s1)\n",
)
BREAKER = READER.replace("0x0001000100000010", "0x0000000100000010")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "writer.S"
    path.write_text(WRITER)
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_run_leaves_the_image_as_it_is(cli: Cli, image: Path, program: Path) -> None:
    before = digest(image)
    assert cli("run", "--disk", image, "--json", "r.json", program).code == 0
    assert digest(image) == before
    report = json.loads((image.parent / "r.json").read_text())["disks"][0]
    assert report["image_sha256"] == before != report["sha256"]


def test_an_overlay_outlives_the_run(cli: Cli, image: Path, program: Path) -> None:
    before, overlay = digest(image), image.parent / "changes"
    assert cli("run", "--disk", f"{image},overlay={overlay}", program).code == 0
    assert digest(image) == before
    assert open_disk(image, overlay).disk.read(512, 4) == b"copy"


def test_a_read_only_disk_refuses(cli: Cli, image: Path, program: Path) -> None:
    result = cli("run", "--disk", f"{image},ro", "--max-steps", "5000", "--json", "r.json", program)
    assert result.code == 4  # it waits for the status of success
    report = json.loads((image.parent / "r.json").read_text())["disks"][0]
    assert report["sha256"] == report["image_sha256"]


def test_a_driver_that_breaks_the_rules_is_told(cli: Cli, image: Path, tmp_path: Path) -> None:
    source = tmp_path / "breaker.S"
    source.write_text(BREAKER)
    result = cli("run", "--disk", image, "--max-steps", "20000", source)
    assert result.code == 4
    assert "broke the rules of virtio: the chain at descriptor 0 never ends" in result.err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("none.img", "no such disk image"),
        (".", "a folder"),
        ("", "a file name is missing"),
        ("odd.img", "not a multiple of 512"),
        ("empty.img", "empty"),
        ("disk.img,ro,overlay=x", "changes nothing"),
        ("disk.img,rw", "the options are `ro` and `overlay=PATH`"),
        ("disk.img,overlay=", "a file name is missing"),
        ("disk.img,overlay=disk.img", "is the image itself"),
        ("disk.img,overlay=odd.img", "not an overlay"),
        ("disk.img,overlay=no/where", "there is no folder"),
    ],
)
def test_disks_that_cannot_be(
    cli: Cli, image: Path, program: Path, option: str, message: str
) -> None:
    (image.parent / "odd.img").write_bytes(b"x" * 700)
    (image.parent / "empty.img").write_bytes(b"")
    result = cli("run", "--disk", option, program)
    assert result.code == 2
    assert message in result.err


def test_too_many_disks_and_disks_of_vms(cli: Cli, image: Path, program: Path) -> None:
    result = cli("run", *["--disk", image] * 9, program)
    assert (result.code, "room for 8" in result.err) == (2, True)
    result = cli("run", "--on", "hypervisor", "--disk", image, program)
    assert (result.code, "VMs have none" in result.err) == (2, True)
    both = f"{image},overlay=same"
    result = cli("run", "--disk", both, "--disk", both, program)
    assert (result.code, "belongs to one disk" in result.err) == (2, True)


def test_a_file_name_may_hold_a_comma(cli: Cli, image: Path, program: Path) -> None:
    odd = image.rename(image.parent / "a,b.img")
    assert cli("run", "--disk", odd, program).code == 0
    assert cli("run", "--disk", f"{odd},ro", "--max-steps", "9e3", program).code == 4


# ---- scripts -----------------------------------------------------------------------------------


def play(cli: Cli, script: str, program: Path, *more: object) -> tuple[int, str, str]:
    (program.parent / "script.txt").write_text(script)
    return tuple(cli("run", "--input-script", "script.txt", *more, program))  # type: ignore[return-value]


def test_a_script_plays(cli: Cli, echo: Path) -> None:
    script = '# hello\nwait "ready\\n"\n\ntype "ab"\nwait "<98>"\nexpect "<97>"\ntype "q"\nend\n'
    code, out, err = play(cli, script, echo)
    assert (code, out, err) == (0, "ready\n<97><98>", "")


def test_a_script_ends_the_run_when_it_ends(cli: Cli, echo: Path) -> None:
    code, _, err = play(cli, 'wait "ready"\n', echo, "--json", "r.json")
    assert (code, err) == (0, "")
    assert json.loads((echo.parent / "r.json").read_text())["reason"] == "script"


def test_scripted_runs_are_the_same_run(cli: Cli, echo: Path) -> None:
    hashes = set()
    for _ in range(2):
        play(cli, 'wait "rea"\ntype "xyz"\nwait "<122>"\n', echo, "--json", "r.json")
        report = json.loads((echo.parent / "r.json").read_text())
        hashes.add((report["t"], report["state_sha256"]))
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        ('wait "ready"\nwait "never"\n', 3, "script.txt:2: wait: 'never' never came: the guest "
         "waits"),
        ('wait "ready"\ntype "a"\nwait "<97>"\nexpect "<98>"\n', 1,
         "script.txt:4: expect: '<98>' is not in what came: '\\n<97>'"),
        ('wait "ready"\ntype "q"\nwait "more"\n', 1, "the guest ended"),
        ('steps 10\nwait "ready"\n', 4, "the budget of steps is used up, at t=10"),
    ],
)  # fmt: skip
def test_text_that_never_comes(cli: Cli, echo: Path, script: str, code: int, message: str) -> None:
    got, _, err = play(cli, script, echo)
    assert got == code
    assert message in err


def test_the_budget_of_the_run_counts_too(cli: Cli, echo: Path) -> None:
    code, _, err = play(cli, 'steps 1000000\nwait "ready"\n', echo, "--max-steps", "10")
    assert code == 4
    assert "the budget of 10 steps is used up" in err and "never came" in err


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("", "no command"),
        ("# nothing\n", "no command"),
        ("wait ready\n", "script.txt:1: after `wait` comes text in quotes"),
        ('wait ""\n', "comes text in quotes"),
        ("wait 5\n", "comes text in quotes"),
        ('wait "a" "b"\n', "comes text in quotes"),
        ('\nsend "x"\n', "script.txt:2: no command 'send'"),
        ("steps many\n", "script.txt:1: steps many: give a whole number"),
        ("end now\n", "`end` stands alone"),
    ],
)
def test_scripts_that_cannot_be_played(cli: Cli, echo: Path, script: str, message: str) -> None:
    code, _, err = play(cli, script, echo)
    assert code == 2
    assert message in err


def test_script_files_that_cannot_be_read(cli: Cli, echo: Path) -> None:
    (echo.parent / "bytes").write_bytes(b"\xff\xfe")
    for name, message in (
        ("none", "no such input script"),
        (".", "a folder"),
        ("bytes", "not text"),
    ):
        result = cli("run", "--input-script", name, echo)
        assert (result.code, message in result.err) == (2, True)


# ---- devices -----------------------------------------------------------------------------------


def test_every_device_has_a_page_with_all_its_registers(cli: Cli) -> None:
    listing = cli("devices").out
    for kind in ("finisher", "clint", "plic", "uart", "virtio-blk", "virtio-empty"):
        assert kind in listing
        page = cli("devices", kind).out
        for reg in registers(kind):
            assert reg.name in page and reg.doc in page
            assert all(field.name in page and field.doc in page for field in reg.fields)
    assert cli("devices", "uart0").out == cli("devices", "uart").out
    result = cli("devices", "toaster")
    assert (result.code, "no such device" in result.err) == (2, True)
