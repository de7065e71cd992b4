from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from redsc.budgets import Budgets
from redsc.choices import Kernels
from redsc.compile import plan_levels
from redsc.cost.latency import WORK, LatencyTable, find_latency_table, work_of
from redsc.cost.macs import graph_macs
from redsc.errors import UsageError
from redsc.formats import load_model
from redsc.ir import DType, Graph
from redsc.options import Options
from redsc.passes.select.make_problem import latency_bound
from redsc.targets import WORK_KINDS, find_target
from tests.conftest import Zoo
from tests.helpers import NetBuilder, latency_table
from tests.zoo_models import MLPERF

TABLE = latency_table()
NETWORKS = ("pretrainedResnet_quant", "kws_ref_model", "vww_96_int8", "ad01_int8")
PUBLISHED = {  # inferences per second on the NUCLEO-L4R5ZI, MLPerf Tiny v1.1
    "cmsis-nn": (2.567, 10.019, 3.324, 116.212),
    "x-cube-ai": (4.673, 15.905, 8.425, 145.829),
}
MICROJOULES = (7019.085, 2833.138, 5618.279, 293.912)  # of X-CUBE-AI there
PUBLISHED_CASES = [
    (library, name, 1e6 / rate)
    for library, rates in PUBLISHED.items()
    for name, rate in zip(NETWORKS, rates, strict=True)
]
CYCLES = {  # docs/results.md, The C engine: the model of cycles, levels 100 and 25
    "kws_ref_model": (4_164_043, 1_462_445),
    "vww_96_int8": (8_764_335, 3_920_402),
    "pretrainedResnet_quant": (17_992_804, 6_675_702),
    "ad01_int8": (435_198, 142_354),
}


def as_it_was_run(zoo: Zoo, name: str, library: str) -> Graph:
    """Return the file's network, for X-CUBE-AI without the channels that are constant."""
    path = zoo(f"{MLPERF}/{name}.tflite")
    return load_model(path).graph if library == "cmsis-nn" else plan_levels(path, Options()).levels.graphs[0]


@pytest.mark.parametrize(("library", "name", "microseconds"), PUBLISHED_CASES)
def test_a_table_gives_what_was_published_within_its_error(
    zoo: Zoo, library: str, name: str, microseconds: float
) -> None:
    table, graph = latency_table(library), as_it_was_run(zoo, name, library)
    assert table.costs.error_percent is not None
    assert table.costs.error_percent < 7
    assert table.microseconds(graph) == pytest.approx(microseconds, rel=table.costs.error_percent / 100)


@pytest.mark.parametrize(("name", "microjoules"), list(zip(NETWORKS, MICROJOULES, strict=True)))
def test_energy_is_what_was_published_within_its_error(zoo: Zoo, name: str, microjoules: float) -> None:
    table = latency_table("x-cube-ai")
    assert table.costs.energy_error_percent is not None
    error = table.costs.energy_error_percent / 100
    assert table.microjoules(as_it_was_run(zoo, name, "x-cube-ai")) == pytest.approx(microjoules, rel=error)


@pytest.mark.parametrize("name", CYCLES)
def test_cycles_of_our_kernels_are_those_of_the_model_within_their_error(zoo: Zoo, name: str) -> None:
    budgets = Budgets.parse(backend="c", target="nucleo-l4r5zi")
    levels = plan_levels(zoo(f"{MLPERF}/{name}.tflite"), Options(budgets, ("25", "50", "75", "100"))).levels
    table = find_latency_table(budgets)
    assert table is not None
    assert table.costs.error_percent is not None
    assert table.costs.error_percent < 10
    for graph, cycles in zip((levels.graphs[0], levels.graphs[3]), CYCLES[name], strict=True):
        found = sum(map(table.millicycles, graph.nodes)) / 1000
        assert found == pytest.approx(cycles, rel=table.costs.error_percent / 100)


def test_energy_is_known_on_the_board_alone_that_was_measured() -> None:
    graph = NetBuilder(DType.INT8)
    net = graph.outputs(graph.conv(graph.input(1, 8, 8, 4), 8))
    table = latency_table("x-cube-ai")
    assert table.microjoules(net) is not None
    other = LatencyTable(find_target("nano33ble"), table.costs)
    assert other.microjoules(net) is None
    assert other.microseconds(net) > table.microseconds(net)
    assert "on nucleo-l4r5zi" in other.evidence
    assert "nucleo" not in table.evidence
    assert latency_table().microjoules(net) is None


def test_time_is_rounded_up_and_other_layers_count_as_convolutions() -> None:
    net = NetBuilder(DType.INT8)
    graph = net.outputs(net.transpose_conv(net.input(1, 1, 1, 1), 1, 1, 1))
    assert graph_macs(graph) == 1
    assert TABLE.microseconds(graph) == 1
    larger = NetBuilder(DType.INT8)
    graph = larger.outputs(larger.transpose_conv(larger.input(1, 10, 10, 10), 10, 1, 1))
    assert TABLE.microseconds(graph) == -(-graph_macs(graph) * TABLE.costs.millicycles["other"]["macs"] // 120_000)


def test_layers_without_macs_take_no_time() -> None:
    net = NetBuilder(DType.INT8)
    assert TABLE.microseconds(net.outputs(net.unary("RELU", net.input(1, 9, 9, 9)))) == 0


def test_work_is_counted_by_kind() -> None:
    net = NetBuilder(DType.INT8)
    graph = net.outputs(net.conv(net.input(1, 8, 6, 4), 10, 3))
    assert tuple(WORK) == WORK_KINDS
    assert work_of(graph.nodes[0]) == {
        "macs": 48 * 36 * 10,
        "results": 480,
        "windows": 48 * 36,
        "operands": 192,
        "channels": 10,
        "calls": 1,
    }


@pytest.mark.parametrize(
    ("kernels", "library"),
    [
        (Kernels.SAFE, "cmsis-nn"),
        (Kernels.CMSIS_NN, "cmsis-nn"),
        (Kernels.REFERENCE, None),
        (Kernels.ENGINE, "redsc"),
        (Kernels.ENGINE_SMALL, "redsc-small"),
    ],
)
def test_the_table_is_that_of_the_firmwares_kernels(kernels: Kernels, library: str | None) -> None:
    found = find_latency_table(Budgets(kernels=kernels, target=find_target("nano33ble")))
    assert (found and found.costs.library) == library


def test_a_bound_on_time_needs_a_target_of_which_it_is_known() -> None:
    target = find_target("pico")
    assert latency_bound(Budgets(target=target)) is None
    for budgets, hint in ((Budgets(latency_us=9), "redsc targets"), (Budgets(latency_us=9, target=target), "hale")):
        with pytest.raises(UsageError) as caught:
            latency_bound(budgets)
        assert caught.value.diagnostic.code == "U219"
        assert hint in str(caught.value)


def test_a_table_with_an_operator_that_there_is_not_is_refused() -> None:
    costs = replace(TABLE.costs, millicycles={"CONV2D": {"macs": 1}})
    target = replace(TABLE.target, tables=(costs,))
    with pytest.raises(UsageError) as caught:
        find_latency_table(Budgets(target=target))
    assert caught.value.diagnostic.hint == "did you mean CONV_2D?"


def test_smaller_levels_never_take_longer() -> None:
    for library, width in itertools.product(("cmsis-nn", "redsc", "redsc-small"), (4, 8, 12)):
        found = []
        for channels in (width, width + 4):
            net = NetBuilder(DType.INT8)
            x = net.conv(net.input(1, 9, 9, 3), channels)
            found.append(latency_table(library).microseconds(net.outputs(net.conv(net.depthwise(x), channels, 1))))
        assert found[0] <= found[1]
