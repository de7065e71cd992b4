"""The model array in its two forms, built by real compilers: it is the container, aligned, wherever it is put."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from redsc.choices import ArrayForm
from redsc.codegen.c_files import render_c_files
from redsc.ir import DType
from tests.codegen.two_levels import firmware
from tests.conftest import Golden
from tests.firmware.build import WARNINGS, tool

DUMP = """
#include <stdio.h>
#include "net.h"
int main(void) {
  fwrite(net_model, 1, sizeof(net_model), stdout);
  return (int)((uintptr_t)net_model % 16);
}
"""
BOTH = """
#include <stdio.h>
#include "net.h"
#include "other.h"
int main(void) {
  const unsigned char *slot = (const unsigned char *)OTHER_MODEL(OTHER_LEVEL_37_5);
  printf("%d %d %c%c%c%c", net_model[4], other_model[4], slot[4], slot[5], slot[6], slot[7]);
  return (int)((uintptr_t)other_model % 16);
}
"""
COMPILERS = {
    "gcc-c99": ["gcc", "-std=c99"],
    "gcc-c11": ["gcc", "-std=c11", "-O2"],
    "g++-c++11": ["g++", "-std=c++11", "-x", "c++"],
    "gcc-sections": ["gcc", "-std=c99", "-fdata-sections", "-Wl,--gc-sections"],
    "clang-c99": ["clang", "-std=c99"],
    "clang-c++11": ["clang++", "-std=c++11", "-x", "c++"],
}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Return a folder with two models that the assembler reads, and a program that prints the first."""
    for item in (firmware("net"), firmware("other", DType.FLOAT32)):
        for name, data in render_c_files(item, ArrayForm.INCBIN).items():
            (tmp_path / name).write_bytes(data)
        (tmp_path / f"{item.symbol}.tflite").write_bytes(item.model)
    (tmp_path / "main.c").write_text(DUMP)
    return tmp_path


def call(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False)


@pytest.mark.parametrize("name", COMPILERS)
def test_the_assembler_reads_the_container(sources: Path, tmp_path: Path, name: str) -> None:
    compiler, *flags = COMPILERS[name]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    files = [str(sources / "main.c"), str(sources / "net.c")]
    built = call(tool(compiler), *flags, *WARNINGS, f"-I{sources}", *files, "-o", "program", cwd=elsewhere)
    assert (built.returncode, built.stderr) == (0, b"")
    done = call(elsewhere / "program", cwd=elsewhere)
    assert (done.returncode, done.stdout) == (0, firmware().model)


def test_two_models_that_the_assembler_reads_link_into_one_image(sources: Path) -> None:
    (sources / "main.c").write_text(BOTH)
    built = call(tool("gcc"), *WARNINGS, "main.c", "net.c", "other.c", "-o", "program", cwd=sources)
    assert (built.returncode, built.stderr) == (0, b"")
    assert call("./program", cwd=sources).stdout == b"84 84 TFL3"


def test_a_program_that_is_optimised_at_link_time_takes_the_array_compiled_without(sources: Path) -> None:
    lto = (tool("gcc"), "-O2", "-flto", *WARNINGS)
    assert call(*lto, "-fno-lto", "-c", "net.c", cwd=sources).stderr == b""
    assert call(*lto, "main.c", "net.o", "-o", "program", cwd=sources).stderr == b""
    assert call("./program", cwd=sources).stdout == firmware().model


def test_the_file_may_be_named_with_its_path(sources: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (sources / "net.tflite").rename(elsewhere / "renamed.bin")
    command = (tool("gcc"), "-std=c99", *WARNINGS, "main.c", "net.c", "-o", "program")
    assert b"net.tflite" in call(*command, cwd=sources).stderr
    named = f'-DNET_MODEL_FILE="{elsewhere / "renamed.bin"}"'
    assert call(*command, named, cwd=sources).stderr == b""
    assert call("./program", cwd=sources).stdout == firmware().model


def test_a_file_that_is_too_short_does_not_assemble(sources: Path) -> None:
    (sources / "net.tflite").write_bytes(firmware().model[:-1])
    assert call(tool("gcc"), "-c", "net.c", cwd=sources).returncode != 0


def test_the_array_that_is_read_can_be_placed_in_a_section(sources: Path) -> None:
    placed = '-DNET_DATA_SECTION=".external,\\"a\\""'
    assert call(tool("gcc"), *WARNINGS, placed, "-c", "net.c", cwd=sources).stderr == b""
    headers = call(tool("objdump"), "-h", "net.o", cwd=sources).stdout.decode()
    sizes = {row.split()[1]: int(row.split()[2], 16) for row in headers.splitlines() if " ." in row}
    assert sizes[".external"] == len(firmware().model)


def test_an_attribute_that_would_have_no_effect_is_an_error(sources: Path) -> None:
    placed = '-DNET_DATA_ATTR=__attribute__((section(".external")))'
    assert b"define NET_DATA_SECTION" in call(tool("gcc"), placed, "-c", "net.c", cwd=sources).stderr


def test_the_array_is_an_object_of_its_size_on_a_cortex_m4(sources: Path) -> None:
    command = (tool("arm-none-eabi-gcc"), "-mcpu=cortex-m4", "-mthumb", "-std=c99", *WARNINGS, "-c", "net.c")
    assert call(*command, cwd=sources).stderr == b""
    symbols = call(tool("arm-none-eabi-nm"), "-S", "net.o", cwd=sources).stdout.decode().splitlines()
    (row,) = [line.split() for line in symbols if line.endswith(" net_model")]
    assert (int(row[1], 16), row[2]) == (len(firmware().model), "R")
    assert int(row[0], 16) % 16 == 0


def test_the_c_file_reads_well_and_changes_with_the_array(golden: Golden) -> None:
    text, other = (
        render_c_files(replace(firmware(), model=64 * byte), ArrayForm.INCBIN)["net.c"].decode()
        for byte in (b"a", b"b")
    )
    golden(text, ".c")
    assert "0x" not in text
    assert text != other
