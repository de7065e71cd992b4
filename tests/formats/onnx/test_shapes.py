"""Sizes that a file leaves open and the user names."""

from __future__ import annotations

from pathlib import Path

import pytest

from redsc.codegen.oracles import verify_import
from redsc.compile import read_model
from redsc.errors import UnsupportedError, UsageError
from redsc.formats import write_tflite
from redsc.ir import Shape
from tests.formats.onnx.models import onnx_model, weights
from tests.helpers import small_net


def open_model(*dims: int | str | None) -> bytes:
    """Return a convolution and a global pool over an image whose sizes are `dims`."""
    nodes = ["[conv] c = Conv<pads=[1, 1, 1, 1]>(image, w)", "[pool] y = GlobalAveragePool(c)"]
    return onnx_model(nodes, {"image": [*dims]}, {"w": weights(4, 3, 3, 3)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "open.onnx"
    path.write_bytes(open_model("N", 3, "H", None))
    return path


@pytest.mark.parametrize("shape", [(1, 3, 6, 8), (2, 3, 5, 5)])
def test_named_sizes_make_an_open_model_static(path: Path, shape: Shape) -> None:
    model = read_model(path, shapes=[("image", shape)])
    assert model.inputs[0].source_shape == shape
    assert [row.result for row in verify_import(model, model.graph, "100")] == ["equal within 1e-05 relative"]


def test_without_them_the_error_says_what_to_write(path: Path) -> None:
    with pytest.raises(UnsupportedError) as caught:
        read_model(path)
    assert caught.value.diagnostic.code == "N403"
    assert caught.value.diagnostic.hint == "say which with --shape image=1,3,SIZE,SIZE"


def test_the_error_names_all_inputs_with_open_sizes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "two.onnx"
    path.write_bytes(onnx_model(["y = Add(a, b)"], {"a": [1, "N"], "c": [1, 3], "b": [2, "N", None]}, {}))
    with pytest.raises(UnsupportedError) as caught:
        read_model(path)
    assert caught.value.diagnostic.hint == "say which with --shape a=1,SIZE --shape b=2,SIZE,SIZE"


@pytest.mark.parametrize("shape", [(1, 3, 6), (1, 4, 6, 8), (1, 3, 6, 8, 1)])
def test_a_shape_that_contradicts_the_file_is_refused(path: Path, shape: Shape) -> None:
    with pytest.raises(UsageError, match=r"does not fit \['\?', 3, '\?', '\?'\] in the file"):
        read_model(path, shapes=[("image", shape)])


def test_a_shape_of_no_input_suggests_one(path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_model(path, shapes=[("imgae", (1, 3, 6, 8))])
    assert caught.value.diagnostic.hint == "did you mean image?"


def test_a_tflite_model_has_no_open_sizes(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(small_net()))
    with pytest.raises(UsageError, match="its shapes are fixed"):
        read_model(path, shapes=[("x", (1, 8, 8, 3))])
