"""Options that decide about levels, through a whole compile of a small float network with samples."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.choices import Importance, Recovery
from redsc.compile import compile_model, plan_levels, verify_container
from redsc.errors import BudgetError, UsageError
from redsc.formats import read_tflite, write_tflite
from redsc.ir import DType, print_graph
from redsc.options import Options, Tuning
from redsc.runtime import EXECUTORS
from redsc.targets import find_target
from tests.conftest import Zoo
from tests.helpers import samples_of, small_net
from tests.zoo_models import MLPERF

SAMPLES = 60


@pytest.fixture
def model(tmp_path: Path) -> Path:
    graph = small_net(DType.FLOAT32)
    (tmp_path / "net.tflite").write_bytes(write_tflite(graph))
    x = 4 * samples_of(graph, SAMPLES)  # far from the biases' own class
    np.savez(tmp_path / "x.npz", x=x)
    np.savez(tmp_path / "other.npz", x=x[:7] + 0.1, y=np.arange(7) % 5)
    return tmp_path / "net.tflite"


@pytest.fixture
def options(model: Path) -> Options:
    return Options(levels=("100", "50"), data=model.parent / "x.npz", width_multiple=2)


def test_levels_are_measured_on_held_back_samples_or_on_others(model: Path, options: Options) -> None:
    held = compile_model(model, options).report.levels[1].quality
    assert held is not None
    assert (held.metric, held.samples) == ("agreement", SAMPLES // 5)
    other = compile_model(model, replace(options, evaluation=model.parent / "other.npz")).report.levels[1].quality
    assert other is not None
    assert (other.metric, other.samples) == ("accuracy", 7)


@pytest.mark.parametrize("bound", ["ram", "flash"])
def test_what_recovery_adds_must_fit_too(model: Path, options: Options, bound: str) -> None:
    free = compile_model(model, options).report
    sizes = {"ram": free.arena.resident_all_bytes, "flash": free.flash.container_bytes + free.flash.kernel_bytes}
    most = sizes[bound] - 8
    tight = replace(options, budgets=Budgets.parse(**{bound: str(most)}))
    report = compile_model(model, tight).report
    sizes = {
        "ram": report.arena.resident_all_bytes,
        "flash": report.flash.container_bytes + report.flash.kernel_bytes,
    }
    assert sizes[bound] <= most
    (model.parent / "plan.json").write_text(free_plan(model, options))
    with pytest.raises(BudgetError, match="R506") if bound == "flash" else pytest.raises((BudgetError, UsageError)):
        compile_model(model, replace(tight, levels=(), plan=model.parent / "plan.json"))


def free_plan(model: Path, options: Options) -> str:
    return plan_levels(model, options).levels.plan.to_json()


def test_a_level_that_loses_too_much_is_left_out(model: Path, options: Options) -> None:
    slices = replace(options, levels=("100", "25"), recovery=Recovery.OFF)
    lost = compile_model(model, slices).report.levels[1].quality
    assert lost is not None
    assert lost.loss is not None
    assert lost.loss > 0
    report = compile_model(model, replace(slices, max_drop=lost.loss / 2)).report
    assert [level.name for level in report.levels] == ["100"]
    assert [item.code for item in report.diagnostics] == ["L110"]
    with pytest.raises(UsageError, match="--max-drop needs data"):
        compile_model(model, Options(max_drop=0.01))
    with pytest.raises(BudgetError, match="level 100 loses"):
        compile_model(model, replace(slices, max_drop=-1.0))


@pytest.mark.parametrize(("turned", "is_doubted"), [(0, False), (1, True)])
def test_labels_that_the_model_file_does_not_know_are_doubted(
    model: Path, options: Options, turned: int, is_doubted: bool
) -> None:
    """The model's own answers are good labels; each class under another's name is what a wrong order looks like."""
    x = np.load(model.parent / "x.npz")["x"]
    answers = EXECUTORS["litert"].run(model.read_bytes(), [[sample[None]] for sample in x])
    y = np.array([row[0].argmax() for row in answers])
    np.savez(model.parent / "labelled.npz", x=x, y=(y + turned) % 5)
    report = compile_model(model, replace(options, evaluation=model.parent / "labelled.npz")).report
    assert ("L109" in [item.code for item in report.diagnostics]) == is_doubted


def test_a_level_that_takes_more_arena_than_the_largest_is_named_with_the_budget_that_helps(zoo: Zoo) -> None:
    model, levels = zoo(f"{MLPERF}/kws_ref_model.tflite"), ("100", "75")
    free = compile_model(model, Options(levels=levels, budgets=Budgets.parse(backend="c")))
    (note,) = [item for item in free.report.diagnostics if item.code == "L114"]
    budget = str(note.hint).split()[1]
    largest, smaller = [network.memory.head_bytes for network in free.choice.levels.networks]
    assert int(budget) == largest < smaller
    bound = compile_model(model, Options(levels=levels, budgets=Budgets.parse(backend="c", ram=budget)))
    assert "L114" not in [item.code for item in bound.report.diagnostics]
    assert [level.name for level in bound.report.levels] == [*levels]


def test_a_width_that_is_edited_is_what_one_gets(model: Path, options: Options) -> None:
    made = compile_model(model, options)
    plan = json.loads(made.files["net.plan.json"])
    (space, width), *_ = plan["levels"][1]["widths"].items()
    plan["levels"][1]["widths"][space] = width - 2
    path = model.parent / "edited.json"
    path.write_text(json.dumps(plan))
    again = compile_model(model, replace(options, levels=(), plan=path))
    assert again.report.levels[1].widths[space] == width - 2
    assert again.report.solver.status == "given"
    (model.parent / "made.tflite").write_bytes(again.files["net.tflite"])
    rows = verify_container(model.parent / "made.tflite", model, path, options=replace(options, levels=()))
    assert rows


@pytest.mark.parametrize("selector", ["joint", "reds-bu", "reds-td", "uniform"])
def test_every_selector_makes_nested_levels(model: Path, options: Options, selector: str) -> None:
    report = compile_model(model, replace(options, selector=selector)).report
    assert report.solver.selector == selector
    assert [level.name for level in report.levels] == ["100", "50"]
    assert report.solver.objective is not None


def test_the_full_level_is_the_same_to_the_bit_where_it_is_protected(model: Path, options: Options) -> None:
    whole = compile_model(model, replace(options, levels=("100",)))
    alone = read_tflite(whole.files["net.tflite"])
    made = plan_levels(model, replace(options, protect_full=True))
    first = made.levels.graphs[0]
    permuted = plan_levels(model, replace(options, recovery=Recovery.OFF)).levels.graphs[0]
    assert print_graph(first) == print_graph(permuted)
    assert [value.type for value in alone.activations()] == [value.type for value in first.activations()]


def test_an_int8_file_keeps_its_integers_where_nothing_may_be_shared_anew(tmp_path: Path) -> None:
    graph = small_net()
    (tmp_path / "net.tflite").write_bytes(write_tflite(graph))
    np.savez(tmp_path / "x.npz", x=samples_of(graph, 200))
    options = Options(levels=("100", "50"), data=tmp_path / "x.npz", width_multiple=2, recovery=Recovery.PRIVATE)
    made, plain = (
        plan_levels(tmp_path / "net.tflite", item).levels
        for item in (options, replace(options, recovery=Recovery.OFF))
    )
    assert print_graph(made.graphs[0]) == print_graph(plain.graphs[0])
    assert print_graph(made.graphs[1]) != print_graph(plain.graphs[1])


def test_time_is_a_budget_for_the_largest_level(model: Path, options: Options) -> None:
    target = find_target("cortex-m4-cmsis-nn")
    whole = compile_model(model, replace(options, budgets=Budgets(target=target))).report
    time = whole.levels[0].latency_us
    assert time is not None
    bound = Budgets(target=target, latency_us=time * 3 // 4)
    report = compile_model(model, replace(options, budgets=bound)).report
    assert report.levels[0].latency_us is not None
    assert report.levels[0].latency_us <= time * 3 // 4
    assert report.levels[0].name != "100"
    with pytest.raises(UsageError, match="target"):
        compile_model(model, replace(options, budgets=Budgets(latency_us=10)))


def test_tuned_levels_are_the_same_twice(model: Path, options: Options) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    tuned = replace(options, tuning=Tuning(steps=6, batch=16), uses_cache=False, importance=Importance.TAYLOR)
    first, second = (compile_model(model, tuned).files for _ in range(2))
    assert first == second
