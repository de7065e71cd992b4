from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from redsc.errors import LimitExceeded, MalformedModel, ModelError, RedscError, UnsupportedError
from redsc.formats import load_model, write_tflite
from redsc.formats.model import Port
from redsc.ir import Graph, print_graph
from redsc.limits import Limits
from tests.conftest import ROOT
from tests.helpers import NetBuilder, small_net

EXAMPLE = ROOT / "examples" / "fashion_dscnn.onnx"


def test_a_tflite_file_is_told_from_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(write_tflite(small_net()))
    model = load_model(path)
    assert model.format == "tflite"
    assert print_graph(model.graph) == print_graph(small_net())
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (model.path, model.source) == (path, path.read_bytes())


def test_an_onnx_file_needs_no_suffix(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(EXAMPLE.read_bytes())
    assert load_model(str(path)).format == "onnx"


def test_ports_of_a_tflite_file_have_its_layout(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(write_tflite(small_net()))
    (port,) = load_model(path).inputs
    assert (port.layout, port.source_shape, port.axes) == ("source", (1, 8, 8, 3), (0, 1, 2, 3))


def test_ports_of_an_onnx_image_tell_its_layout() -> None:
    model = load_model(EXAMPLE)
    (image,), (logits,) = model.inputs, model.outputs
    assert (image.layout, image.source_shape) == ("NHWC", (1, 1, 28, 28))
    assert (logits.layout, logits.source_shape) == ("source", (1, 10))
    assert model.graph.inputs[0].type.shape == (1, 28, 28, 1)


def test_a_port_moves_data_there_and_back() -> None:
    port = Port("x", (1, 2, 3, 4), (0, 2, 3, 1))
    data = np.arange(24).reshape(port.source_shape)
    assert port.to_graph(data).shape == (1, 3, 4, 2)
    assert port.to_graph(data)[0, 1, 2, 1] == data[0, 1, 1, 2]
    np.testing.assert_array_equal(port.to_source(port.to_graph(data)), data)


def test_a_missing_file_is_an_error_of_the_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read .*nowhere\.tflite: No such file") as caught:
        load_model(tmp_path / "nowhere.tflite")
    assert caught.value.diagnostic.code == "M305"


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(tmp_path)
    assert caught.value.diagnostic.code == "M305"


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx", "model"])
@pytest.mark.parametrize("content", [b"", b"\0", b"hello, world", bytes(100)])
def test_a_file_that_is_no_model_is_malformed(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MalformedModel):
        load_model(tmp_path / name)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(bytes(1001))
    with pytest.raises(ModelError, match=r"model\.tflite: it is larger than 1,000 B") as caught:
        load_model(path, Limits(file_bytes=1000))
    assert caught.value.diagnostic.code == LimitExceeded.default_code


def test_only_our_errors_leave(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(write_tflite(small_net())[:200])
    with pytest.raises(RedscError):
        load_model(tmp_path / "model.tflite")


def test_a_model_without_a_network_is_refused(tmp_path: Path) -> None:
    net = NetBuilder()
    value = net.input(1, 4)
    for name, graph in {
        "it has no operators": net.outputs(value),
        "it has no outputs": Graph(inputs=[value]),
        "it has no inputs": Graph(),
    }.items():
        (tmp_path / "model.tflite").write_bytes(write_tflite(graph))
        with pytest.raises(UnsupportedError, match=name):
            load_model(tmp_path / "model.tflite")
