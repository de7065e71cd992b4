"""Variables in the C engine: what one inference leaves for the next, for all levels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from redsc.codegen.engine_image import Image, build_image
from redsc.codegen.render import render
from redsc.engine.program import lower_graph
from redsc.engine.shared import find_shared
from redsc.engine.sources import needed_files
from redsc.formats import load_model
from redsc.ir import (
    Array,
    Concatenation,
    DType,
    FullyConnected,
    Graph,
    GraphBuilder,
    Quant,
    Reshape,
    Value,
    Variable,
)
from tests.conftest import Zoo
from tests.firmware.build import FIRMWARE, build, run
from tests.firmware.engine.harness import HOST_SANITIZED, M4, Machine, places_apart, run_engine
from tests.firmware.engine.merging import expected, samples_of
from tests.helpers import streaming_net
from tests.zoo_models import STREAMING

pytest.importorskip("tflite_micro", reason="the oracle is TFLM's interpreter")
STEPS = 20


def stream(builder: GraphBuilder, x: Value, name: str, initial: Array) -> Value:
    """Return a window over the newest rows: what is kept of those before, and the new one."""
    kept = builder.op(
        "READ_VARIABLE", builder.constant(f"{name}_initial", initial, x.type.quant), attrs=Variable(name),
        name=name, dtype=x.type.dtype, quant=x.type.quant,
    )  # fmt: skip
    window = builder.op("CONCATENATION", kept, x, attrs=Concatenation(1), quant=x.type.quant)
    begin, size = (np.array(row, np.int32) for row in ([0, 1, 0], initial.shape))
    newest = builder.op(
        "SLICE", window, builder.constant("begin", begin), builder.constant("size", size), quant=x.type.quant
    )
    builder.split_op("ASSIGN_VARIABLE", newest, attrs=Variable(name), names=())
    return window


def streaming_graph(dtype: DType, initial: float) -> Graph:
    """Two windows of different lengths over one input, one of them mixed by a dense layer if that is in float."""
    builder, random = GraphBuilder(), np.random.default_rng(0)
    x = builder.input("x", (1, 1, 5), dtype, Quant.per_tensor(0.04, -5) if dtype is DType.INT8 else None)
    start = np.full((1, 3, 5), initial).astype(dtype.numpy)
    window = stream(builder, x, "short", start)
    if dtype is DType.FLOAT32:
        rows = builder.op("RESHAPE", window, attrs=Reshape((4, 5)))
        weight = builder.constant("w", random.standard_normal((5, 5)).astype(np.float32))
        mixed = builder.op("FULLY_CONNECTED", rows, weight, None, attrs=FullyConnected())
        window = builder.op("RESHAPE", mixed, attrs=Reshape((1, 4, 5)))
    more = (random.integers(0, 50, (1, 7, 5)) * (initial != 0)).astype(dtype.numpy)
    return builder.output(window, stream(builder, x, "long", more))


GRAPHS = [streaming_graph(dtype, initial) for dtype in (DType.INT8, DType.FLOAT32) for initial in (0, 3)]


def check(found: Sequence[Sequence[Array]], wanted: Sequence[Sequence[Array]]) -> None:
    for step, (array, wanted_array) in enumerate(zip(chain(*found), chain(*wanted), strict=True)):
        if array.dtype == np.float32:
            np.testing.assert_allclose(array, wanted_array, rtol=1e-5, atol=1e-5, err_msg=f"output {step}")
        else:
            np.testing.assert_array_equal(array, wanted_array, f"output {step}")


@pytest.mark.parametrize("machine", [HOST_SANITIZED, M4], ids=["host", "cortex-m4"])
@pytest.mark.parametrize("graph", GRAPHS, ids=["int8-zeros", "int8", "float-zeros", "float"])
def test_twenty_steps(graph: Graph, machine: Machine) -> None:
    (samples,) = samples_of([graph], STEPS)
    wanted = expected(graph, samples)
    assert not np.array_equal(wanted[0][1], expected(graph, samples[1:2])[0][1])  # a step depends on those before
    check(run_engine(graph, samples, machine), wanted)


@pytest.mark.parametrize("machine", [HOST_SANITIZED, M4], ids=["host", "cortex-m4"])
@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_twenty_steps_of_a_network(dtype: DType, machine: Machine) -> None:
    """Windows, convolutions and pools; the state begins with other numbers than 0."""
    graph = streaming_net(dtype)
    (samples,) = samples_of([graph], STEPS)
    check(run_engine(graph, samples, machine), expected(graph, samples))


def test_twenty_steps_of_a_wake_word_model(zoo: Zoo) -> None:
    graph = load_model(zoo(STREAMING)).graph
    (samples,) = samples_of([graph], STEPS)
    check(run_engine(graph, samples), expected(graph, samples))


DRIVER = """
#include <stdio.h>
#include <stdint.h>
#include <string.h>
{program}
static union {{ uint8_t bytes[{arena}]; uint64_t aligned[1]; }} memory __attribute__((aligned(16)));
int main(void) {{
  FILE *in = fopen("in.bin", "rb"), *out = fopen("out.bin", "wb");
  int step;
  for (step = 0; step < {steps}; ++step) {{
    if (step == {reset}) t_reset();
    memset(memory.bytes, 0xA5, sizeof memory.bytes);
    if (fread(memory.bytes + {input_at}, {input_bytes}, 1, in) != 1) return 2;
    if (step % 3) t_run_0(memory.bytes); else t_run_1(memory.bytes);
    if (fwrite(memory.bytes + {output_at}, {output_bytes}, 1, out) != 1) return 2;
  }}
  return fclose(in) != 0 || fclose(out) != 0;
}}
"""


def two_levels(graph: Graph) -> tuple[Image, dict[str, int]]:
    """Return one network as two levels, and where the driver finds its first ports."""
    places, arena = places_apart(graph)
    levels = [lower_graph(graph, places, find_shared([graph])) for _ in range(2)]
    first_input, first_output = graph.inputs[0], graph.outputs[0]
    numbers = {
        "arena": arena,
        "input_at": places.tensors[first_input],
        "input_bytes": first_input.type.nbytes,
        "output_at": places.tensors[first_output],
        "output_bytes": first_output.type.nbytes,
    }
    return build_image("t", levels), numbers


@pytest.mark.parametrize("graph", GRAPHS, ids=["int8-zeros", "int8", "float-zeros", "float"])
def test_levels_share_their_state_and_a_reset_begins_anew(tmp_path: Path, graph: Graph) -> None:
    reset, (samples,) = 11, samples_of([graph], STEPS)
    image, numbers = two_levels(graph)
    program = render("engine_program.c.j2", image=image, symbol="t", suffixes=["0", "1"], is_placed=False).decode()
    source = tmp_path / "model.c"
    source.write_text(DRIVER.format(program=program, steps=STEPS, reset=reset, **numbers))
    (tmp_path / "in.bin").write_bytes(b"".join(array.tobytes() for sample in samples for array in sample))
    kernels = tuple(FIRMWARE / name for name in needed_files(image.sources) if name.endswith(".c"))
    tools, flags = HOST_SANITIZED.toolchain, HOST_SANITIZED.flags
    run(tools, build(tools, (source, *kernels), flags), tmp_path)
    y = graph.outputs[0].type
    found = np.fromfile(tmp_path / "out.bin", y.dtype.numpy).reshape(STEPS, 1, *y.shape)
    wanted = [*expected(graph, samples[:reset]), *expected(graph, samples[reset:])]
    check(list(found), [row[:1] for row in wanted])


def test_variables_take_no_more_than_their_bytes() -> None:
    image, _ = two_levels(GRAPHS[0])
    assert image.state_bytes == 16 + 36  # 15 and 35 bytes, each at a word
    assert image.is_reset_at_zero
    assert image.resets == ("memset(STATE(uint8_t, 0), 0, 52);",)
