from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from redsc.compile import read_model
from redsc.formats import write_tflite
from redsc.ir import DType, Padding
from redsc.passes.slice.nested import LevelSet, NestedWeights, build_level, plain_weights
from redsc.passes.slice.plan import LevelPlan
from redsc.passes.slice.resize_inputs import resize_inputs
from redsc.passes.spaces.blocks import find_blocks
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from redsc.runtime.data.view import View
from redsc.runtime.evaluate.task import Task
from tests.conftest import Zoo
from tests.helpers import NetBuilder, small_net
from tests.passes.tuning import (
    BANKS,
    NETS,
    levels_of,
    weights_of,
)

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install redsc[tune]")

from redsc.passes.tune.heads import find_heads  # noqa: E402
from redsc.passes.tune.network import LevelNetwork  # noqa: E402
from redsc.passes.tune.parameters import Key, Parameters, find_parameters  # noqa: E402
from redsc.runtime.torch import TorchGraph  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("banks", BANKS.values(), ids=list(BANKS))
@pytest.mark.parametrize("private", ["-", "depthwise", "dense"])
@pytest.mark.parametrize("net", NETS)
def test_a_level_in_training_is_the_level_that_is_built(net: Any, private: str, banks: tuple[int, ...]) -> None:
    graph = net(DType.FLOAT32)
    levels = levels_of(graph, 1, 0.7, 0.3)
    assert_training_is_building(levels, weights_of(levels, banks, private))


@pytest.mark.parametrize("name", ["resnet8", "mbv2", "silu_se", "conv1d", "det"])
def test_a_real_level_in_training_is_the_level_that_is_built(zoo: Zoo, name: str) -> None:
    """Every other block is left out of the smallest level."""
    graph = read_model(zoo(f"exports/{name}.dynamo18.onnx")).graph
    levels = levels_of(graph, 1, 0.6, 0.3)
    blocks = find_blocks(graph, levels.groups)
    *larger, last = levels.plan.levels
    plan = LevelPlan((*larger, replace(last, skipped=tuple(block.name for block in blocks[::2]))), {})
    levels = replace(levels, blocks=blocks, plan=plan)
    assert_training_is_building(levels, weights_of(levels, (0, 1, 1)))


def assert_training_is_building(levels: LevelSet, weights: NestedWeights) -> None:
    """Compare bit for bit, for any numbers, there and back; and compare the answers with LiteRT's."""
    parameters = find_parameters(levels, weights, range(3))
    vector = parameters.flatten()
    vector += np.random.default_rng(1).normal(0, 0.1, vector.size).astype(np.float32)
    changed = parameters.put_back(weights, vector)
    samples = random_samples(levels.graph, 2)
    inputs = [torch.from_numpy(np.stack(column)) for column in zip(*samples, strict=True)]
    for slot in range(3):
        built = build_level(levels, changed, slot)
        network = LevelNetwork(levels, weights, slot, parameters, Task.REGRESS, "cpu")
        made = network.constants(parameters.views(torch.from_numpy(vector)))
        wanted = {value.name: np.asarray(value.data) for value in built.constants() if value.name in made}
        assert len(made) == len(wanted) >= 6
        assert all(np.array_equal(made[name].numpy(), wanted[name]) for name in made)
        heads = [head.value for head in find_heads(built, Task.REGRESS)]
        assert all(map(torch.equal, network.run(inputs, made), TorchGraph(built, heads).run(inputs)))
        results = TorchGraph(built).run(inputs)
        found = [[result[index].numpy() for result in results] for index in range(2)]
        expected = EXECUTORS["litert"].run(write_tflite(built), samples)
        assert difference(expected, found, FLOAT_TOLERANCE) is None


@pytest.mark.parametrize("view", [View(size=(8, 8)), View((3, 2, 9, 10)), View((0, 1, 12, 11), (8, 5))], ids=str)
def test_a_level_learns_from_what_it_sees(view: View) -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.conv(net.input(1, 12, 12, 3), 8, padding=Padding.SAME, stride_h=2, stride_w=2)
    levels = levels_of(net.outputs(net.dense(net.mean(net.conv(x, 12, 1), 1, 2), 4)), 1, 0.5)
    first, second = levels.plan.levels
    small = replace(second, resolution=view.size, crop=view.crop)
    levels = replace(levels, plan=replace(levels.plan, levels=(first, small)))
    weights = plain_weights(levels)
    parameters = find_parameters(levels, weights, range(2))
    network = LevelNetwork(levels, weights, 1, parameters, Task.REGRESS, "cpu")
    made = network.constants(parameters.views(torch.from_numpy(parameters.flatten())))
    samples = random_samples(levels.graph, 3)
    (answers,) = network.run([torch.from_numpy(np.stack([row[0] for row in samples]))], made)
    level = resize_inputs(build_level(levels, weights, 1), view.input_size)
    expected = EXECUTORS["litert"].run(write_tflite(level), view.of_rows(samples))
    assert difference(expected, [[row.detach().numpy()] for row in answers], FLOAT_TOLERANCE) is None


def test_what_no_trained_level_uses_is_no_parameter() -> None:
    levels = levels_of(small_net(DType.FLOAT32), 1, 0.5)
    names = {value.name for value in levels.graph.constants()}
    weights = weights_of(levels, (0, 1), "depthwise")
    found = find_parameters(levels, weights, [1]).start
    assert {(key.kind, key.index) for key in found} == {("bank", 1), ("own", 1), ("scale", 1)}
    shared = {key.name for key in found if key.kind == "bank"}
    private = {key.name for key in found if key.kind == "own"}
    assert shared.isdisjoint(private)
    assert shared | private == {name for name in names if name.endswith((".weight", ".bias"))}
    assert {key.name for key in found if key.kind == "scale"} == {name for name in shared if "weight" in name}
    both = find_parameters(levels, weights_of(levels, (0, 0)), [1]).start
    assert {key.kind for key in both} == {"own", "scale"}  # slot 0 keeps the bank that it shares


def test_constants_that_are_no_weights_stay() -> None:
    net = NetBuilder(DType.FLOAT32)
    limited = net.node("MINIMUM", net.conv(net.input(1, 4, 4, 2), 4), np.full((1, 1, 1, 1), 2, np.float32))
    levels = levels_of(net.outputs(net.dense(net.prelu(limited), 3)), 1, 0.5)
    names = {key.name for key in find_parameters(levels, plain_weights(levels), range(2)).start}
    assert names == {
        "conv_2d0.weight",
        "conv_2d0.bias",
        "alpha2",
        "fully_connected3.weight",
        "fully_connected3.bias",
    }


def test_factors_on_scales_stay_positive_and_nothing_else_is_bounded() -> None:
    start = {Key("scale", 1, "w"): np.ones(2, np.float32), Key("own", 1, "b"): np.zeros(3, np.float32)}
    lows = Parameters(start, dict.fromkeys(start, 1.0)).floor_vector()
    assert (lows[:2] > 0).all()
    assert (lows[2:] == -np.inf).all()
