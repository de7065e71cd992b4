from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.cost.arena import ArenaProblem, plan_arena
from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.cost.memory import arena_problem, measure_memory
from redsc.cost.views import find_views
from redsc.formats import write_tflite
from redsc.ir import parse_graph
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples


def views(text: str) -> list[tuple[str, str, int]]:
    return [(part.name, whole.name, start) for part, whole, start in find_views(parse_graph(text))]


CUT = """graph @g {
  input %x: f32[1,8,4]
  const %axis: i32[] = [1]
  %r: f32[1,8,4] = RELU(%x)
  %a: f32[1,4,4], %b: f32[1,4,4] = SPLIT(%axis, %r) {num_splits=2}
  %t: f32[1,4,4] = TANH(%a)
  %y: f32[1,8,4] = CONCATENATION(%t, %b) {axis=1, activation=NONE}
  output %y
}
"""


def test_rule_1_a_reshape_is_its_operand() -> None:
    assert views("graph @g { input %x: f32[4] %y: f32[2,2] = RESHAPE(%x) {new_shape=[2,2]} output %y }") == [
        ("y", "x", 0)
    ]


def test_rule_2_pieces_lie_in_their_operand_and_operands_in_what_joins_them() -> None:
    text = CUT.replace("{axis=1, activation=NONE}", "{axis=1}")
    assert views(text) == [("a", "r", 0), ("b", "r", 64), ("t", "y", 0)]


def test_rule_2_a_cut_of_an_inner_axis_is_not_contiguous() -> None:
    text = "graph @g { input %x: f32[2,8] const %axis: i32[] = [1] %a: f32[2,4], %b: f32[2,4] = SPLIT(%axis, %x) {num_splits=2} output %a output %b }"  # noqa: E501
    assert views(text) == []
    assert len(views(text.replace("2,8", "1,8").replace("2,4", "1,4"))) == 2


@pytest.mark.parametrize(("begin", "size", "start"), [("2,0", "3,4", 32), ("0,0", "2,4", 0), ("0,1", "3,3", None)])
def test_rule_2_a_slice_of_whole_rows_is_contiguous(begin: str, size: str, start: int | None) -> None:
    text = f"graph @g {{ input %x: f32[8,4] const %b: i32[2] = [{begin}] const %s: i32[2] = [{size}] %y: f32[{size}] = SLICE(%x, %b, %s) output %y }}"  # noqa: E501
    assert views(text) == ([] if start is None else [("y", "x", start)])


@st.composite
def cuts(draw: DrawFn) -> tuple[list[int], list[slice], int]:
    """Return a shape, what is taken of every axis, and which axes give one element and go."""
    shape = [draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.sampled_from([1, 4, 8]))]
    taken = [
        slice(draw(st.integers(0, n - 1)), draw(st.integers(1, n)), draw(st.sampled_from([1, 1, 2]))) for n in shape
    ]
    assume(all(cut.start < cut.stop for cut in taken))
    return shape, taken, draw(st.sampled_from([0, 0, 1, 2, 5]))


@given(cuts())
def test_rule_2_holds_for_every_strided_slice(case: tuple[list[int], list[slice], int]) -> None:
    shape, taken, shrunk = case
    index = tuple(cut.start if shrunk >> axis & 1 else cut for axis, cut in enumerate(taken))
    places = np.arange(np.prod(shape)).reshape(shape)[index]
    numbers = {"b": [c.start for c in taken], "e": [c.stop for c in taken], "s": [c.step for c in taken]}
    constants = "".join(f"const %{name}: i32[3] = {row} " for name, row in numbers.items())
    text = f"graph @g {{ input %x: f32{shape} {constants} %y: f32{list(places.shape)} = STRIDED_SLICE(%x, %b, %e, %s) {{begin_mask=0, end_mask=0, shrink_axis_mask={shrunk}}} output %y }}"  # noqa: E501
    start = 4 * int(places.reshape(-1)[0])
    is_part = (np.diff(places.reshape(-1)) == 1).all() and start % ALIGNMENT_BYTES == 0
    assert views(text) == ([("y", "x", start)] if is_part else [])


def test_a_slice_of_a_large_tensor_takes_no_memory() -> None:
    text = "graph @g { input %x: i8[16384,16384] q(1,0) const %b: i32[2] = [1,0] const %s: i32[2] = [2,16384] %y: i8[2,16384] q(1,0) = SLICE(%x, %b, %s) output %y }"  # noqa: E501
    tracemalloc.start()
    assert views(text) == [("y", "x", 16384)]
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_rule_3_a_part_starts_at_a_multiple_of_16_bytes() -> None:
    text = "graph @g { input %x: f32[2] input %z: f32[4] %y: f32[6] = CONCATENATION(%x, %z) {axis=0} output %y }"
    assert views(text) == [("x", "y", 0)]


def test_rule_3_parts_that_overlap_are_copied() -> None:
    text = "graph @g { input %x: f32[8,4] const %a: i32[2] = [0,0] const %b: i32[2] = [2,0] const %s: i32[2] = [4,4] %y: f32[4,4] = SLICE(%x, %a, %s) %z: f32[4,4] = SLICE(%x, %b, %s) output %y output %z }"  # noqa: E501
    assert views(text) == [("y", "x", 0)]


def test_rule_4_a_tensor_that_is_joined_twice_is_a_part_of_the_first() -> None:
    text = "graph @g { input %x: f32[4] input %z: f32[4] %y: f32[8] = CONCATENATION(%x, %z) {axis=0} %w: f32[8] = CONCATENATION(%z, %x) {axis=0} output %y output %w }"  # noqa: E501
    assert views(text) == [("x", "y", 0), ("z", "y", 16)]


@pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
def test_views_save_their_bytes_and_change_nothing() -> None:
    graph = parse_graph(CUT.replace("{axis=1, activation=NONE}", "{axis=1}"))
    problem = arena_problem(graph)
    apart = plan_arena(ArenaProblem(problem.buffers))
    memory = measure_memory(graph)
    assert memory.head_bytes < apart.height
    assert memory.status == "optimal"
    samples, run = random_samples(graph, 4), EXECUTORS["tflm"].run
    assert difference(run(write_tflite(graph), samples), run(write_tflite(graph, memory.offsets), samples)) is None
