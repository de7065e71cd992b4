from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from redsc.compile import read_model
from redsc.errors import UnsupportedError
from redsc.formats import write_tflite
from redsc.formats.tables import Refusal
from redsc.ir import ENGINE_OPS, OPS, Array, DType, Gather, Graph, GraphBuilder, Padding
from redsc.ir.signatures import Signature
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from tests.conftest import Golden, Zoo
from tests.helpers import NetBuilder, residual_net, small_net
from tests.op_samples import sample_graph, sample_inputs, signature_cases
from tests.strategies import graphs
from tests.zoo_models import GENCPRUNEX, MLPERF, TFLM, VISION

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install redsc[tune]")

from redsc.runtime.torch import TorchGraph  # noqa: E402  # after the check for PyTorch
from redsc.runtime.torch.ops import TORCH_OPS, TorchOp  # noqa: E402

QUANTISED = (DType.INT8, DType.INT16, DType.UINT8)
SIGMOID_ERROR = (
    5e-7  # absolute, as for onnxruntime: where a sigmoid is nearly 0, a logit's rounding is all there is
)
EXPORTS = ("ae", "conv1d", "det", "dscnn", "flatcnn", "mbv2", "miscacts", "resnet8", "silu_se")
FILES = [
    *(f"exports/{net}.{kind}.onnx" for net in EXPORTS for kind in ("dynamo18", "dynamo21")),
    *(f"{VISION}/{name}" for name in ("fashion_mnist_ds_cnn_s_float.tflite", "mnist_ds_cnn_s_float.tflite")),
    *(f"{VISION}/reds_{data}_dscnn_s_b1.onnx" for data in ("fashion_mnist", "mnist")),
    *(f"{GENCPRUNEX}/base_clean.{kind}" for kind in ("float32.tflite", "onnx", "nchw.onnx")),
    *(f"{GENCPRUNEX}/fixed0.5_shipped_clean.{kind}" for kind in ("float32.tflite", "onnx")),
    *(
        f"{MLPERF}/{name}.tflite"
        for name in ("ad01_fp32", "kws_ref_model_float32", "pretrainedResnet", "vww_96_float")
    ),
    f"{TFLM}/hello_world_float.tflite",
    "models/Linzaer+Ultra-Light-Fast-Generic-Face-Detector-1MB/version-RFB-320.onnx",
    "models/STMicroelectronics+stm32ai-modelzoo-services/mobilenet_v2_128_0.5.onnx",
    "models/STMicroelectronics+stm32ai-modelzoo-services/yamnet_256_64x96_tl.onnx",
    "models/ShiqiYu+libfacedetection.train/yunet_n_320_320.onnx",
    "models/derived-ort-qdq/alibaba_ic_qdq_int8.onnx",
    "models/keras-applications/nasnet_a_n1_32px_float.tflite",
    "models/mediapipe-0.10.14/hand_recrop.tflite",
    "models/mlcommons+tiny_results_v0.7/model_ic.onnx",
    "models/sipeed+TinyMaix/mbnet96_0.25_f.tflite",
]
PPOCR = "models/rapidocr_onnxruntime-1.4.4/ch_ppocr_mobile_v2.0_cls_infer.onnx"


def answers(graph: Graph, samples: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """Return what PyTorch makes of all samples at once, in rows as an executor gives them."""
    columns = [torch.from_numpy(np.stack(column)) for column in zip(*samples, strict=True)]
    results = TorchGraph(graph).run(columns)
    count = len(samples) if graph.inputs else 1
    return [[result[index].numpy() for result in results] for index in range(count)]


def assert_litert_agrees(graph: Graph, samples: Sequence[Sequence[Array]], floor: float = 0.0) -> None:
    expected = EXECUTORS["litert"].run(write_tflite(graph), samples)
    found = answers(graph, samples)
    assert difference(expected[: len(found)], found, FLOAT_TOLERANCE, floor) is None


def float_cases() -> list[tuple[str, Signature]]:
    """Return the signatures without quantised integers of the ops that PyTorch runs."""
    return [
        (name, row)
        for name, row in signature_cases()
        if isinstance(TORCH_OPS[name], TorchOp) and not {*row.inputs, row.output} & {*QUANTISED}
    ]


def test_every_op_has_a_row_with_a_function_or_a_reason() -> None:
    assert set(TORCH_OPS) == {*OPS, *ENGINE_OPS}
    assert all(isinstance(row, TorchOp) or len(row.reason.split()) >= 4 for row in TORCH_OPS.values())
    assert len(float_cases()) > 100


@pytest.mark.parametrize(("name", "row"), float_cases(), ids=lambda item: item if isinstance(item, str) else "")
def test_every_op_computes_what_litert_computes(name: str, row: Signature) -> None:
    graph = sample_graph(name, row)
    assert_litert_agrees(graph, sample_inputs(graph))


@given(graphs(DType.FLOAT32))
def test_random_networks_compute_what_litert_computes(graph: Graph) -> None:
    assert_litert_agrees(graph, random_samples(graph, 3))


@pytest.mark.parametrize("name", [*FILES, PPOCR], ids=lambda name: Path(name).name)
def test_real_networks_compute_what_litert_computes(zoo: Zoo, name: str) -> None:
    graph = read_model(zoo(name), shapes=[("x", (1, 3, 48, 192))] if name == PPOCR else []).graph
    has_sigmoid = any(node.op == "LOGISTIC" for node in graph.nodes)
    assert_litert_agrees(graph, random_samples(graph, 2), SIGMOID_ERROR if has_sigmoid else 0.0)


@pytest.mark.parametrize("padding", list(Padding))
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [7, 8])
def test_windows_are_padded_as_tflite_pads(padding: Padding, stride: int, dilation: int, size: int) -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.input(1, size, size + 2, 4)
    window: dict[str, Any] = {"padding": padding, "stride_h": stride, "stride_w": max(stride - 1, 1)}
    pooled = [net.pool(x, f"{op}_POOL_2D", 3, **window) for op in ("AVERAGE", "MAX")]
    if stride > 1 and dilation > 1:
        window |= {"stride_h": 1, "stride_w": 1}
    window |= {"dilation_h": dilation, "dilation_w": dilation}
    made = net.conv(x, 6, 3, **window), net.depthwise(x, 3, 2, **window)
    graph = net.outputs(*made, *pooled)
    assert_litert_agrees(graph, random_samples(graph, 2))


def test_a_grouped_convolution_reads_a_part_of_the_channels() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.input(1, 5, 5, 6)
    weight = net.builder.constant("w", net.random.standard_normal((4, 3, 3, 3), np.float32))
    bias = net.builder.constant("b", net.random.standard_normal(4, np.float32))
    graph = net.outputs(net.node("CONV_2D", x, weight, bias))
    assert_litert_agrees(graph, random_samples(graph, 2))


@pytest.mark.parametrize(
    ("batch_dims", "axis", "indices"), [(0, 2, (2, 2)), (1, 2, (4, 3)), (1, 1, (4, 2)), (2, 2, (4, 3, 2))]
)
def test_gather_has_batch_axes(batch_dims: int, axis: int, indices: tuple[int, ...]) -> None:
    builder = GraphBuilder()
    x = builder.input("x", (4, 3, 5, 2))
    places = builder.constant("i", np.random.default_rng(0).integers(0, 3, indices, np.int32))
    graph = builder.output(builder.op("GATHER", x, places, attrs=Gather(axis, batch_dims)))
    assert_litert_agrees(graph, random_samples(graph, 2))


def test_samples_are_runs_of_their_own_also_where_the_first_axis_is_no_batch() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.input(3, 4)
    turned = net.node("TRANSPOSE", x, np.array([1, 0], np.int32))
    first, rest = net.split_v(turned, 1, 3, axis=0)
    graph = net.outputs(net.dense(net.node("CONCATENATION", rest, first, axis=0), 2), net.mean(x, 0))
    assert_litert_agrees(graph, random_samples(graph, 5))


def test_constants_may_be_given() -> None:
    graph = small_net(DType.FLOAT32)
    doubled = {value.name: 2 * value.data for value in graph.constants() if value.data is not None}
    (samples,) = random_samples(graph, 1)
    given_ = TorchGraph(graph).run(
        [torch.from_numpy(samples[0])[None]], {name: torch.from_numpy(data) for name, data in doubled.items()}
    )
    own = answers(graph, [samples])
    assert difference(own, [[given_[0][0].numpy()]], FLOAT_TOLERANCE)
    other = small_net(DType.FLOAT32)
    for node in other.nodes:
        for index, value in enumerate(node.inputs):
            if value is not None and value.name in doubled:
                other.set_input(node, index, type(value).constant(value.name, doubled[value.name]))
    assert difference(answers(other, [samples]), [[given_[0][0].numpy()]], 0.0) is None


def test_inner_results_may_be_asked_for_and_only_what_they_need_is_run() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.input(1, 4)
    inner = net.dense(x, 3)
    unknown = net.node("QUANTIZE", inner)
    graph = net.outputs(unknown)
    (found,) = TorchGraph(graph, [inner]).run([torch.ones(2, 1, 4)])
    assert found.shape == (2, 1, 3)
    with pytest.raises(UnsupportedError, match="QUANTIZE"):
        TorchGraph(graph)


@pytest.mark.parametrize("make", [small_net, residual_net])
def test_gradients_are_those_of_finite_differences(make: Any) -> None:
    """In float64, along a random direction of all constants together."""
    graph = make(DType.FLOAT32)
    network, generator = TorchGraph(graph), torch.Generator().manual_seed(0)
    (sample,) = random_samples(graph, 1)
    x = torch.from_numpy(sample[0]).double()[None].expand(3, *sample[0].shape)
    weights = {
        name: data.double().requires_grad_() for name, data in network.constants.items() if data.is_floating_point()
    }
    assert len(weights) >= 6

    def loss(values: dict[str, Any]) -> Any:
        return network.run([x], values)[0].square().sum()

    loss(weights).backward()
    assert all(data.grad is not None and data.grad.abs().sum() > 0 for data in weights.values())
    ways = {name: torch.randn(data.shape, generator=generator).double() for name, data in weights.items()}
    step = 1e-6
    ends = [
        loss({name: data.detach() + sign * step * ways[name] for name, data in weights.items()}) for sign in (1, -1)
    ]
    slope = sum(float((data.grad * ways[name]).sum()) for name, data in weights.items())
    assert slope == pytest.approx(float(ends[0] - ends[1]) / (2 * step), rel=1e-5)


def test_every_node_that_cannot_be_run_is_named(golden: Golden) -> None:
    net = NetBuilder(DType.FLOAT32)
    x, other = net.input(1, 4), net.input(2, 4, name="other")
    product = net.builder.op("FULLY_CONNECTED", x, other, attrs=OPS["FULLY_CONNECTED"].attrs(), name="product")
    update = net.node("DYNAMIC_UPDATE_SLICE", x, product, np.array([0, 0], np.int32))
    with pytest.raises(UnsupportedError) as caught:
        TorchGraph(net.outputs(net.node("QUANTIZE", update)))
    golden(str(caught.value) + "\n")
    with pytest.raises(UnsupportedError, match="PyTorch cannot run 7 part"):
        TorchGraph(small_net(DType.INT8))


def test_a_refused_op_has_a_reason() -> None:
    refused = [name for name, row in TORCH_OPS.items() if isinstance(row, Refusal)]
    shapes_and_places = ["BROADCAST_ARGS", "DYNAMIC_UPDATE_SLICE", "EMBEDDING_LOOKUP"]
    state = ["READ_VARIABLE", "ASSIGN_VARIABLE", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"]
    assert sorted(refused) == sorted(["QUANTIZE", "DEQUANTIZE", *ENGINE_OPS, *shapes_and_places, *state])
