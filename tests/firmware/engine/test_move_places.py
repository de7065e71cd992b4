"""Where tensors may lie in the C engine: results over operands, parts inside others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.cost.overlap import overlap_distance
from redsc.cost.views import find_views
from redsc.engine.program import Places, lower_graph
from redsc.engine.shared import find_shared
from redsc.ir import Concatenation, DType, Graph, GraphBuilder, Reshape, Shape, Split, Value
from tests.firmware.engine.harness import HOST_SANITIZED, M4, Machine, places_apart, run_engine
from tests.firmware.engine.merging import (
    expected,
    merged,
    merged_samples,
    results_over_operands,
    samples_of,
    split_outputs,
)
from tests.firmware.engine.move_cases import random_graphs

pytest.importorskip("tflite_micro", reason="the oracle is TFLM's interpreter")


def check_over_operands(graphs: Sequence[Graph], machine: Machine, nearer: int) -> None:
    samples = samples_of(graphs)
    layout = results_over_operands(graphs, nearer)
    found = split_outputs(graphs, run_engine(merged(graphs), merged_samples(samples), machine, layout))
    for graph, rows, inputs in zip(graphs, found, samples, strict=True):
        for array, wanted in zip(chain(*rows), chain(*expected(graph, inputs)), strict=True):
            np.testing.assert_array_equal(array, wanted, str(graph.nodes))


@pytest.mark.parametrize("machine", [HOST_SANITIZED, M4], ids=["host", "cortex-m4"])
def test_padded_images_may_lie_over_the_images(machine: Machine) -> None:
    graphs = [*random_graphs("PAD", 3, 60), *random_graphs("PADV2", 4, 60)]
    assert all(overlap_distance(graph.nodes[0], 0, Kernels.ENGINE) is not None for graph in graphs)
    check_over_operands(graphs, machine, 0)


def test_padded_images_that_lie_nearer_spoil_the_images() -> None:
    with pytest.raises(AssertionError, match="PAD"):
        check_over_operands(random_graphs("PAD", 3, 60), HOST_SANITIZED, ALIGNMENT_BYTES)


def joined_and_cut(heads: Shape, tails: Shape, axis: int) -> Graph:
    """Two inputs side by side, reshaped, then cut in halves."""
    builder = GraphBuilder()
    inputs = [builder.input("x", shape, DType.FLOAT32) for shape in (heads, tails)]
    whole = builder.op("CONCATENATION", *inputs, attrs=Concatenation(axis))
    flat = builder.op("RESHAPE", whole, attrs=Reshape((2, whole.type.elements // 2)))
    place = builder.constant("axis", np.array(0, np.int32))
    return builder.output(*builder.split_op("SPLIT", place, flat, attrs=Split(2), names=("a", "b")))


def with_views(graph: Graph) -> tuple[Places, int]:
    """Return places where every tensor that is a part of another lies in it."""
    places, nbytes = places_apart(graph)
    tensors, parts = dict(places.tensors), {part: (whole, start) for part, whole, start in find_views(graph)}

    def place(value: Value) -> int:
        if value not in parts:
            return tensors[value]
        whole, start = parts[value]
        return place(whole) + start

    return Places({value: place(value) for value in tensors}, {}), nbytes


@pytest.mark.parametrize(
    ("graph", "calls"),
    [
        (joined_and_cut((1, 3, 4), (1, 5, 4), 1), 1),  # the reshaped tensor, as the parts have taken the place
        (joined_and_cut((2, 4, 4), (2, 4, 4), 1), 2),  # neither input lies in one piece of the whole
        (joined_and_cut((1, 1, 3), (1, 1, 5), 2), 2),  # one input would begin where no tensor may
    ],
)
def test_what_lies_in_place_is_not_copied(graph: Graph, calls: int) -> None:
    layout = with_views(graph)
    assert len(list(lower_graph(graph, layout[0], find_shared([graph])).calls())) == calls
    (samples,) = samples_of([graph], 3)
    found = run_engine(graph, samples, layout=layout)
    for array, wanted in zip(chain(*found), chain(*expected(graph, samples)), strict=True):
        np.testing.assert_array_equal(array, wanted)
