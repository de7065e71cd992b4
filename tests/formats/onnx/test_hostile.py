"""ONNX files that ask for too much: refused before anything is allocated, and in linear time."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from redsc.cost.memory import measure_memory
from redsc.errors import LimitExceeded, RedscError
from redsc.ir import Array
from redsc.limits import DEFAULT_LIMITS
from redsc.passes.base import Log
from redsc.passes.schedule import Schedule
from tests.formats.onnx.models import ints, make_node, one, onnx_model, parsed, read, weights

HUGE = 1 << 40
IMAGE = [1, 2, 4, 4]
W = weights(2, 2, 3, 3)
MOST_BYTES = 64 << 20
MOST_SECONDS = 20.0  # of the processor: 6 are needed, quadratic time would be minutes


def constant(op: str, *operands: Array, **attributes: Any) -> bytes:
    """Return a model that adds to `x` what an op makes of constants."""
    names = [f"k{i}" for i in range(len(operands))]
    nodes = [make_node(op, names, ["z"], **attributes), "y = Add(x, z)"]
    return onnx_model(nodes, {"x": [2, 3]}, dict(zip(names, operands, strict=True)))


HOSTILE = {
    "constant-of-shape": constant("ConstantOfShape", ints(HUGE, HUGE)),
    "constant-of-negative-shape": constant("ConstantOfShape", ints(-5, 3)),
    "expand": constant("Expand", weights(1), ints(1 << 20, 1 << 20)),
    "expand-data": one("Expand", [1], ints(1 << 20, 1 << 20)),
    "tile": constant("Tile", weights(4), ints(HUGE)),
    "tile-data": one("Tile", [4], ints(HUGE)),
    "tile-negative": one("Tile", [4], ints(-3)),
    "range": constant("Range", np.array(0), np.array(HUGE), np.array(1)),
    "range-of-zero-steps": constant("Range", np.array(0), np.array(5), np.array(0)),
    "one-hot": constant("OneHot", ints(*range(64)), np.array(1 << 34), ints(0, 1)),
    "pad": one("Pad", [2, 3], ints(0, HUGE, 0, HUGE)),
    "pad-negative": one("Pad", [2, 3], ints(0, -9, 0, 0)),
    "pad-conv": one("Conv", IMAGE, W, pads=[1 << 30] * 4, strides=[1 << 30, 1 << 30]),
    "pad-pool": one("AveragePool", IMAGE, kernel_shape=[1 << 31] * 2, pads=[1 << 30] * 4, strides=[1 << 30] * 2),
    "dilation": one("ConvTranspose", IMAGE, W, dilations=[1 << 20, 1 << 20], pads=[1 << 21] * 4),
    "resize": one("Resize", IMAGE, None, None, ints(1, 2, 1 << 20, 4)),
    "resize-nothing": one("Resize", IMAGE, None, None, ints(1, 2, 0, 4)),
    "resize-scale": one("Resize", IMAGE, None, np.array([1, 1, np.inf, np.nan], np.float32)),
    "reshape": one("Reshape", [2, 3], ints(HUGE, -1)),
    "input": one("Relu", [1, HUGE]),
    "input-overflow": one("Relu", [1, 1 << 32, 1 << 32]),
    "rank": one("Relu", [1] * 60),
    "gather-indices": one("Gather", [2, 3], ints(-(2**63), 2**63 - 1), axis=1),
    "slice-bounds": one("Slice", [2, 3], ints(-(2**63)), ints(2**63 - 1), ints(1), ints(-(2**63))),
    "slice-no-step": one("Slice", [2, 3], ints(0), ints(2), ints(1), ints(0)),
    "slice-of-less-than-nothing": onnx_model(  # onnx 1.23 ends the process
        ["c = ConvTranspose<pads=[1, 67, 1, 1]>(x, w)", "s = Slice(c, a, a, a)", "y = Slice(s, a, a, a)"],
        {"x": IMAGE},
        {"w": W, "a": ints(3)},
    ),
    "slice-beside-a-function": onnx_model(  # the inliner of onnx 1.23 ends it too
        [
            "c = ConvTranspose<pads=[1, 67, 1, 1]>(x, w)",
            "s = Slice(c, a, a, a)",
            "t = Slice(s, a, a, a)",
            "g = CenterCropPad<axes=[2, 3]>(x, size)",
            "y = Mul(t, g)",
        ],
        {"x": IMAGE},
        {"w": W, "a": ints(3), "size": ints(2, 2)},
    ),
    "transpose": one("Transpose", [2, 3], perm=[0, 0]),
    "groups": one("Conv", IMAGE, W, group=0),
    "group-norm": one("GroupNormalization", [1, 4, 2, 2], weights(4), weights(4), opset=21, num_groups=0),
    "depth": one("DepthToSpace", [1, 4, 2, 2], blocksize=0),
    "split-outputs": onnx_model(["a, b = Split<num_outputs=268435456>(x)", "y = Add(a, b)"], {"x": [4]}, {}),
    "depth-uneven": one("DepthToSpace", [1, 10, 2, 2], blocksize=3, mode="CRD"),
    "depth-many": one("DepthToSpace", [1, 1 << 25, 2, 2], blocksize=2, mode="CRD"),
    "concat-axis": onnx_model(["y = Concat<axis=9>(x, x)"], {"x": [4]}, {}),
    "no-axis": onnx_model(["y = Concat(x, x)"], {"x": [4]}, {}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_asks_for_too_much_is_refused(case: str) -> None:
    read(one("Relu", [2]))  # what is imported is not counted
    tracemalloc.start()
    try:
        with pytest.raises(RedscError):
            read(HOSTILE[case])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES


def chain(length: int, *ops: str, source: str = "x") -> list[str]:
    """Return a chain of nodes from `source` to `y`."""
    names = [source, *(f"t{i}" for i in range(length - 1)), "y"]
    return [f"{names[i + 1]} = {ops[i % len(ops)]}({names[i]})" for i in range(length)]


def comb(length: int) -> list[str]:
    """Return additions, each of the sum so far to something new: layouts join from the far end."""
    sums = ["x", *(f"a{i}" for i in range(length // 2 - 1)), "y"]
    pairs = ((f"r{i} = Relu(x)", f"{sums[i + 1]} = Add(r{i}, {sums[i]})") for i in range(length // 2))
    return [node for pair in pairs for node in pair]


LONG = {
    "chain": (chain(DEFAULT_LIMITS.nodes, "Relu"), DEFAULT_LIMITS.nodes),
    "identities": (chain(DEFAULT_LIMITS.nodes, "Identity", "Relu"), DEFAULT_LIMITS.nodes // 2),
    "comb": (comb(DEFAULT_LIMITS.nodes), DEFAULT_LIMITS.nodes),
}


@pytest.mark.parametrize("case", LONG)
def test_long_models_take_linear_time(case: str) -> None:
    nodes, wanted = LONG[case]
    data = onnx_model(nodes, {"x": [1, 4]}, {})
    start = time.process_time()
    assert len(read(data).nodes) == wanted
    assert time.process_time() - start < MOST_SECONDS


def test_long_chains_of_constants_are_folded_in_linear_time() -> None:
    nodes = [*chain(DEFAULT_LIMITS.nodes - 1, "Neg", source="k"), "z = Add(x, y)"]
    start = time.process_time()
    graph = read(onnx_model(nodes, {"x": [1, 4]}, {"k": weights(4)}, outputs=["z"]))
    assert [node.op for node in graph.nodes] == ["ADD"]
    assert time.process_time() - start < MOST_SECONDS


def doubling(steps: int, op: str = "Relu") -> bytes:
    """Return a model of functions that call the one before twice: 2^steps nodes once they are written out."""
    model = onnx.load_model_from_string(onnx_model([f"y = {op}(x)"], {"x": [1, 4]}, {}))
    for step in range(steps):
        called = f"f.f{step - 1}" if step else op
        nodes = parsed([f"c = {called}(a)", f"b = {called}(c)"])
        model.functions.append(helper.make_function("f", f"f{step}", ["a"], ["b"], nodes, model.opset_import))
    model.graph.node[0].CopyFrom(*parsed([f"y = f.f{steps - 1}(x)"]))
    for item in (model, *model.functions):
        item.opset_import.append(helper.make_opsetid("f", 1))
    return bytes(model.SerializeToString())


def test_functions_make_so_many_nodes_of_each_one_in_the_file() -> None:
    assert len(read(doubling(8)).nodes) == 256
    with pytest.raises(LimitExceeded, match=f"the 19 nodes are more than {19 * DEFAULT_LIMITS.growth} with"):
        read(doubling(9))


def test_planning_takes_linear_time() -> None:
    """Of memory and order: 4 s are needed, quadratic time would be minutes."""
    graph = read(onnx_model(chain(DEFAULT_LIMITS.unrolled, "Sigmoid"), {"x": [1, 4]}, {}))
    start = time.process_time()
    Schedule().run(graph, Log())
    assert measure_memory(graph).status == "optimal"
    assert time.process_time() - start < MOST_SECONDS


def test_more_nodes_than_the_limit_are_refused() -> None:
    with pytest.raises(RedscError):
        read(onnx_model(chain(DEFAULT_LIMITS.nodes + 1, "Relu"), {"x": [1, 4]}, {}))
