from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.conftest import Golden


def test_analyze_prints_the_numbers_and_the_peak(run: Run, model: Path, golden: Golden) -> None:
    code, out, _ = run("analyze", model)
    assert code == 0
    golden(out)
    _, text, _ = run("analyze", model, "--json", "-")
    numbers = json.loads(text)
    assert numbers["order_free_bound_bytes"] <= numbers["packing_bound_bytes"] <= numbers["tflm_greedy_head_bytes"]
    for row in numbers["kernels"].values():
        assert row["lower_bound_bytes"] <= row["head_bytes"] <= row["total_bytes"] - row["tail_bytes"]
    assert numbers["kernels"]["safe"]["head_bytes"] <= numbers["tflm_greedy_head_bytes"]


def test_ops_lists_every_operator(run: Run) -> None:
    code, out, _ = run("ops")
    assert code == 0
    assert "CONV_2D" in out
    assert "control flow" in out


def test_targets_are_listed_and_told_one_by_one(run: Run) -> None:
    code, out, _ = run("targets")
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert rows["nano33ble"].split()[1:5] == ["256", "960", "cortex-m4", "64"]
    assert "unmeasured" in rows["cortex-m55"]
    assert "x-cube-ai*" in rows["nucleo-l4r5zi"]
    assert "x-cube-ai*" not in rows["nano33ble"]
    code, out, _ = run("targets", "nano33ble")
    assert "nRF52840" in out
    assert "MLPerf Tiny" in out
    (target,) = json.loads(run("targets", "nano33ble", "--json", "-")[1])
    assert target["ram_bytes"] == 262_144
    assert {table["library"] for table in target["tables"]} >= {"cmsis-nn", "redsc"}
    assert run("targets", "nano33bel")[0] == 2
