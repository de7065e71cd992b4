"""The C files of a container: how they read, that every compiler takes them, and what the glue does."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.choices import Resident
from redsc.codegen.c_files import render_c_files
from redsc.codegen.describe import Firmware
from redsc.codegen.tflm_ops import TFLM_OPS
from redsc.engine.numbers import float_literal
from redsc.ir import OPS, DType
from tests.codegen.two_levels import firmware
from tests.conftest import Golden
from tests.firmware.build import WARNINGS, tool
from tests.helpers import streaming_net

RESOLVER = """
struct Resolver {{ int count = 0; {methods} }};
"""


def write(folder: Path, *items: Firmware) -> None:
    for item in items:
        for name, data in render_c_files(item).items():
            (folder / name).write_bytes(data)


def compile_and_run(folder: Path, command: list[str]) -> str:
    done = subprocess.run([*command, "-o", "program"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return subprocess.run(["./program"], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_header_and_the_glue_read_well(golden: Golden) -> None:
    files = render_c_files(firmware())
    golden(files["net.h"].decode(), ".h")
    golden(files["net_tflm.h"].decode(), "tflm.h")
    head = files["net.c"].decode().split("= {\n    0x")[0]
    golden(head, "head.c")


def test_the_glue_for_one_resident_level_shows_how_to_switch(golden: Golden) -> None:
    one = replace(firmware(), budgets=Budgets(resident=Resident.ONE))
    golden(render_c_files(one)["net_tflm.h"].decode(), ".h")


def test_files_are_ascii_with_unix_lines_and_no_path() -> None:
    for data in render_c_files(firmware()).values():
        assert data.isascii()
        assert b"\r" not in data
        assert b"/home" not in data


PROGRAM = """
#include <stdio.h>
#include "net.h"
#include "other.h"
int main(void) {
  static const int shape[NET_INPUT0_RANK] = NET_INPUT0_SHAPE;
  const unsigned char *slot = (const unsigned char *)NET_MODEL(NET_LEVEL_37_5);
  printf("%d %d %c%c%c%c %s %d ", shape[1], (int)((uintptr_t)net_model % 16), slot[4], slot[5], slot[6], slot[7],
         net_levels[1].name, (int)NET_LEVEL_COUNT);
  printf("%u %d %d %d\\n", (unsigned)OTHER_MODEL_BYTES, net_levels[0].quality < 0, net_levels[1].quality > 0.9f,
         NET_LEVEL_37_5_MACS == net_levels[1].macs);
  return 0;
}
"""


@pytest.mark.parametrize("standard", ["c99", "c11", "c++11", "c++17"])
def test_two_models_link_into_one_image_without_a_warning(tmp_path: Path, standard: str) -> None:
    name = "g++" if "+" in standard else "gcc"
    write(tmp_path, firmware("net"), firmware("other", DType.FLOAT32))
    (tmp_path / "main.c").write_text(PROGRAM)
    language = ["-x", "c++"] if name == "g++" else []
    command = [tool(name), f"-std={standard}", *WARNINGS, *language, "main.c", "net.c", "other.c"]
    size = len(firmware("other", DType.FLOAT32).model)
    assert compile_and_run(tmp_path, command) == f"8 0 TFL3 37.5 2 {size} 1 1 1\n"


def test_the_array_is_the_container(tmp_path: Path) -> None:
    write(tmp_path, firmware("net"))
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "net.h"\n'
        "int main(void) { fwrite(net_model, 1, NET_MODEL_BYTES, stdout); return 0; }\n"
    )
    done = subprocess.run([tool("gcc"), "main.c", "net.c", "-o", "program"], cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert subprocess.run(["./program"], cwd=tmp_path, capture_output=True, check=True).stdout == firmware().model


def test_the_array_can_be_placed_in_a_section(tmp_path: Path) -> None:
    write(tmp_path, firmware("net"))
    placed = '-DNET_DATA_ATTR=__attribute__((section(".external")))'
    command = [tool("gcc"), "-std=c99", *WARNINGS, placed, "-c", "net.c", "-o", "net.o"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
    assert b".external" in (tmp_path / "net.o").read_bytes()


def test_the_glue_registers_each_op_once(tmp_path: Path) -> None:
    write(tmp_path, firmware("net"))
    methods = " ".join(f"int {name}() {{ ++count; return 0; }}" for name in firmware().ops)
    (tmp_path / "main.cc").write_text(
        '#include <cstdio>\n#include "net_tflm.h"\n'
        + RESOLVER.format(methods=methods)
        + "int main() { Resolver r; bool ok = net_register_ops(r);"
        + ' std::printf("%d %d", ok, r.count == NET_OP_COUNT); }'
    )
    command = [tool("g++"), "-std=c++11", *WARNINGS, "main.cc"]
    assert compile_and_run(tmp_path, command) == "1 1"


BEGIN = """
struct Level { int slot; bool works; Level(int s, bool w) : slot(s), works(w) {}
  int Invoke() { std::printf("%d", slot); return works ? 0 : 1; } };
int main() {
  Level a(0, true), b(1, true), c(2, true), d(1, false);
  Level* good[] = {&a, &b, &c};
  Level* bad[] = {&a, &d, &c};
  bool first = net_begin(good);
  std::printf(" %d ", first);
  std::printf(" %d %d", net_begin(bad), NET_VARIABLE_COUNT);
}
"""


def test_levels_that_share_state_begin_with_the_largest(tmp_path: Path) -> None:
    """Every other level runs once, the smallest first: slot 0 then sets the initial state as the last one."""
    item = firmware("net", graph=streaming_net())
    three = replace(item, levels=(*item.levels, replace(item.levels[1], name="25", slot=2)))
    write(tmp_path, three)
    (tmp_path / "main.cc").write_text('#include <cstdio>\n#include "net_tflm.h"\n' + BEGIN)
    assert compile_and_run(tmp_path, [tool("g++"), "-std=c++11", *WARNINGS, "main.cc"]) == "21 1 21 0 2"


def test_the_glue_registers_the_ops_around_variables(tmp_path: Path) -> None:
    item = firmware("net", graph=streaming_net())
    assert {"AddCallOnce", "AddVarHandle", "AddReadVariable", "AddAssignVariable"} < set(item.ops)
    assert not {"AddCallOnce", "AddVarHandle"} & set(firmware().ops)


@pytest.mark.parametrize("resident", Resident)
def test_the_glue_says_what_a_switch_does_to_the_state(resident: Resident, golden: Golden) -> None:
    item = replace(firmware("net", graph=streaming_net()), budgets=Budgets(resident=resident))
    text = render_c_files(item)["net_tflm.h"].decode()
    golden(text[: text.index("#ifndef")])


def test_tflm_registers_every_op_of_the_vocabulary() -> None:
    assert set(TFLM_OPS) == set(OPS)


@pytest.mark.parametrize("number", [0.1, 1.0, 1 / 256, 3e-12, 123456.0, float(np.float32(0.5847029))])
def test_float_literals_give_the_same_float_back(number: float) -> None:
    literal = float_literal(number)
    assert np.float32(literal.removesuffix("f")) == np.float32(number)
    assert "." in literal or "e" in literal


def test_lines_hold_sixteen_bytes() -> None:
    lines = [
        line for line in render_c_files(firmware())["net.c"].decode().splitlines() if line.startswith("    0x")
    ]
    assert {line.count("0x") for line in lines[:-1]} == {16}
