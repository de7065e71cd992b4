from __future__ import annotations

from pathlib import Path

import pytest

from redsc.budgets import Budgets
from redsc.compile import plan_levels
from redsc.formats import write_tflite
from redsc.options import Options
from redsc.passes.select.binding import binding_bounds
from tests.helpers import small_net

BUDGETS = {
    "no budget": Budgets(),
    "RAM": Budgets.parse(ram="2KB"),
    "flash": Budgets.parse(flash="11KB"),
    "MACs": Budgets.parse(macs="15k"),
    "latency": Budgets.parse(latency="1ms", target="nano33ble", kernels="cmsis-nn"),
}


@pytest.mark.parametrize("name", BUDGETS)
def test_every_space_that_is_cut_is_stopped_by_a_bound(tmp_path: Path, name: str) -> None:
    path, budgets = tmp_path / "net.tflite", BUDGETS[name]
    path.write_bytes(write_tflite(small_net()))
    options = Options(budgets=budgets, levels=("100", "60", "30"))
    choice = plan_levels(path, options)
    found = binding_bounds(choice.network, choice.levels.plan, budgets, (), options.width_multiple)
    for level, stops in zip(choice.levels.plan.levels, found, strict=True):
        cut = {space for space, width in level.widths.items() if width < choice.levels.full_widths[space]}
        assert {space for spaces in stops.values() for space in spaces} == cut
        assert set(stops) <= {"its ceiling", "the level above", name}
    if name in ("RAM", "MACs"):
        assert name in found[0]
