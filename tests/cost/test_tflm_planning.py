"""The smallest arena with which the real interpreter loads a model is what tail, head and planning say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.cost.memory import measure_memory
from redsc.cost.tflm_structs import X86_64_RECORDING
from redsc.formats import load_model, write_tflite
from redsc.ir import Conv2D, DepthwiseConv2D, DType, FullyConnected, Graph, GraphBuilder, Quant, Shape
from tests.conftest import Zoo
from tests.cost.test_tflm_tail import GRAPHS, generate
from tests.helpers import MLPERF, TFLM

LOADS = """
import sys
from tflite_micro import runtime
model = open(sys.argv[1], "rb").read()
for size in map(int, sys.argv[2:]):
    try:
        runtime.Interpreter.from_bytes(model, arena_size=size)
        print("loads", flush=True)
    except RuntimeError:
        print("fails", flush=True)
"""


def assert_smallest_arena(graph: Graph, folder: Path) -> None:
    """Check both sides of the computed size; a process of its own, for too small an arena may crash TFLM."""
    pytest.importorskip("tflite_micro")
    memory = measure_memory(graph, X86_64_RECORDING)
    needed = memory.arena_bytes
    (folder / "net.tflite").write_bytes(write_tflite(graph, memory.offsets))
    # The wheel's arena is not aligned: it may lose up to an alignment at either end.
    sizes = [needed + 2 * ALIGNMENT_BYTES, needed - 2 * ALIGNMENT_BYTES]
    command = [sys.executable, "-c", LOADS, "net.tflite", *map(str, sizes)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.stdout.split()[:1] == ["loads"]
    assert done.returncode != 0 or done.stdout.split()[1:] == ["fails"]


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
def test_wide_layers_need_more_while_they_prepare_than_while_they_run(op: str, tmp_path: Path) -> None:
    memory = measure_memory(WIDE[op], X86_64_RECORDING)
    assert memory.temporary_bytes > 2000
    assert_smallest_arena(WIDE[op], tmp_path)


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8], ids=lambda dtype: dtype.value)
@pytest.mark.parametrize("name", GRAPHS)
def test_the_smallest_arena_of_every_op(name: str, dtype: DType, tmp_path: Path) -> None:
    assert_smallest_arena(generate(name, dtype), tmp_path)


@pytest.mark.parametrize(
    "model", [f"{TFLM}/hello_world_int8.tflite", f"{MLPERF}/ad01_int8.tflite", f"{MLPERF}/vww_96_int8.tflite"]
)
def test_the_smallest_arena_of_the_zoo(zoo: Zoo, model: str, tmp_path: Path) -> None:
    assert_smallest_arena(load_model(zoo(model)).graph, tmp_path)
