"""From a budget to a level that is ready for its input, on the Cortex-M4: a few instructions, and nothing moves."""

from __future__ import annotations

from pathlib import Path

from redsc.compile import compile_model
from redsc.formats import write_tflite
from redsc.options import Options
from tests.firmware.build import CORTEX_M4, HERE, WARNINGS, build, run
from tests.helpers import small_net

LEVELS = ("100", "75", "50", "25")
_INSTRUCTIONS_PER_TICK = 40 / 2**6  # SysTick counts at 25 MHz, an instruction takes 2^6 ns: QEMU's -icount shift=6
_MOST = 400


def test_a_level_is_chosen_in_a_few_instructions(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(write_tflite(small_net()))
    options = Options(levels=LEVELS, width_multiple=1)
    artefact = compile_model(tmp_path / "net.tflite", options)
    for name, data in artefact.files.items():
        (tmp_path / name).write_bytes(data)
    count = len(artefact.report.levels)
    assert count > 2
    flags = ("-std=c99", "-O2", *WARNINGS, f"-I{tmp_path}")
    program = build(CORTEX_M4, (HERE / "switching.c", tmp_path / "net.c"), flags)
    rows = [list(map(int, line.split())) for line in run(CORTEX_M4, program, tmp_path).splitlines()]
    assert [(level, offset) for level, offset, _ in rows] == [*((n, 16 * n) for n in range(count)), (-1, -1)]
    assert 0 < max(ticks for *_, ticks in rows) * _INSTRUCTIONS_PER_TICK <= _MOST
