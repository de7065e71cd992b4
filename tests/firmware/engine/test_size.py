"""The sizes by which flash is budgeted are those of the compiler."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from redsc.choices import Kernels
from redsc.engine.size import CODE_BYTES, STRUCT_BYTES, engine_size
from redsc.engine.sources import needed_files
from tests.firmware.build import CORTEX_M4, FIRMWARE
from tests.helpers import small_net

HEADERS = sorted(
    {
        name
        for source in CODE_BYTES
        for name in needed_files([source])
        if name.endswith(".h") and not re.search(r"_(tiles|assembly)\.h$", name)
    }
)


def compiled(source: str, folder: Path) -> list[str]:
    """Compile a text for its size and return what arm-none-eabi-nm says of its symbols."""
    (folder / "source.c").write_text(source)
    command = [CORTEX_M4.find(), *CORTEX_M4.flags, "-std=gnu99", "-Os", f"-I{FIRMWARE}", "-c", "source.c"]
    subprocess.run(command, cwd=folder, check=True)
    names = ["arm-none-eabi-nm", "-S", "source.o"]
    return subprocess.run(names, cwd=folder, check=True, capture_output=True, text=True).stdout.splitlines()


def test_code_takes_what_the_table_says(tmp_path: Path) -> None:
    for name, expected in CODE_BYTES.items():
        symbols = (line.split() for line in compiled((FIRMWARE / name).read_text(), tmp_path))
        found = sum(int(parts[1], 16) for parts in symbols if len(parts) == 4)
        assert found == pytest.approx(expected, rel=0.1), name


def test_structs_are_as_large_as_the_table_says(tmp_path: Path) -> None:
    includes = "".join(f'#include "{name}"\n' for name in HEADERS)
    arrays = "".join(f"char size_of_{kind}[sizeof({kind})];\n" for kind in STRUCT_BYTES)
    found = {}
    for line in compiled(includes + arrays, tmp_path):
        *_, size, _, name = line.split()
        found[name.removeprefix("size_of_")] = int(size, 16)
    assert found == STRUCT_BYTES


def test_every_part_is_counted() -> None:
    graph = small_net()
    once, twice = (engine_size([graph] * count, Kernels.ENGINE) for count in (1, 2))
    assert (twice.constants, twice.params) == (once.constants, once.params)
    assert once.total == once.constants + once.params + once.code < twice.total
