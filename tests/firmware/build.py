"""Compiles the firmware sources with real compilers into a folder that goes away with the session."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import redsc.codegen
from redsc.codegen.firmware import TFLM_SOURCES

__all__ = [
    "BENCH_FLAGS",
    "BENCH_HOOKS",
    "CORTEX_M4",
    "FIRMWARE",
    "HERE",
    "HOST",
    "HOST_CPP",
    "KERNELS",
    "RISC_V",
    "WARNINGS",
    "XTENSA",
    "Toolchain",
    "build",
    "read_results",
    "run",
    "tool",
]

HERE = Path(__file__).parent
FIRMWARE = Path(redsc.codegen.__file__).parent / "firmware"
KERNELS = tuple(FIRMWARE / name for name in TFLM_SOURCES)
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-pedantic")
RUN_SECONDS = 600  # only what hangs takes so long


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler with what every program for its machine needs, and what runs them where that is not this one."""

    compiler: str
    flags: tuple[str, ...] = ()
    sources: tuple[Path, ...] = ()
    link_flags: tuple[str, ...] = ()
    library_file: str | None = None
    emulator: tuple[str, ...] = ()

    def find(self) -> str:
        """Return the compiler's path; skips the test where it or its library is not installed."""
        compiler = tool(self.compiler)
        if self.library_file is not None:
            command = [compiler, f"-print-file-name={self.library_file}"]
            found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            if found == self.library_file:
                pytest.skip(f"{self.compiler} has no {self.library_file}")
        return compiler


HOST = Toolchain("gcc", link_flags=("-lm",))
HOST_CPP = Toolchain("g++", ("-x", "c++"))
_EMULATED = (
    *("-nographic", "-monitor", "none", "-serial", "none"),
    *("-semihosting-config", "enable=on,target=native"),
)
_BOARD = HERE.parents[1] / "examples" / "firmware" / "board"  # what a program of the documentation is linked with
BENCH_HOOKS = (HERE / "bench_ticks.c", _BOARD / "clock.c")
BENCH_FLAGS = (f"-I{_BOARD.parent}",)
CORTEX_M4 = Toolchain(
    "arm-none-eabi-gcc",
    ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-ffunction-sections"),
    (_BOARD / "start.c",),
    ("-T", str(_BOARD / "mps2.ld"), "-nostartfiles", "--specs=rdimon.specs", "-Wl,--gc-sections", "-lm"),
    "rdimon.specs",
    ("qemu-system-arm", "-M", "mps2-an386", *_EMULATED, "-icount", "shift=6"),  # an instruction takes 2^6 ns
)
# The board's memory begins at 0x80000000; the C library has start-up code and files through semihosting.
_PLACES = "__flash=0x80000000,__flash_size=16M,__ram=0x81000000,__ram_size=32M,__stack_size=16K"
RISC_V = Toolchain(
    "riscv64-unknown-elf-gcc",
    ("-march=rv32imac", "-mabi=ilp32", "--specs=picolibc.specs", "-ffunction-sections"),
    (),
    ("--crt0=semihost", "--oslib=semihost", *(f"-Wl,--defsym={place}" for place in _PLACES.split(",")), "-lm"),
    "picolibc.specs",
    ("qemu-system-riscv32", "-M", "virt", "-m", "64M", "-bios", "none", *_EMULATED, "-icount", "shift=0"),
)
# Debian's compiler for the ESP8266 has no C library: what it compiles does not run.
XTENSA = Toolchain("xtensa-lx106-elf-gcc", ("-ffreestanding", f"-I{HERE / 'xtensa'}"))

_FOLDER = tempfile.TemporaryDirectory(prefix="redsc-firmware-")


def tool(name: str) -> str:
    """Return the path of a program; skips the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@cache
def build(toolchain: Toolchain, sources: tuple[Path, ...], flags: tuple[str, ...] = ()) -> Path:
    """Compile and link sources; the same arguments give the same file within a session.

    Raises:
        AssertionError: with the compiler's words, when it refuses.
    """
    compiler = toolchain.find()
    program = Path(tempfile.mkdtemp(dir=_FOLDER.name)) / "program"
    command = [compiler, *toolchain.flags, *flags, f"-I{FIRMWARE}", *map(str, (*toolchain.sources, *sources))]
    done = subprocess.run(
        [*command, *toolchain.link_flags, "-o", str(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return program


def run(toolchain: Toolchain, program: Path, folder: Path, *options: str) -> str:
    """Run a program in a folder, whose files it reads and writes, in an emulator or here; return what it printed.

    Here it must say nothing on stderr, where sanitizers report. `options` are more of the emulator's.
    """
    command = [str(program)]
    if toolchain.emulator:
        emulator, *board = toolchain.emulator
        command = [tool(emulator), *board, *options, "-kernel", str(program)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    is_right = done.returncode == 0 and (toolchain.emulator or not done.stderr)
    assert is_right, f"status {done.returncode}: {done.stderr}"
    return done.stdout


def read_results(folder: Path) -> list[bytes]:
    """Return what a driver wrote to the folder's `results.bin`: byte counts of 32 bits, each with so many bytes."""
    data, results, at = (folder / "results.bin").read_bytes(), list[bytes](), 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        results.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return results
