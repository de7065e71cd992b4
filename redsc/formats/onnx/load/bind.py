"""The sizes of a model's inputs: those that the user names, and 1 for an unknown batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from redsc.errors import UsageError, did_you_mean
from redsc.ir import Shape

__all__ = ["bind_inputs", "described", "open_sizes"]


def bind_inputs(proto: Any, sizes: Mapping[str, Shape]) -> None:
    """Give inputs the sizes that the user names, and 1 to an unknown batch; other shapes follow from these.

    Raises:
        UsageError: there is no such input, or the file fixes another size.
    """
    inputs = {item.name: item for item in proto.input}
    for name, shape in sizes.items():
        if name not in inputs:
            hint = did_you_mean(name, inputs) or f"the inputs are {', '.join(inputs)}"
            raise UsageError(f"--shape {name}: there is no such input", code="U217", hint=hint)
        _bind(inputs[name], shape)
    for item in proto.input:
        dims = item.type.tensor_type.shape.dim
        if dims and dims[0].dim_value <= 0:
            dims[0].Clear()
            dims[0].dim_value = 1
    del proto.value_info[:]
    for item in proto.output:
        for dim in item.type.tensor_type.shape.dim:
            if dim.dim_value <= 0:
                dim.Clear()


def _bind(item: Any, shape: Shape) -> None:
    """Give one input its sizes; those that the file fixes must agree."""
    dims = item.type.tensor_type.shape.dim
    if len(dims) != len(shape) or any(dim.dim_value not in (0, -1, n) for dim, n in zip(dims, shape, strict=True)):
        given = described(tuple(dim.dim_value if dim.dim_value > 0 else -1 for dim in dims))
        hint = "sizes that the file fixes cannot change, and all axes have to be named"
        raise UsageError(
            f"--shape {item.name}: {list(shape)} does not fit {given} in the file", code="U217", hint=hint
        )
    for dim, size in zip(dims, shape, strict=True):
        dim.Clear()
        dim.dim_value = size


def open_sizes(inputs: Iterable[Any], shapes: Mapping[str, Shape]) -> str | None:
    """Return what to do about the inputs whose sizes the file leaves open, None where there is none."""
    known = {item.name: shapes.get(item.name, ()) for item in inputs}
    flags = [
        f"--shape {name}={','.join('SIZE' if n < 0 else str(n) for n in shape)}"
        for name, shape in known.items()
        if -1 in shape
    ]
    return f"say which with {' '.join(flags)}" if flags else None


def described(shape: Shape | None) -> str:
    """Return a shape for messages; -1 is a size that nobody knows."""
    return "unknown rank" if shape is None else str(["?" if n < 0 else n for n in shape])
