"""Levels of a network that keeps state: what they may cut, that all share the state, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.choices import TFLM_KERNELS, Kernels, Resident, Sharing
from redsc.codegen.container import build_container, slot_bytes
from redsc.cost.memory import head_bytes, measure_memory, resident_all_bytes
from redsc.cost.order import find_order, order_problem
from redsc.cost.tflm.structs import ARM_32, X86_64_RECORDING
from redsc.cost.tflm.tail import state_bytes, tail_bytes
from redsc.formats import read_tflite, write_tflite
from redsc.ir import Array, DType, Graph, Value, copy_graph, keeps_state, state_reads, verify_graph
from redsc.options import Options
from redsc.passes import SIMPLIFY
from redsc.passes.base import Log, load_pass, run_passes
from redsc.passes.levels import Levels, choose_levels
from redsc.passes.schedule import Schedule
from redsc.passes.select.make_problem import make_problem
from redsc.passes.select.sums.nesting import Nesting
from redsc.passes.select.sums.ram import RamModel
from redsc.passes.simplify.drop_dead_nodes import DropDeadNodes
from redsc.passes.slice.selftest import check_permutation
from redsc.passes.slice.skip import skip_blocks
from redsc.passes.spaces.blocks import find_blocks
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples
from tests.helpers import NetBuilder, streaming_net

STEPS = 20
STATE = "it is state, which all levels share"

needs_tflm = pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
both = pytest.mark.parametrize("executor", ["litert", pytest.param("tflm", marks=needs_tflm)])


def levels(dtype: DType = DType.INT8, sharing: Sharing = Sharing.COPIES) -> Levels:
    names = ("100", "75", "50")
    graph = run_passes(streaming_net(dtype), [Schedule()], Log())
    return choose_levels(graph, Options(levels=names, budgets=Budgets(sharing=sharing)))


def run(graph: Graph, samples: Sequence[Sequence[Array]], executor: str = "litert") -> list[list[Array]]:
    return EXECUTORS[executor].run_steps(write_tflite(graph), samples)


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_channels_of_state_stay_and_others_may_go(dtype: DType) -> None:
    groups = find_channel_groups(streaming_net(dtype))
    found = {space.size: space.frozen for space in groups.spaces}
    assert found == {6: "it is a graph input", 32: None, 8: STATE, 40: None, 24: None, 4: "it is a graph output"}


def test_what_a_variable_only_hears_stays_too() -> None:
    """Nothing joins its channels with what is read: it is assigned one frame and read for another purpose."""
    net = NetBuilder()
    x = net.conv(net.input(1, 1, 1, 4), 6, 1)
    before = net.stream(net.conv(x, 5, 1), 1)
    groups = find_channel_groups(net.outputs(net.dense(before, 3)))
    assert {space.size: space.frozen for space in groups.spaces if space.size in (5, 6)} == {5: STATE, 6: None}


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_permuted_channels_answer_the_same_over_steps(dtype: DType) -> None:
    graph = streaming_net(dtype)
    check_permutation(graph, find_channel_groups(graph))


def test_every_level_is_cut_and_assigns_what_the_others_read() -> None:
    found = levels()
    assert found.names == ["100", "75", "50"]
    macs = [network.macs for network in found.networks]
    assert macs[0] > macs[1] > macs[2]
    variables = [
        [(n.attrs.variable, n.operand(0).type, np.asarray(n.operand(0).data).tobytes()) for n in state_reads(graph)]
        for graph in found.graphs
    ]
    assert variables[0] == variables[1] == variables[2]
    assert all(keeps_state(graph) for graph in found.graphs)


@pytest.mark.parametrize("sharing", Sharing)
def test_slots_read_back_as_the_levels(sharing: Sharing) -> None:
    found = levels(sharing=sharing)
    build_container(found.slots, [network.memory for network in found.networks])  # raises if one does not


@needs_tflm
@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_every_slot_steps_as_the_level_alone_in_the_arena_that_is_computed(dtype: DType) -> None:
    from redsc.runtime.tflm import measure_arena

    found = levels(dtype)
    memory = [network.memory for network in found.networks]
    data = build_container(found.slots, memory).data
    for slot, graph in enumerate(found.graphs):
        model, samples = slot_bytes(data, slot), random_samples(graph, STEPS, slot)
        for executor in ("litert", "tflm"):
            alone = EXECUTORS[executor].run_steps(write_tflite(graph), samples)
            assert difference(alone, EXECUTORS[executor].run_steps(model, samples)) is None
        used = measure_arena(model)
        assert used.head_bytes == head_bytes(graph, memory[slot].offsets, X86_64_RECORDING)
        assert used.tail_bytes == tail_bytes(graph, X86_64_RECORDING)


def functional(graph: Graph) -> Graph:
    """Return a network without variables that takes their values as inputs and gives the new ones as outputs."""
    made = copy_graph(graph)
    for read in state_reads(made):
        value = Value(f"{read.attrs.variable} before", read.outputs[0].type)
        made.inputs.append(value)
        made.replace_uses(read.outputs[0], value)
    for node in [node for node in made.nodes if node.op in ("READ_VARIABLE", "ASSIGN_VARIABLE")]:
        if node.op == "ASSIGN_VARIABLE":
            made.outputs.append(node.operand(0))
        made.remove(node)
    return made


def order_of(graph: Graph, op: str) -> list[str]:
    return [node.attrs.variable for node in graph.nodes if node.op == op]


def started_with(graph: Graph, state: dict[str, Array]) -> Graph:
    """Return a network whose variables have other initial values."""
    made = copy_graph(graph)
    for read in state_reads(made):
        old = read.operand(0)
        made.set_input(read, 0, Value.constant(old.name, state[read.attrs.variable], old.type.quant))
    return made


def step_by_hand(
    graph: Graph, state: dict[str, Array], samples: Sequence[Sequence[Array]]
) -> tuple[list[list[Array]], dict[str, Array]]:
    """Run a network that is handed its state in every step; return the outputs, and the state after the last."""
    model, rows, count = write_tflite(functional(graph)), [], len(graph.outputs)
    for sample in samples:
        ((*row,),) = EXECUTORS["litert"].run(
            model, [[*sample, *(state[name] for name in order_of(graph, "READ_VARIABLE"))]]
        )
        rows.append(row[:count])
        state = dict(zip(order_of(graph, "ASSIGN_VARIABLE"), row[count:], strict=True))
    return rows, state


@both
def test_a_smaller_level_goes_on_where_a_larger_one_stopped(executor: str) -> None:
    """Ten steps of level 100, then ten of level 50, against networks that are handed their state."""
    whole, _, half = levels().graphs
    samples = random_samples(whole, 2 * STEPS, 5)
    start = {n.attrs.variable: np.asarray(n.operand(0).data) for n in state_reads(whole)}
    before, state = step_by_hand(whole, start, samples[:10])
    after, _ = step_by_hand(half, state, samples[10:20])
    assert difference(before, run(whole, samples[:10], executor)) is None
    assert difference(after, run(started_with(half, state), samples[10:20], executor)) is None
    assert difference(after, run(half, samples[10:20], executor)) is not None  # the state matters


def test_levels_that_are_all_ready_share_the_state() -> None:
    memory = [network.memory for network in levels().networks]
    buffers = (
        0 + 16 + 32
    )  # of 2 x 6 and 3 x 8 bytes, and of the 2 x 20 of the table, what is sure whatever lies beside
    assert {item.state_bytes for item in memory} == {state_bytes(streaming_net(), ARM_32)} == {buffers}
    apart = resident_all_bytes([replace(item, state_bytes=0) for item in memory])
    assert resident_all_bytes(memory) == apart - 2 * buffers


def long_memory() -> Graph:
    """Two layers behind a window whose state is larger than all that a bound on the arena leaves open."""
    net = NetBuilder()
    window = net.stream(net.input(1, 1, 1, 64), 31)
    x = net.conv(net.conv(window, 16, 1), 16, 1)
    return net.outputs(net.dense(net.pool(x, "AVERAGE_POOL_2D", filter_h=32, filter_w=1), 4))


def test_a_budget_that_the_levels_just_keep_leaves_them_as_they_are() -> None:
    graph, budgets = long_memory(), Budgets(sharing=Sharing.COPIES)
    free = choose_levels(graph, Options(levels=("100", "50"), budgets=budgets))
    needed = resident_all_bytes([network.memory for network in free.networks])
    options = Options(levels=("100", "50"), budgets=replace(budgets, ram_bytes=needed))
    tight = choose_levels(graph, options)
    assert tight.plan == free.plan
    assert tight.solver == free.solver
    problem = make_problem(graph, options, options.levels)
    assert RamModel.of(problem, Nesting.of(problem)).bound(free.plan.levels, ()) <= needed


@pytest.mark.parametrize("resident", Resident)
def test_levels_under_a_budget_of_ram_are_full(resident: Resident) -> None:
    """A level that could be wider is an internal error, which `choose_levels` finds itself."""
    graph = run_passes(streaming_net(), [Schedule()], Log())
    names, budgets = ("100", "50"), Budgets(sharing=Sharing.COPIES, resident=resident)
    free = choose_levels(graph, Options(levels=names, budgets=budgets))
    needed = resident_all_bytes([network.memory for network in free.networks])
    tight = replace(budgets, ram_bytes=needed - 64)
    assert choose_levels(graph, Options(levels=names, budgets=tight)).names


def test_the_order_keeps_reads_before_assignments() -> None:
    graph = streaming_net()
    nodes = list(graph.nodes)
    problem = order_problem(graph)
    places = {node: step for step, node in enumerate(nodes)}
    pairs = [
        (places[read], places[node])
        for read in state_reads(graph)
        for node in nodes
        if node.op == "ASSIGN_VARIABLE" and node.attrs == read.attrs
    ]
    assert len(pairs) == 2
    assert all(first in problem.predecessors()[second] for first, second in pairs)
    order = find_order(problem).order
    assert all(order.index(first) < order.index(second) for first, second in pairs)


def free_assignment() -> Graph:
    """y = f(x[t - 1]) with the large f first: assigning x at once would be best, if the read could come later."""
    net = NetBuilder(DType.FLOAT32)
    x = net.input(1, 64)
    initial = net.builder.constant("start", np.zeros((1, 64), np.float32))
    large = net.dense(x, 256)
    before = net.node("READ_VARIABLE", initial, variable="v")
    net.nodes("ASSIGN_VARIABLE", x, pieces=0, variable="v")
    return net.outputs(net.dense(large, 3), net.dense(before, 3))


@pytest.mark.parametrize("kernels", TFLM_KERNELS)
def test_a_scheduled_network_steps_as_before(kernels: Kernels) -> None:
    for graph in (streaming_net(), free_assignment()):
        samples = random_samples(graph, 6)
        before = run(graph, samples)
        head = measure_memory(graph, kernels).head_bytes
        Schedule(kernels).run(graph, Log())
        verify_graph(graph)
        assert measure_memory(graph, kernels).head_bytes <= head
        assert difference(before, run(graph, samples)) is None


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_lossless_passes_leave_the_state_alone(dtype: DType) -> None:
    graph = streaming_net(dtype)
    samples = random_samples(graph, 6)
    before, reads = run(graph, samples), [node.attrs for node in state_reads(graph)]
    run_passes(graph, [load_pass(where) for where in SIMPLIFY.values()], Log())
    assert [node.attrs for node in state_reads(graph)] == reads
    assert difference(before, run(graph, samples), 1e-5) is None


def test_a_variable_that_nothing_hears_is_not_dead() -> None:
    graph = free_assignment()
    graph.outputs = graph.outputs[:1]
    DropDeadNodes().run(graph, Log())
    verify_graph(graph)
    assert [node.op for node in graph.nodes if "VARIABLE" in node.op] == ["READ_VARIABLE", "ASSIGN_VARIABLE"]


def residual(*, reads_inside: bool) -> Graph:
    """x + f(x); f joins its input with the frame before it, or only leaves a frame behind."""
    net = NetBuilder()
    x = net.conv(net.input(1, 1, 1, 4), 6, 1)
    inner = net.conv(x, 6, 1)
    joined = net.stream(inner, 1)
    if reads_inside:
        inner = net.pool(joined, "AVERAGE_POOL_2D", filter_h=2, filter_w=1)
    return net.outputs(net.dense(net.add(net.conv(inner, 6, 1), x), 3))


def test_a_block_that_reads_state_is_not_skipped() -> None:
    graph = residual(reads_inside=True)
    assert find_blocks(graph, find_channel_groups(graph)) == ()


def test_a_skipped_block_still_leaves_its_state_behind() -> None:
    graph = residual(reads_inside=False)
    (block,) = find_blocks(graph, find_channel_groups(graph))
    made = skip_blocks(graph, [block])
    verify_graph(made)
    assert [node.op for node in made.nodes].count("CONV_2D") == 2
    assert [node.attrs for node in state_reads(made)] == [node.attrs for node in state_reads(graph)]
    assert read_tflite(write_tflite(made)).nodes
