"""The smallest arena with which the real interpreter loads a model is what tail, head and planning say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from redsc.cost.buffer import ALIGNMENT_BYTES, aligned
from redsc.cost.memory import measure_memory
from redsc.cost.tflm.structs import X86_64_RECORDING
from redsc.cost.tflm.tail import prepare_tail
from redsc.formats import load_model, write_tflite
from redsc.ir import (
    LSTM,
    NO_ATTRS,
    Conv2D,
    DepthwiseConv2D,
    DType,
    FullyConnected,
    Graph,
    GraphBuilder,
    Node,
    Quant,
    Shape,
    TensorType,
    Value,
)
from tests.conftest import Zoo
from tests.cost.tflm.kernel_graphs import GRAPHS
from tests.zoo_models import MLPERF, TFLM

# What these keep comes after their last temporary. TFLM does not check the one against the other: with less than we
# ask for it loads with both on the same bytes, or crashes.
KEPT_LATE = {
    *("ADD_N", "BATCH_MATMUL", "CUMSUM", "DEPTH_TO_SPACE", "EMBEDDING_LOOKUP", "FULLY_CONNECTED", "GATHER"),
    *("GATHER_ND", "L2_POOL_2D", "LOG_SOFTMAX", "SPACE_TO_DEPTH"),
}
# Too small an arena may crash TFLM: each attempt has a process of its own, forked because the import is slow.
LOADS = """
import os, sys
from tflite_micro import runtime
for line in sys.stdin:
    path, size = line.split()
    child = os.fork()
    if child == 0:
        try:
            runtime.Interpreter.from_bytes(open(path, "rb").read(), arena_size=int(size))
        except RuntimeError:
            os._exit(1)
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@dataclass(frozen=True)
class Loader:
    """Asks the real interpreter whether a model loads into an arena."""

    process: subprocess.Popen[str]
    folder: Path

    def loads(self, model: bytes, arena_bytes: int) -> bool:
        (self.folder / "net.tflite").write_bytes(model)
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"net.tflite {arena_bytes}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline()) == 0

    def assert_smallest(self, graph: Graph, unchecked: int = 0) -> None:
        """Check both sides of the computed size; the wheel's arena may lose up to an alignment at either end."""
        memory = measure_memory(graph, abi=X86_64_RECORDING)
        model = write_tflite(graph, memory.offsets)
        assert self.loads(model, memory.arena_bytes + 2 * ALIGNMENT_BYTES)
        assert not self.loads(model, memory.arena_bytes - unchecked - 2 * ALIGNMENT_BYTES)


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loader]:
    pytest.importorskip("tflite_micro")
    folder = tmp_path_factory.mktemp("loader")
    with subprocess.Popen(
        [sys.executable, "-c", LOADS],
        cwd=folder,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        yield Loader(process, folder)
        assert process.stdin
        process.stdin.close()


def wide(op: str, shape: Shape, channels: int) -> Graph:
    """Return one int8 layer with a scale per output channel: its zero points are copied while it prepares."""
    b = GraphBuilder()
    axis, attrs = {
        "CONV_2D": (0, Conv2D()),
        "DEPTHWISE_CONV_2D": (3, DepthwiseConv2D(depth_multiplier=10)),
        "FULLY_CONNECTED": (0, FullyConnected()),
    }[op]
    scales = Quant((0.25,) * channels, (0,), axis)
    x = b.input("x", (1, 1, 1, 64) if len(shape) == 4 else (1, 64), DType.INT8, Quant.per_tensor(0.5))
    weight = b.constant("weight", np.zeros(shape, np.int8), scales)
    bias = b.constant("bias", np.zeros(channels, np.int32), Quant((0.125,) * channels, (0,)))
    return b.output(b.op(op, x, weight, bias, attrs=attrs, quant=Quant.per_tensor(0.5)))


WIDE = {
    "CONV_2D": wide("CONV_2D", (640, 1, 1, 64), 640),
    "DEPTHWISE_CONV_2D": wide("DEPTHWISE_CONV_2D", (1, 1, 1, 640), 640),
    "FULLY_CONNECTED": wide("FULLY_CONNECTED", (640, 64), 640),
}


@pytest.mark.parametrize("op", WIDE)
def test_wide_layers_need_more_while_they_prepare_than_while_they_run(op: str, loader: Loader) -> None:
    memory = measure_memory(WIDE[op], abi=X86_64_RECORDING)
    assert memory.temporary_bytes > 2000
    loader.assert_smallest(WIDE[op])


@pytest.mark.parametrize("name", GRAPHS)
def test_the_smallest_arena_of_every_op(name: str, loader: Loader) -> None:
    loader.assert_smallest(GRAPHS[name]())


def takes_many_scales(node: Node, value: Value) -> bool:
    """Whether the kernel loads whatever scales the value has; files keep none of float."""
    if node.op in WIDE or node.op in ("TRANSPOSE_CONV", LSTM):
        return value.type.dtype is not DType.FLOAT32 and not value.is_constant
    if node.op == "QUANTIZE":
        return value.type.dtype is not DType.FLOAT32 and value not in node.outputs
    if node.op in ("ADD", "SUB", "DIV"):
        return value.type.dtype is DType.INT8
    return value.type.dtype is not DType.FLOAT32


def many_scales(kind: TensorType, number: int) -> TensorType:
    """Return a type with so many scales that how often TFLM copies the zero points shows in the sum of all."""
    quant = kind.quant or Quant.per_tensor(0.5)
    count = 200 * 4**number
    return replace(kind, quant=Quant(quant.scales * count, quant.zero_points * count))


def between_maxima(graph: Graph) -> Graph:
    """Return a graph of one node whose values have many scales each.

    The interpreter asks for its ports too: they are other values, and MAXIMUM, whose kernel asks for nothing, is
    between.
    """
    (node,) = graph.nodes
    wide, inner = Graph(), {}
    number = 0
    for value in dict.fromkeys((*node.present_inputs(), *node.outputs)):
        has_many = takes_many_scales(node, value)
        kind = many_scales(value.type, number) if has_many else value.type
        inner[value], number = Value(f"inner {value.name}", kind, value.data), number + has_many
    for port in graph.inputs:
        wide.inputs.append(Value(port.name, port.type))
        wide.append("MAXIMUM", [wide.inputs[-1]] * 2, [inner[port]], NO_ATTRS)
    operands = [inner[value] if value else None for value in node.inputs]
    wide.append(node.op, operands, [inner[value] for value in node.outputs], node.attrs)
    for port in graph.outputs:
        wide.outputs.append(Value(port.name, port.type))
        wide.append("MAXIMUM", [inner[port]] * 2, [wide.outputs[-1]], NO_ATTRS)
    return wide


@pytest.mark.parametrize("name", [name for name in GRAPHS if len(GRAPHS[name]().nodes) == 1])
def test_every_kernel_asks_for_the_tensors_of_its_row(name: str, loader: Loader) -> None:
    graph = between_maxima(GRAPHS[name]())
    late = [layout for n in graph.nodes if n.op in KEPT_LATE for layout in prepare_tail(n, X86_64_RECORDING)]
    loader.assert_smallest(graph, unchecked=sum(aligned(layout.size) for layout in late))


@pytest.mark.parametrize(
    "model", [f"{TFLM}/hello_world_int8.tflite", f"{MLPERF}/ad01_int8.tflite", f"{MLPERF}/vww_96_int8.tflite"]
)
def test_the_smallest_arena_of_the_zoo(zoo: Zoo, model: str, loader: Loader) -> None:
    loader.assert_smallest(load_model(zoo(model)).graph)
