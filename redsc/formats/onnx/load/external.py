"""Weights in a file beside the model: read, if they are where the model's own directory ends.

The rules are those of ONNX's external data (onnx/docs/ExternalData.md) and of a hostile file: the location is
relative, stays inside the directory after links are resolved, is a plain file, no link, and everything has a cap.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from redsc.errors import LimitExceeded, MalformedModel, ModelError, UnsupportedError
from redsc.formats.onnx.load.branches import all_graphs
from redsc.limits import Limits

__all__ = ["external_files", "inline_external_data"]

_EXTERNAL = 1  # TensorProto.DataLocation.EXTERNAL, onnx.proto
_INLINE = 0  # TensorProto.DataLocation.DEFAULT


def external_files(source: bytes, directory: Path) -> tuple[Path, ...]:
    """Return the files with weights of a model that was read from `directory`, each once, sorted.

    `source` are the bytes of a file that `read_onnx` accepted: locations were checked then.
    """
    import onnx  # slow to load, and only ONNX files need it

    model = onnx.load_model_from_string(source)
    tensors = (item for graph in all_graphs(model.graph) for item in graph.initializer)
    entries = (entry for item in tensors if item.data_location == _EXTERNAL for entry in item.external_data)
    return tuple(sorted({directory / entry.value for entry in entries if entry.key == "location"}))


def inline_external_data(items: Any, directory: Path | None, limits: Limits) -> None:
    """Move the data of every external `TensorProto` into it.

    Raises:
        UnsupportedError: there is external data and no directory.
        MalformedModel: a location or range is not what it may be.
        LimitExceeded: the data are larger than a file may be.
        ModelError: the file cannot be read.
    """
    total = 0
    for item in items:
        if item.data_location != _EXTERNAL:
            continue
        if directory is None:
            raise UnsupportedError(
                f"the weights of {item.name!r} are in another file",
                code="N404",
                hint="export with external_data=False",
            )
        entries = {entry.key: entry.value for entry in item.external_data}
        data = _read_range(_contained(directory, entries.get("location", ""), item.name), entries, limits)
        total += len(data)
        if total > limits.file_bytes:
            raise LimitExceeded(f"the external data have more than {limits.file_bytes:,} B")
        item.raw_data = data
        item.data_location = _INLINE
        del item.external_data[:]


def _contained(directory: Path, location: str, name: str) -> Path:
    """Return the path of a location that stays inside the model's directory."""
    path = directory / location
    if not location or Path(location).is_absolute() or not path.resolve().is_relative_to(directory.resolve()):
        raise MalformedModel(f"the data of {name!r} lie outside the model's directory: {location!r}")
    parts = [path, *path.parents][: len(Path(location).parts)]
    if any(part.is_symlink() for part in parts):
        raise MalformedModel(f"the data of {name!r} lie behind a symbolic link: {location!r}")
    if not path.is_file():
        raise ModelError(
            f"the model's data file {location!r} is missing", code="M305", hint="keep both files together"
        )
    return path


def _read_range(path: Path, entries: dict[str, str], limits: Limits) -> bytes:
    size = path.stat().st_size
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries.get("length", str(size - offset)))
    except ValueError as error:
        raise MalformedModel(f"the range of external data in {path.name!r} is not a number") from error
    if not 0 <= offset <= offset + length <= size:
        raise MalformedModel(f"external data end at {offset + length}, {path.name!r} at {size}")
    if length > limits.file_bytes:
        raise LimitExceeded(f"the external data have more than {limits.file_bytes:,} B")
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)
