"""The machine of the benchmark: programs for a Cortex-M4 in QEMU, their instructions, cycles and bytes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.firmware.build import CORTEX_M4

__all__ = [
    "MACHINE_FLAGS",
    "Cost",
    "MissingTool",
    "Sizes",
    "build_counter",
    "instructions_of",
    "link",
    "measure_sizes",
    "run",
    "run_text",
    "tool",
    "versions",
]

_HERE = Path(__file__).parent
MACHINE_FLAGS = (*CORTEX_M4.flags, "-fdata-sections")
_INSTRUCTIONS_PER_TICK = 40 / 2**6  # the timer counts at 25 MHz, an instruction takes 2^6 ns: -icount shift=6
_EMULATOR, *_BOARD = CORTEX_M4.emulator
_RUN_SECONDS = 3600  # nothing is judged by seconds


class MissingTool(Exception):
    """A compiler, emulator or package is not installed; the text says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call takes; `cycles` of the model in cycles.c, None where QEMU loads no plugins."""

    instructions: int
    cycles: int | None


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes that files need in a linked image: code, constants, static RAM; and the functions that they lack."""

    code: int
    constants: int
    ram: int
    missing: tuple[str, ...]


def tool(name: str) -> str:
    """Return the path of a program.

    Raises:
        MissingTool: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise MissingTool(f"{name} is not installed; `make test` says which packages are needed")
    return found


def versions() -> str:
    """Return the names and versions of compiler and emulator."""
    compiler = _call([tool(CORTEX_M4.compiler), "-dumpfullversion"]).strip()
    emulator = _call([tool(_EMULATOR), "--version"]).split()[3].split("(")[0]
    return f"{CORTEX_M4.compiler} {compiler}, QEMU {emulator} (mps2-an386)"


def link(folder: Path, name: str, sources: Sequence[Path], flags: Sequence[str]) -> Path:
    """Compile sources into a program for the board, with the start-up code of the tests."""
    program = folder / name
    files = map(str, (*CORTEX_M4.sources, *sources))
    compiler = tool(CORTEX_M4.compiler)
    _call([compiler, *MACHINE_FLAGS, *flags, f"-I{_HERE}", *files, *CORTEX_M4.link_flags, "-o", str(program)])
    return program


def measure_sizes(folder: Path, sources: Sequence[Path], flags: Sequence[str], roots: Sequence[str]) -> Sizes:
    """Link sources into one object with what the functions `roots` need of them, and count its bytes."""
    merged = folder / "merged.o"
    keeps = [f"-Wl,-u,{root}" for root in roots]
    linking = ["-r", "-nostdlib", "-Wl,--gc-sections", *keeps, "-o", str(merged)]
    _call([tool(CORTEX_M4.compiler), *MACHINE_FLAGS, *flags, *map(str, sources), *linking])
    rows = [line.split() for line in _call([tool("arm-none-eabi-size"), "-A", str(merged)]).splitlines()]
    found = {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[0].startswith(".")}
    symbols = _call([tool("arm-none-eabi-nm"), "--undefined-only", str(merged)]).split()
    return Sizes(
        _sum(found, ".text"),
        _sum(found, ".rodata"),
        _sum(found, ".data") + _sum(found, ".bss"),
        tuple(sorted(set(symbols) - {"U"})),
    )


def _sum(sections: dict[str, int], kind: str) -> int:
    return sum(size for name, size in sections.items() if name == kind or name.startswith(f"{kind}."))


def build_counter(folder: Path) -> tuple[Path | None, str]:
    """Compile the plugin that counts cycles; where it does not run, return None and the reason."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return None, "there is no C compiler for this machine"
    plugin = folder / "cycles.so"
    _call([compiler, "-O2", "-shared", "-fPIC", str(_HERE / "cycles.c"), "-o", str(plugin)])
    attempt = [tool(_EMULATOR), *_BOARD[:2], *_plugin(plugin, folder / "none"), "-S", "-display", "none"]
    command = [*attempt, "-monitor", "stdio", "-serial", "none"]
    done = subprocess.run(command, input="quit\n", capture_output=True, text=True, check=False)
    reason = done.stderr.strip().splitlines()
    return (plugin, "") if done.returncode == 0 else (None, reason[0] if reason else "QEMU loads no plugins")


def run(program: Path, folder: Path, plugin: Path | None = None) -> tuple[list[list[int]], list[Cost]]:
    """Run a program, which the emulator lends the files of a folder.

    Returns:
        The numbers of every line that it printed, and with a plugin what every call between the marks took.
    """
    counts = folder / "counts.txt"
    counter = [] if plugin is None else _plugin(plugin, counts)
    lines = run_text(program, folder, counter).splitlines()
    rows = [[int(word) for word in line.split()] for line in lines]
    return rows, [] if plugin is None else list(_costs(counts))


def run_text(program: Path, folder: Path, options: Sequence[str] = ()) -> str:
    """Run a program as `run` does, with more options of the emulator, and return what it printed."""
    command = [tool(_EMULATOR), *_BOARD, *options, "-kernel", str(program)]
    return _call(command, folder)


def instructions_of(ticks: int) -> int:
    """Return how many instructions so many ticks of the board's timer are."""
    return round(ticks * _INSTRUCTIONS_PER_TICK)


def _costs(counts: Path) -> Iterator[Cost]:
    for line in counts.read_text().splitlines():
        instructions, cycles = map(int, line.split())
        yield Cost(instructions, cycles)


def _plugin(plugin: Path, out: Path) -> list[str]:
    return ["-plugin", f"file={plugin},out={out}"]


def _call(command: Sequence[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\nstatus {done.returncode}\n{done.stderr}{done.stdout}")
    return done.stdout
