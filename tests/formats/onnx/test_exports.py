"""Real exports: what PyTorch writes, and ONNX files that people deploy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from redsc.errors import UnsupportedError
from redsc.formats import Model, load_model, write_tflite
from redsc.ir import Array
from redsc.passes.base import Log
from redsc.passes.simplify.restore_clipping import RestoreClipping
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE
from tests.conftest import Golden, Zoo

NETS = ("ae", "conv1d", "det", "dscnn", "flatcnn", "lstm", "mbv2", "miscacts", "resnet8", "silu_se")
EXPORTERS = ("legacy13", "legacy17", "dynamo18", "dynamo21", "dynamo18dyn")
NONE = {  # exports that PyTorch did not make
    *(f"{net}.dynamo18dyn" for net in ("ae", "conv1d", "miscacts", "silu_se")),
    *("dscnn.legacy13", "dscnn.legacy17"),
}
EXPORTS = [f"{net}.{way}" for net in NETS for way in EXPORTERS if f"{net}.{way}" not in NONE]
QUANTISED = [name for name in EXPORTS if name.endswith(("legacy13", "dynamo18"))]
TRANSPOSES = {"det": 2, "miscacts": None}  # of 5-D heads; of an argmax over channels that come first

DEPLOYED = (
    "FraCorti+REDS-vision/reds_fashion_mnist_dscnn_s.onnx",
    "FraCorti+REDS-vision/reds_fashion_mnist_dscnn_s_b1.onnx",
    "FraCorti+REDS-vision/reds_mnist_dscnn_s_b1.onnx",
    "GenCPruneX/base_clean.nchw.onnx",
    "GenCPruneX/base_clean.onnx",
    "GenCPruneX/fixed0.5_shipped_clean.onnx",
    "Linzaer+Ultra-Light-Fast-Generic-Face-Detector-1MB/version-RFB-320.onnx",
    "STMicroelectronics+stm32ai-modelzoo-services/mobilenet_v2_128_0.5.onnx",
    "STMicroelectronics+stm32ai-modelzoo-services/yamnet_256_64x96_tl.onnx",
    "ShiqiYu+libfacedetection.train/yunet_n_320_320.onnx",
    "mlcommons+tiny_results_v0.7/model_ic.onnx",
)
REFUSED = (
    "onnx+tutorials/super_resolution.onnx",
    "rapidocr_onnxruntime-1.4.4/ch_ppocr_mobile_v2.0_cls_infer.onnx",
)
ONE_STEP = 1e-6  # what sigmoids of both runtimes may differ by, also where a whole output is as small


def answers(model: Model, inputs: list[Array]) -> list[Array]:
    """Return what the graph answers in LiteRT, in the layouts of the file."""
    mine = [np.ascontiguousarray(p.to_graph(a)) for p, a in zip(model.inputs, inputs, strict=True)]
    (found,) = EXECUTORS["litert"].run(write_tflite(model.graph), [mine])
    return [p.to_source(a) for p, a in zip(model.outputs, found, strict=True)]


def assert_close(expected: list[Array], found: list[Array], relative: float, absolute: float = 0.0) -> None:
    assert len(expected) == len(found)
    for wanted, got in zip(expected, found, strict=True):
        assert wanted.shape == got.shape
        assert np.abs(got.astype(float) - wanted).max() <= max(relative * np.abs(wanted).max(), absolute)


def recorded(zoo: Zoo, net: str) -> tuple[list[Array], list[Array]]:
    """Return input and outputs of a net as PyTorch computed them."""
    data = np.load(zoo(f"exports/{net}.io.npz"))
    return [data["x"]], [data[name] for name in sorted(data.files) if name != "x"]


def random_inputs(model: Model) -> list[Array]:
    generator = np.random.default_rng(0)
    return [generator.standard_normal(item.source_shape, np.float32) for item in model.inputs]


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_answers_as_pytorch_did(name: str, zoo: Zoo) -> None:
    net = name.split(".")[0]
    model = load_model(zoo(f"exports/{name}.onnx"))
    inputs, expected = recorded(zoo, net)
    assert_close(expected, answers(model, inputs), FLOAT_TOLERANCE)


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_moves_nothing(name: str, zoo: Zoo) -> None:
    model = load_model(zoo(f"exports/{name}.onnx"))
    wanted = TRANSPOSES.get(name.split(".")[0], 0)
    if wanted is not None:
        assert [node.op for node in model.graph.nodes].count("TRANSPOSE") == wanted


def test_miscacts_agrees_before_its_output_is_flat(zoo: Zoo, tmp_path: Path) -> None:
    """Its first output is sqrt(relu(..) + 0.501), all of it below zero: equal whatever comes before it."""
    proto = onnx.load(zoo("exports/miscacts.dynamo18.onnx"))
    (root,) = [node for node in proto.graph.node if node.op_type == "ReduceMax"]
    del proto.graph.output[:]
    proto.graph.output.append(onnx.helper.make_tensor_value_info(root.input[0], onnx.TensorProto.FLOAT, None))
    onnx.save(proto, tmp_path / "model.onnx")
    model = load_model(tmp_path / "model.onnx")
    inputs, _ = recorded(zoo, "miscacts")
    (expected,) = EXECUTORS["onnxruntime"].run(model.runnable, [inputs])
    assert np.ptp(expected[0]) > 0.1
    assert_close(expected, answers(model, inputs), FLOAT_TOLERANCE)


@pytest.mark.parametrize("name", QUANTISED)
def test_a_quantised_export_is_the_same_float_net_with_notes(name: str, zoo: Zoo) -> None:
    """Loosely: the weights are rounded to int8. Clamped ranges are not a part of the float graph, but for Relu."""
    model = load_model(zoo(f"exports/qdq/{name}.qdq.onnx"))
    RestoreClipping().run(model.graph, Log())
    inputs, expected = recorded(zoo, name.split(".")[0])
    assert_close(expected[:1], answers(model, inputs)[:1], 0.1)
    convolutions = [node for node in model.graph.nodes if node.op in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    weights = [node.operand(1).type.quant for node in convolutions]
    assert all(weights)
    assert any(quant is not None and quant.is_per_channel for quant in weights) or not weights
    is_float = name.startswith("lstm")  # onnxruntime's quantiser leaves LSTM in float, and what it reads
    assert all((value.type.quant is None) == is_float for value in model.graph.inputs)


@pytest.mark.parametrize("name", DEPLOYED)
def test_a_deployed_model_answers_as_in_onnxruntime(name: str, zoo: Zoo) -> None:
    model = load_model(zoo(f"models/{name}"))
    inputs = random_inputs(model)
    (expected,) = EXECUTORS["onnxruntime"].run(model.runnable, [inputs])
    assert_close(expected, answers(model, inputs), FLOAT_TOLERANCE, ONE_STEP)


@pytest.mark.parametrize("name", REFUSED)
def test_a_deployed_model_is_refused(name: str, zoo: Zoo, golden: Golden) -> None:
    with pytest.raises(UnsupportedError) as caught:
        load_model(zoo(f"models/{name}"))
    golden(f"{caught.value}\n")


def test_a_deployed_quantised_model_is_imported(zoo: Zoo) -> None:
    model = load_model(zoo("models/derived-ort-qdq/alibaba_ic_qdq_int8.onnx"))
    RestoreClipping().run(model.graph, Log())
    inputs = random_inputs(model)
    (expected,) = EXECUTORS["onnxruntime"].run(model.runnable, [inputs])
    assert_close(expected, answers(model, inputs), 0.2)
