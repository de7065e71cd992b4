from __future__ import annotations

import pytest
import tflite
from hypothesis import given

from redsc.errors import UnsupportedError
from redsc.formats import load_model, read_tflite, write_tflite
from redsc.ir import OPS, DType, Graph, Quant, TensorType, print_graph
from redsc.runtime import EXECUTORS, installed, run_isolated
from redsc.runtime.compare import difference, random_samples
from tests.conftest import Zoo
from tests.helpers import NetBuilder, residual_net, small_net
from tests.strategies import graphs
from tests.zoo_models import IN_TABLE, OUT_OF_TABLE, ROUNDED_OTHERWISE

BUILTINS = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}


@given(graphs())
def test_a_written_graph_reads_back_equal(graph: Graph) -> None:
    assert print_graph(read_tflite(write_tflite(graph))) == print_graph(graph)


@given(graphs())
def test_writing_is_deterministic(graph: Graph) -> None:
    assert write_tflite(graph) == write_tflite(read_tflite(write_tflite(graph)))


@pytest.mark.parametrize("path", [*IN_TABLE, *ROUNDED_OTHERWISE])
def test_a_model_of_the_zoo_reads_back_equal(path: str, zoo: Zoo) -> None:
    graph = load_model(zoo(path)).graph
    for value in graph.values():
        if value.type.dtype is DType.FLOAT32:
            value.type = TensorType(value.type.shape, DType.FLOAT32)  # a file has no place for the note on a weight
    assert print_graph(read_tflite(write_tflite(graph))) == print_graph(graph)


@pytest.mark.parametrize("executor", ["litert", "tflm"])
@pytest.mark.parametrize("path", IN_TABLE)
def test_a_model_of_the_zoo_answers_as_before(path: str, executor: str, zoo: Zoo) -> None:
    if not installed(executor):
        pytest.skip(f"{EXECUTORS[executor].package} is not installed")
    model = load_model(zoo(path))
    if reason := EXECUTORS[executor].refusal(model.source):
        pytest.skip(reason)
    samples = random_samples(model.graph, 3, seed=7)
    before = run_isolated(executor, model.source, samples)
    after = EXECUTORS[executor].run(write_tflite(model.graph), samples)
    assert difference(before, after) is None


@pytest.mark.parametrize("path", OUT_OF_TABLE)
def test_a_refusal_lists_every_missing_op(path: str, zoo: Zoo) -> None:
    with pytest.raises(UnsupportedError) as caught:
        load_model(zoo(path))
    assert caught.value.exit_code == 4
    missing = [name for name in _operators(zoo(path).read_bytes()) if name not in OPS]
    assert missing
    assert [line.split(": ")[1] for line in caught.value.diagnostic.evidence] == missing


def test_every_tflite_file_of_the_zoo_is_tested(zoo: Zoo) -> None:
    models = zoo(IN_TABLE[0]).parents[1]
    found = {f"models/{path.relative_to(models).as_posix()}" for path in models.rglob("*.tflite")}
    assert found == {*IN_TABLE, *ROUNDED_OTHERWISE, *OUT_OF_TABLE}


def test_an_empty_bias_stays_empty() -> None:
    net = NetBuilder(DType.FLOAT32)
    dense = net.dense(net.input(1, 4), 2)
    node = net.builder.graph.nodes[0]
    node.operand(2).uses.clear()
    node.inputs = (*node.inputs[:2], None)
    graph = net.outputs(dense)
    again = read_tflite(write_tflite(graph))
    assert again.nodes[0].inputs[2] is None
    assert print_graph(again) == print_graph(graph)


def test_an_empty_bias_of_a_depthwise_layer_goes() -> None:
    """The kernel of tflite-micro crashes on it."""
    net = NetBuilder()
    made = net.depthwise(net.input(1, 4, 4, 2))
    (node,) = net.builder.graph.nodes
    net.builder.graph.rewrite(node, node.op, (*node.inputs[:2], None), node.attrs)
    assert len(read_tflite(write_tflite(net.outputs(made))).nodes[0].inputs) == 2


def test_a_made_up_name_does_not_meet_one_of_the_file() -> None:
    """Names may repeat in a TFLite file; the second `a` must not become the `a#2` that is there."""
    net = NetBuilder()
    graph = net.outputs(net.unary("RELU", net.unary("RELU", net.input(4))))
    for value, name in zip(graph.values(), ("a#2", "a", "a"), strict=True):
        value.name = name
    assert len({value.name for value in read_tflite(write_tflite(graph)).values()}) == 3


def test_operators_have_the_lowest_version_that_knows_them() -> None:
    ops = ("AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "RELU", "RESHAPE")
    assert _versions(small_net(DType.FLOAT32)) == dict.fromkeys(ops, 1)
    assert _versions(small_net()) == dict(zip(ops, (2, 3, 3, 4, 2, 1), strict=True))
    assert _versions(residual_net())["ADD"] == 2


def test_equal_zero_points_are_stored_per_channel_and_read_as_one() -> None:
    net = NetBuilder()
    graph = net.outputs(net.conv(net.input(1, 4, 4, 2), 3))
    data = write_tflite(graph)
    stored = [tensor.Quantization() for tensor in _tensors(data)]
    per_channel = next(quant for quant in stored if quant is not None and quant.ScaleLength() == 3)
    assert per_channel.ZeroPointLength() == 3
    weight = read_tflite(data).nodes[0].operand(1).type.quant
    assert isinstance(weight, Quant)
    assert weight.zero_points == (0,)


def test_an_offline_plan_names_an_offset_for_every_tensor() -> None:
    graph = small_net()
    offsets = {value.name: 1024 * i for i, value in enumerate(graph.activations())}
    model = tflite.Model.GetRootAs(write_tflite(graph, offsets), 0)
    metadata = model.Metadata(0)
    assert metadata.Name() == b"OfflineMemoryAllocation"
    numbers = model.Buffers(metadata.Buffer()).DataAsNumpy().view("<i4").tolist()
    assert numbers == [1, 1, len(graph.values()), *(offsets.get(value.name, -1) for value in graph.values())]


def _tensors(data: bytes) -> list[tflite.Tensor]:
    subgraph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    return [subgraph.Tensors(i) for i in range(subgraph.TensorsLength())]


def _versions(graph: Graph) -> dict[str, int]:
    model = tflite.Model.GetRootAs(write_tflite(graph), 0)
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    return {BUILTINS[code.BuiltinCode()]: code.Version() for code in codes}


def _operators(data: bytes) -> list[str]:
    """Return the op of every operator of a file; old files have its number in the deprecated field only."""
    model = tflite.Model.GetRootAs(data, 0)
    subgraph = model.Subgraphs(0)
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    names = [BUILTINS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())] for code in codes]
    return [names[subgraph.Operators(i).OpcodeIndex()] for i in range(subgraph.OperatorsLength())]
