"""What the lossless passes that drop ops and constants do to models of the zoo, in both runtimes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from redsc.cost.liveness import peak_working_set
from redsc.formats import load_model, write_tflite
from redsc.ir import DType, Graph
from redsc.passes.base import Log, Pass, run_passes
from redsc.passes.simplify.drop_border_conversions import DropBorderConversions
from redsc.passes.simplify.drop_dead_nodes import DropDeadNodes
from redsc.passes.simplify.drop_flattening import DropFlattening
from redsc.passes.simplify.drop_identities import DropIdentities
from redsc.passes.simplify.fold_constants import FoldConstants
from redsc.passes.simplify.fold_padding import FoldPadding
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples
from tests.conftest import Zoo
from tests.zoo_models import GENCPRUNEX, MLPERF, REDS

PASSES: tuple[Pass, ...] = (
    DropDeadNodes(),
    FoldConstants(),
    FoldPadding(),
    DropIdentities(),
    DropFlattening(),
)


@dataclass(frozen=True, slots=True)
class Gain:
    """How often passes fire on a model, and its live-sum peak before and after."""

    fired: dict[str, int]
    peak_before: int
    peak_after: int


GAINS = {
    f"{GENCPRUNEX}/base_clean.int8io.tflite": Gain({"fold-padding": 4}, 75_280, 55_296),
    f"{GENCPRUNEX}/fixed0.5_shipped_clean.float32.tflite": Gain({"fold-padding": 4}, 150_560, 147_456),
    f"{MLPERF}/kws_ref_model.tflite": Gain({"drop-flattening": 1}, 16_000, 16_000),
    f"{MLPERF}/str_ww_ref_model.tflite": Gain({"drop-flattening": 1}, 6_656, 6_656),
    "models/sipeed+TinyMaix/mbnet96_0.25_q.tflite": Gain(
        {"drop-dead-nodes": 6, "drop-flattening": 1}, 55_296, 55_296
    ),
}


def peak(graph: Graph) -> int:
    found = peak_working_set(graph)
    assert found is not None
    return found.nbytes


@pytest.mark.parametrize("name", GAINS, ids=lambda name: name.rpartition("/")[2])
def test_answers_stay_equal_bit_for_bit(name: str, zoo: Zoo) -> None:
    graph, log = load_model(zoo(name)).graph, Log()
    samples, before, peak_before = random_samples(graph, 1), write_tflite(graph), peak(graph)
    run_passes(graph, PASSES, log)
    fired = [entry.rule for entry in log.entries if not entry.is_refusal]
    assert Gain({rule: fired.count(rule) for rule in fired}, peak_before, peak(graph)) == GAINS[name]
    for runtime in filter(installed, ("litert", "tflm")):
        executor = EXECUTORS[runtime]
        assert difference(executor.run(before, samples), executor.run(write_tflite(graph), samples)) is None


@pytest.mark.parametrize(("model", "before", "after"), [("dnn_s", 1250, 394), ("cnn_s", 9760, 9760)])
def test_int8_borders_save_the_float_input(model: str, before: int, after: int, zoo: Zoo) -> None:
    graph = load_model(zoo(f"{REDS}/{model}_quantized.tflite")).graph
    assert peak(graph) == before
    run_passes(graph, [DropBorderConversions()], Log())
    assert peak(graph) == after
    assert {value.type.dtype for value in (*graph.inputs, *graph.outputs)} == {DType.INT8}
