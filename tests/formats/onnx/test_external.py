"""Weights in a file beside the model, the good case and hostile ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from redsc.errors import LimitExceeded, MalformedModel, ModelError, RedscError, UnsupportedError
from redsc.formats import load_model
from redsc.limits import Limits
from redsc.runtime import EXECUTORS
from tests.formats.onnx.models import make_node, one, onnx_model, weights

W = weights(30, 4)
GEMM = one("Gemm", [2, 30], W)


def external(location: str = "weights.bin", **entries: str) -> bytes:
    """Return a model whose weights are elsewhere."""
    model = onnx.load_model_from_string(GEMM)
    item = model.graph.initializer[0]
    item.ClearField("raw_data")
    item.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        item.external_data.add(key=key, value=value)
    return bytes(model.SerializeToString())


def load(folder: Path, model: bytes) -> Any:
    (folder / "model.onnx").write_bytes(model)
    return load_model(folder / "model.onnx")


def test_external_data_are_read(tmp_path: Path) -> None:
    proto = onnx.load_model_from_string(GEMM)
    path = tmp_path / "model.onnx"
    onnx.save_model(proto, path, save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    assert onnx.load(path, load_external_data=False).graph.initializer[0].external_data
    model = load_model(path)
    (kernel,) = [value for value in model.graph.constants() if value.type.shape == (4, 30)]
    np.testing.assert_array_equal(kernel.data, W.T)
    assert model.source == path.read_bytes()


def test_the_runnable_model_is_whole(tmp_path: Path) -> None:
    """The oracles run it from memory, where nothing lies beside it."""
    (tmp_path / "weights.bin").write_bytes(W.tobytes())
    model = load(tmp_path, external())
    samples = [[weights(2, 30)]]
    expected, found = (EXECUTORS["onnxruntime"].run(data, samples) for data in (GEMM, model.runnable))
    np.testing.assert_array_equal(expected[0][0], found[0][0])


def test_data_may_lie_in_a_folder_and_in_the_middle_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "all.bin").write_bytes(bytes(64) + W.tobytes() + bytes(9))
    model = load(tmp_path, external("data/all.bin", offset="64", length=str(W.nbytes)))
    np.testing.assert_array_equal(model.graph.nodes[0].operand(1).data, W.T)


def symlink(folder: Path) -> None:
    (folder / "real.bin").write_bytes(W.tobytes())
    (folder / "weights.bin").symlink_to(folder / "real.bin")


def symlink_out(folder: Path) -> None:
    (folder.parent / "secret").write_bytes(W.tobytes())
    (folder / "weights.bin").symlink_to(folder.parent / "secret")


def symlinked_folder(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "weights.bin").write_bytes(W.tobytes())
    (folder / "link").symlink_to(folder / "real")


def plain(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(W.tobytes())


def short(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(W.tobytes()[:-1])


def directory(folder: Path) -> None:
    (folder / "weights.bin").mkdir()


def nothing(_folder: Path) -> None:
    """No file."""


Hostile = tuple[Callable[[Path], None], bytes, type[RedscError]]
HOSTILE: dict[str, Hostile] = {
    "absolute": (plain, external("/etc/passwd"), MalformedModel),
    "parent": (symlink_out, external("../secret"), MalformedModel),
    "parent-and-back": (plain, external("nowhere/../../x/weights.bin"), MalformedModel),
    "symlink": (symlink, external(), MalformedModel),
    "symlink-out": (symlink_out, external(), MalformedModel),
    "symlinked-folder": (symlinked_folder, external("link/weights.bin"), MalformedModel),
    "missing": (nothing, external(), ModelError),
    "directory": (directory, external(), ModelError),
    "the-folder-itself": (plain, external("."), ModelError),
    "empty-name": (plain, external(""), MalformedModel),
    "null-name": (plain, external("weights.bin\0.txt"), MalformedModel),
    "null-first": (plain, external("\0"), MalformedModel),
    "long-name": (plain, external("w" * 5000), MalformedModel),
    "newline-name": (plain, external("weights.bin\n"), ModelError),
    "negative-offset": (plain, external(offset="-1"), MalformedModel),
    "huge-offset": (plain, external(offset=str(2**70)), MalformedModel),
    "huge-digits": (plain, external(offset="9" * 5000), MalformedModel),
    "negative-length": (plain, external(length="-5"), MalformedModel),
    "huge-length": (plain, external(length=str(2**62)), MalformedModel),
    "long-length": (plain, external(length=str(W.nbytes + 1)), MalformedModel),
    "short-length": (plain, external(length=str(W.nbytes - 4)), MalformedModel),
    "words": (plain, external(offset="ten"), MalformedModel),
    "short-file": (short, external(), MalformedModel),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_external_data(case: str, tmp_path: Path) -> None:
    prepare, model, kind = HOSTILE[case]
    folder = tmp_path / "model"
    folder.mkdir()
    prepare(folder)
    with pytest.raises(RedscError) as caught:
        load(folder, model)
    assert type(caught.value) is kind


def test_external_data_have_a_cap(tmp_path: Path) -> None:
    plain(tmp_path)
    (tmp_path / "model.onnx").write_bytes(external())
    with pytest.raises(LimitExceeded):
        load_model(tmp_path / "model.onnx", Limits(file_bytes=len(external())))


def test_external_data_of_an_attribute_are_refused(tmp_path: Path) -> None:
    plain(tmp_path)
    value = onnx.load_model_from_string(external()).graph.initializer[0]
    nodes = [make_node("Constant", [], ["w"], value=value), "y = MatMul(x, w)"]
    with pytest.raises((MalformedModel, UnsupportedError), match="another file"):
        load(tmp_path, onnx_model(nodes, {"x": [2, 30]}, {}))
