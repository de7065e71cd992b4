from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from redsc.cost.liveness import LiveRange, live_at, live_pairs, live_ranges, peak_working_set, working_sets
from redsc.ir import Graph, GraphBuilder, parse_graph
from tests.strategies import graphs

RESIDUAL = """graph @g {
  input %x: f32[4]
  %a: f32[4] = RELU(%x)
  %b: f32[4] = RELU6(%a)
  %c: f32[4] = ADD(%a, %b)
  %d: f32[4] = RELU(%c)
  output %d
  output %b
}"""


@given(graphs())
def test_pairs_that_are_live_together_are_counted_without_looking_at_each(graph: Graph) -> None:
    ranges = [*live_ranges(graph).values()]
    assert live_pairs(ranges) == sum(a.overlaps(b) for a, b in combinations(ranges, 2))


def _ranges(text: str) -> dict[str, tuple[int, int]]:
    return {value.name: (live.start, live.end) for value, live in live_ranges(parse_graph(text)).items()}


def test_a_value_lives_from_its_producer_to_its_last_reader() -> None:
    assert _ranges(RESIDUAL) == {"x": (-1, 1), "a": (0, 3), "b": (1, 4), "c": (2, 4), "d": (3, 4)}


def test_an_input_that_nobody_reads_lives_before_the_first_step() -> None:
    text = "graph @g { input %x: f32[4] input %idle: f32[4] %y: f32[4] = RELU(%x) output %y }"
    assert _ranges(text)["idle"] == (-1, 0)


def test_an_input_that_is_an_output_lives_to_the_end() -> None:
    text = "graph @g { input %x: f32[4] %y: f32[4] = RELU(%x) %z: f32[4] = RELU(%y) output %x output %z }"
    assert _ranges(text)["x"] == (-1, 2)


def test_a_value_that_nobody_reads_lives_in_its_own_step() -> None:
    text = "graph @g { input %x: f32[4] %y: f32[4] = RELU(%x) %z: f32[4] = RELU(%x) output %z }"
    assert _ranges(text)["y"] == (0, 1)


def test_constants_do_not_live_in_ram() -> None:
    text = "graph @g { input %x: f32[2] const %c: f32[2] = [1.0,2.0] %y: f32[2] = ADD(%x, %c) output %y output %c }"
    assert list(_ranges(text)) == ["x", "y"]


def test_a_working_set_is_what_is_live_while_a_node_runs() -> None:
    sets = working_sets(parse_graph(RESIDUAL))
    assert [[value.name for value in item.values] for item in sets] == [
        ["x", "a"],
        ["a", "b"],
        ["a", "b", "c"],
        ["b", "c", "d"],
    ]
    assert [item.nbytes for item in sets] == [32, 32, 48, 48]


def test_the_peak_is_the_first_of_the_largest() -> None:
    peak = peak_working_set(parse_graph(RESIDUAL))
    assert peak is not None
    assert (peak.step, peak.node.name) == (2, "c")


def test_a_graph_without_nodes_has_no_peak() -> None:
    builder = GraphBuilder()
    assert peak_working_set(builder.output(builder.input("x", (4,)))) is None


@given(st.tuples(*[st.integers(0, 6)] * 4))
def test_ranges_overlap_if_they_share_a_step(ends: tuple[int, int, int, int]) -> None:
    a, b = LiveRange(ends[0], ends[0] + ends[1]), LiveRange(ends[2], ends[2] + ends[3])
    shared = set(range(a.start, a.end)) & set(range(b.start, b.end))
    if a.start < a.end and b.start < b.end:
        assert a.overlaps(b) == b.overlaps(a) == bool(shared)


@given(graphs())
def test_everything_a_node_touches_is_live_while_it_runs(graph: Graph) -> None:
    for item in working_sets(graph):
        touched = {v for v in (*item.node.present_inputs(), *item.node.outputs) if not v.is_constant}
        assert touched <= set(item.values)
        assert item.nbytes >= sum(value.type.nbytes for value in touched)


@given(graphs())
def test_live_ranges_come_in_the_order_of_activations(graph: Graph) -> None:
    ranges = live_ranges(graph)
    assert list(ranges) == graph.activations()
    assert all(live.start < live.end for live in ranges.values())
    assert all(ranges[value].end == len(graph.nodes) for value in graph.outputs)


@given(st.lists(st.builds(LiveRange, st.integers(-1, 9), st.integers(-1, 9))), st.sets(st.integers(-2, 10)))
def test_what_is_live_at_a_step_is_what_holds_it(ranges: list[LiveRange], steps: set[int]) -> None:
    wanted = [{i for i, live in enumerate(ranges) if live.start <= step < live.end} for step in sorted(steps)]
    found = list(live_at(ranges, sorted(steps)))
    assert list(map(set, found)) == wanted
    assert all(live == sorted(live, key=lambda i: (ranges[i].start, i)) for live in found)
