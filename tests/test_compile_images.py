"""Levels that see smaller images, or parts of them, through whole compiles on both backends."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.compile import Artefact, compile_model, plan_levels, slice_level, verify_container
from redsc.errors import UsageError
from redsc.formats import read_tflite, write_tflite
from redsc.ir import Activation, DType, Graph, Padding
from redsc.options import Options
from redsc.passes.select.problem import Problem, Selection
from redsc.passes.select.slots import make_plan
from redsc.passes.slice.plan import Level, LevelPlan
from redsc.report.terminal import print_report
from redsc.runtime import EXECUTORS
from redsc.runtime.data.dataset import load_data
from redsc.runtime.data.view import View
from redsc.runtime.ports import dequantize_rows, quantize_samples
from tests.firmware.build import WARNINGS, tool
from tests.helpers import NetBuilder, samples_of, small_net

RELU = Activation.RELU
IMAGES = {"100": View(), "60": View(size=(12, 12)), "40": View((2, 4, 11, 10)), "20": View((0, 0, 16, 16), (8, 8))}


def image_net(dtype: DType = DType.INT8) -> Graph:
    """Return convolutions over an image of 16x16 that a global pool ends."""
    net = NetBuilder(dtype)
    x = net.conv(net.input(1, 16, 16, 3), 16, padding=Padding.SAME, stride_h=2, stride_w=2, activation=RELU)
    x = net.add(x, net.conv(net.depthwise(x, padding=Padding.SAME), 16, 1, activation=RELU))
    x = net.pool(net.conv(x, 24, 1, activation=RELU), "AVERAGE_POOL_2D", 8)
    return net.outputs(net.dense(net.reshape(x, 1, 24), 5))


def write_plan(path: Path, options: Options, images: dict[str, View] = IMAGES) -> Path:
    """Write the plan of the levels of these names, each with what it sees, and return its path."""
    plan = plan_levels(path, replace(options, levels=tuple(images))).levels.plan
    levels = [
        replace(level, resolution=images[level.name].size, crop=images[level.name].crop) for level in plan.levels
    ]
    (path.parent / "plan.json").write_text(replace(plan, levels=tuple(levels)).to_json())
    return path.parent / "plan.json"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "net.tflite").write_bytes(write_tflite(image_net()))
    return tmp_path / "net.tflite"


def results(made: Artefact, oracle: str) -> list[str]:
    rows = made.report.verification
    return [row.result for row in rows if oracle in row.oracle.replace(" with its weights gathered", "")]


def sizes(made: Artefact) -> list[tuple[int, ...]]:
    return [graph.inputs[0].type.shape[1:3] for graph in made.choice.levels.graphs]


@pytest.mark.parametrize("backend", ["tflm", "c"])
def test_every_level_runs_on_images_of_its_own_size(
    model: Path, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options(budgets=Budgets.parse(backend=backend))
    made = compile_model(model, replace(options, plan=write_plan(model, options)))
    assert sizes(made) == [(16, 16), (12, 12), (11, 10), (8, 8)]
    slots = [made.choice.levels.slots[slot].inputs[0].type.shape[1] for slot in range(4)]
    assert slots == [16, 12, 11, 8]
    found = results(made, "tflm, against the level" if backend == "tflm" else "the C engine on this machine")
    if any(result.startswith("not run") for result in found):
        pytest.skip(found[0])
    assert found == ["equal bit for bit"] * 4
    report = json.loads(made.files["net.report.json"])
    assert [level["resolution"] for level in report["levels"]] == [None, [12, 12], None, [8, 8]]
    assert [level["crop"] for level in report["levels"]] == [None, None, [2, 4, 11, 10], [0, 0, 16, 16]]
    macs = [level["macs"] for level in report["levels"]]
    assert macs == sorted(macs, reverse=True)
    print_report(made.report)
    assert " 16x16 at 0,0 as 8x8 " in capsys.readouterr().out


@pytest.mark.parametrize("backend", ["tflm", "c"])
def test_the_header_says_what_each_level_takes(model: Path, backend: str) -> None:
    options = Options(budgets=Budgets.parse(backend=backend))
    made = compile_model(model, replace(options, plan=write_plan(model, options)))
    folder = model.parent / "c"
    folder.mkdir()
    for name, data in made.files.items():
        (folder / name).write_bytes(data)
    (folder / "main.c").write_text(
        """#include <stdio.h>
        #include "net.h"
        #include "net_manager.h"
        int main(void) {
          int slot;
          for (slot = 0; slot < NET_LEVEL_COUNT; ++slot) {
            const net_image *i = &net_levels[slot].image;
            printf("%u %u %u %u, ", (unsigned)i->top, (unsigned)i->left, (unsigned)i->height, (unsigned)i->width);
            printf("%ux%u, ", (unsigned)i->input_height, (unsigned)i->input_width);
            printf("%u\\n", (unsigned)i->input_bytes);
          }
          return NET_LEVEL_20_INPUT0_BYTES != 8 * 8 * 3 || NET_LEVEL_40_INPUT0_HEIGHT != 11 ||
                 NET_IMAGE_WIDTH != 16;
        }"""
    )
    sources = sorted(path.name for path in folder.glob("net*.c"))
    flags = ["-std=c99", *WARNINGS, "main.c", *sources]
    if backend == "c":
        flags = ["-std=c99", "-w", *sorted(path.name for path in folder.glob("*.c"))]
    done = subprocess.run([tool("gcc"), *flags, "-lm", "-o", "main"], cwd=folder, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    said = subprocess.run(["./main"], cwd=folder, check=True, capture_output=True, text=True).stdout.splitlines()
    assert said == [
        "0 0 16 16, 16x16, 768",
        "0 0 16 16, 12x12, 432",
        "2 4 11 10, 11x10, 330",
        "0 0 16 16, 8x8, 192",
    ]


def test_levels_are_measured_on_what_they_see(tmp_path: Path) -> None:
    graph = image_net(DType.FLOAT32)
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(graph))
    x = samples_of(graph, 60)
    np.savez(tmp_path / "x.npz", x=x)
    images = {"100": View(), "50": View(size=(8, 8))}
    options = Options(data=tmp_path / "x.npz", width_multiple=2)
    options = replace(options, plan=write_plan(path, options, images), evaluation=tmp_path / "x.npz")
    made = compile_model(path, options)
    model, small = made.choice.model, made.choice.levels.graphs[1]
    data = load_data(tmp_path / "x.npz", model)
    original = EXECUTORS["litert"].run(path.read_bytes(), data.samples)
    seen = quantize_samples(small, View(size=(8, 8)).of_data(data).samples)
    answers = dequantize_rows(small, EXECUTORS["litert"].run(write_tflite(small), seen))
    agree = [a[0].argmax() == b[0].argmax() for a, b in zip(original, answers, strict=True)]
    quality = made.report.levels[1].quality
    assert quality is not None
    assert quality.value == pytest.approx(np.mean(agree), abs=1e-6)


def test_scales_are_those_of_the_level_at_the_whole_size(tmp_path: Path) -> None:
    graph = image_net(DType.FLOAT32)
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(graph))
    np.savez(tmp_path / "x.npz", x=samples_of(graph, 40))
    options = Options(data=tmp_path / "x.npz", width_multiple=2)
    made = []
    for size in (None, (8, 8)):
        plan = write_plan(path, options, {"100": View(), "50": View(size=size)})
        made.append(plan_levels(path, replace(options, plan=plan)).levels.graphs[1])
    whole, small = made
    assert [value.type.quant for value in whole.values()] == [value.type.quant for value in small.values()]
    assert small.inputs[0].type.shape == (1, 8, 8, 3)


def test_the_container_can_be_taken_apart_and_checked(model: Path) -> None:
    plan = write_plan(model, Options())
    made = compile_model(model, Options(plan=plan))
    container = model.parent / "out.tflite"
    container.write_bytes(made.files["net.tflite"])
    for level, size in (("60", 12), ("20", 8)):
        assert read_tflite(slice_level(container, level)).inputs[0].type.shape == (1, size, size, 3)
    assert {row.level for row in verify_container(container, model, plan)} >= {"100", "60", "40", "20"}


WRONG = {
    "level 100 sees [8, 8, 9, 8], more than the image of 16x16": (View((8, 8, 9, 8)), View()),
    "level 100 makes 12x12 of the 8x8 that it sees": (View((0, 0, 8, 8), (12, 12)), View()),
    "level 100 makes 17x16 of the 16x16 that it sees": (View(size=(17, 16)), View()),
    "level 50 sees 16x16, the level before it 12x12": (View(size=(12, 12)), View()),
}


@pytest.mark.parametrize("problem", WRONG)
def test_a_plan_that_sees_what_it_cannot_is_refused(model: Path, problem: str) -> None:
    first, second = WRONG[problem]
    plan = write_plan(model, Options(), {"100": first, "50": second})
    with pytest.raises(UsageError) as caught:
        plan_levels(model, Options(plan=plan))
    assert caught.value.diagnostic.code == "U208"
    assert problem in caught.value.diagnostic.evidence


def test_a_network_that_knows_the_size_of_its_image_says_where(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(small_net()))
    plan = write_plan(path, Options(), {"100": View(), "50": View(size=(6, 6))})
    with pytest.raises(UsageError) as caught:
        plan_levels(path, Options(plan=plan))
    what, where = caught.value.diagnostic.evidence
    assert what == "the network does not take images of 6x6"
    assert where.startswith("FULLY_CONNECTED 'fully_connected")


def test_a_plan_keeps_what_levels_see() -> None:
    levels = (Level("100", {"a": 4}), Level("50", {"a": 4}, (), (8, 6), (1, 2, 16, 12)))
    plan = LevelPlan(levels, {"a": (0, 1, 2, 3)})
    assert LevelPlan.from_json(plan.to_json()) == plan
    assert plan.levels[1].view == View((1, 2, 16, 12), (8, 6))
    for wrong in ('"resolution": [8]', '"resolution": 8', '"crop": [1, 2, 3]'):
        text = plan.to_json().replace(wrong.split(":")[0] + ": null", wrong, 1)
        with pytest.raises(UsageError):
            LevelPlan.from_json(text)


@pytest.fixture
def sampled(tmp_path: Path) -> Path:
    """Return a model that looks at pixels one by one, and images of equal blocks: small ones lose it nothing."""
    net = NetBuilder(DType.FLOAT32)
    x = net.conv(net.conv(net.input(1, 16, 16, 3), 16, 1, activation=RELU), 24, 1, activation=RELU)
    (tmp_path / "net.tflite").write_bytes(write_tflite(net.outputs(net.dense(net.mean(x, 1, 2), 5))))
    coarse = np.random.default_rng(0).standard_normal((80, 4, 4, 3)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=coarse.repeat(4, axis=1).repeat(4, axis=2))
    return tmp_path / "net.tflite"


def test_the_solver_chooses_sizes_by_what_they_cost(sampled: Path) -> None:
    base = Options(levels=("100", "50", "25"), data=sampled.parent / "x.npz", width_multiple=2)
    plain, choice = (plan_levels(sampled, replace(base, resolutions=found)) for found in ((), ((None, (8, 8)),)))
    assert choice.levels.views[0] == View()
    assert choice.levels.views[-1] == View(size=(8, 8))
    assert choice.levels.solver.objective is not None
    assert plain.levels.solver.objective is not None
    assert choice.levels.solver.objective < plain.levels.solver.objective
    assert choice.levels.networks[-1].macs <= 0.25 * choice.levels.networks[0].macs


def test_a_part_of_the_image_is_for_all_levels_or_for_one(model: Path) -> None:
    crops: tuple[tuple[str | None, tuple[int, int, int, int]], ...] = ((None, (0, 0, 12, 12)), ("50", (2, 2, 8, 8)))
    made = compile_model(model, Options(levels=("100", "50"), crops=crops))
    assert sizes(made) == [(12, 12), (8, 8)]
    alone = compile_model(model, Options(crops=crops[:1]))
    assert (sizes(alone), alone.report.levels[0].name) == ([(12, 12)], "100")
    assert [item.code for item in alone.report.diagnostics] == ["L103"]
    fixed = compile_model(model, Options(levels=("100", "50"), resolutions=(("50", (8, 8)),)))
    assert sizes(fixed) == [(16, 16), (8, 8)]


def test_a_budget_may_be_kept_by_smaller_images(sampled: Path) -> None:
    options = Options(data=sampled.parent / "x.npz", levels=("100",), resolutions=((None, (8, 8)),))
    free = plan_levels(sampled, options).levels
    assert free.views == [View()]
    tight = replace(options, budgets=Budgets(ram_bytes=free.networks[0].memory.arena_bytes * 2 // 3))
    levels = plan_levels(sampled, tight).levels
    assert levels.views == [View(size=(8, 8))]
    assert float(levels.names[0]) < 100


WRONG_FLAGS = {
    "need data to choose by": Options(levels=("100", "50"), resolutions=((None, (8, 8)),)),
    "names level 30, the levels are 100, 50": Options(levels=("100", "50"), resolutions=(("30", (8, 8)),)),
    "level 50 makes 17x17 of the 16x16": Options(levels=("100", "50"), resolutions=(("50", (17, 17)),)),
}


@pytest.mark.parametrize("problem", WRONG_FLAGS)
def test_images_that_levels_cannot_have_are_refused(model: Path, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        plan_levels(model, WRONG_FLAGS[problem])


def test_a_plan_says_what_levels_see_already(model: Path) -> None:
    plan = write_plan(model, Options())
    with pytest.raises(UsageError, match="says already what levels see"):
        plan_levels(model, Options(plan=plan, crops=((None, (0, 0, 8, 8)),)))


def select_blindly(problem: Problem) -> Selection:
    """Choose widths only."""
    names, levels = (request.name for request in problem.requests), (problem.full, problem.narrowest)
    return Selection(make_plan(problem, list(zip(names, map(problem.candidate, levels), strict=True))))


def test_a_selector_that_knows_no_images_is_told_apart(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redsc.passes.levels.SELECTORS", {"blind": f"{__name__}:select_blindly"})
    with pytest.raises(UsageError, match="--select blind gives no level another image, 50 should have one"):
        plan_levels(model, Options(levels=("100", "50"), resolutions=(("50", (8, 8)),), selector="blind"))
