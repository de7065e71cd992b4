"""Which other files an ONNX model needs."""

from __future__ import annotations

from pathlib import Path

from redsc.formats.onnx.load.branches import all_graphs

__all__ = ["external_files"]

_EXTERNAL = 1  # TensorProto.DataLocation.EXTERNAL, onnx.proto


def external_files(source: bytes, directory: Path) -> tuple[Path, ...]:
    """Return the files with weights of a model that was read from `directory`, each once, sorted.

    `source` are the bytes of a file that `read_onnx` accepted: locations were checked then.
    """
    import onnx  # slow to load, and only ONNX files need it

    model = onnx.load_model_from_string(source)
    tensors = (item for graph in all_graphs(model.graph) for item in graph.initializer)
    entries = (entry for item in tensors if item.data_location == _EXTERNAL for entry in item.external_data)
    return tuple(sorted({directory / entry.value for entry in entries if entry.key == "location"}))
