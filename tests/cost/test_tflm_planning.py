"""The smallest arena with which the real interpreter loads a model is what tail, head and planning say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
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

    def assert_smallest(self, graph: Graph) -> None:
        """Check both sides of the computed size; the wheel's arena may lose up to an alignment at either end."""
        memory = measure_memory(graph, X86_64_RECORDING)
        model = write_tflite(graph, memory.offsets)
        assert self.loads(model, memory.arena_bytes + 2 * ALIGNMENT_BYTES)
        assert not self.loads(model, memory.arena_bytes - 2 * ALIGNMENT_BYTES)


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
    memory = measure_memory(WIDE[op], X86_64_RECORDING)
    assert memory.temporary_bytes > 2000
    loader.assert_smallest(WIDE[op])


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8], ids=lambda dtype: dtype.value)
@pytest.mark.parametrize("name", GRAPHS)
def test_the_smallest_arena_of_every_op(name: str, dtype: DType, loader: Loader) -> None:
    loader.assert_smallest(generate(name, dtype))


@pytest.mark.parametrize(
    "model", [f"{TFLM}/hello_world_int8.tflite", f"{MLPERF}/ad01_int8.tflite", f"{MLPERF}/vww_96_int8.tflite"]
)
def test_the_smallest_arena_of_the_zoo(zoo: Zoo, model: str, loader: Loader) -> None:
    loader.assert_smallest(load_model(zoo(model)).graph)
