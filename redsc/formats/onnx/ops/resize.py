"""Resize: which of TFLite's two mappings gives the same pixels, if one does.

TFLite maps output places to input places in one of three ways (align_corners, half_pixel_centers), ONNX in many
more. Where two agree over the places that occur, the op is the same; nearest neighbours that no way of TFLite gives
are a GATHER per axis.

Sources: ONNX operator Resize and its reference implementation; kernels/internal/reference/resize_bilinear.h and
resize_nearest_neighbor.h of TFLite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Gather, Resize

__all__ = ["RESIZE_ROWS"]

_MODES = (Resize(), Resize(half_pixel_centers=True), Resize(align_corners=True))
_TOLERANCE = 1e-6
_LONGEST = 1 << 15

# x_original of an output place, by coordinate_transformation_mode: (place, scale, input size, output size).
_COORDINATES: dict[str, Callable[[Array, float, int, int], Array]] = {
    "half_pixel": lambda x, scale, size, out: (x + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda x, scale, size, out: (x + 0.5) / scale - 0.5 if out > 1 else x * 0,
    "half_pixel_symmetric": lambda x, scale, size, out: (
        size / 2 * (1 - out / (scale * size)) + (x + 0.5) / scale - 0.5
    ),
    "align_corners": lambda x, scale, size, out: x * (size - 1) / (out - 1) if out > 1 else x * 0,
    "asymmetric": lambda x, scale, size, out: x / scale,
}
_ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _resize(context: OnnxContext, node: OnnxNode) -> None:
    mode = {"bilinear": "linear"}.get(node.get("mode", "nearest"), node.get("mode", "nearest"))
    node.require_defaults(antialias=0, exclude_outside=0, keep_aspect_ratio_policy="stretch")
    if mode not in ("nearest", "linear"):
        raise CannotTranslate(f"its mode is {mode}")
    name = node.input(0)
    source, shape, out = context.value(name), context.shape(name), context.shape(node.output)
    if shape[:2] != out[:2]:
        raise CannotTranslate("it resizes batch or channels")
    if shape == out:
        context.alias(node, source)
        return
    axes = list(_axes(context, node))
    size = context.indices(node, "size", context.graph_shape(node.output)[1:3])
    if mode == "linear":
        attrs = _agreeing(_tflite_linear, [_linear(context, node, *axis) for axis in axes], axes)
        if attrs is None:
            mode = _setting(context, node, "coordinate_transformation_mode")
            raise CannotTranslate(f"TFLite has no {mode} interpolation of these sizes")
        context.emit(node, "RESIZE_BILINEAR", source, size, attrs=attrs)
        return
    wanted = [_nearest(context, node, *axis) for axis in axes]
    attrs = _agreeing(_tflite_nearest, wanted, axes)
    if attrs is not None:
        context.emit(node, "RESIZE_NEAREST_NEIGHBOR", source, size, attrs=attrs)
        return
    places = range(3 - len(axes), 3)
    for place, indices in zip(places, wanted, strict=True):
        operand = context.indices(node, f"indices{place}", indices.astype(int))
        source = context.step(node, "GATHER", source, operand, attrs=Gather(place), part=f"picked{place}")
    context.alias(node, source)


def _axes(context: OnnxContext, node: OnnxNode) -> Iterator[tuple[float, int, int]]:
    """Yield scale, input size and output size of every axis of the image."""
    shape, out = context.shape(node.input(0)), context.shape(node.output)
    scales = _scales(context, node)
    for axis in range(2, len(shape)):
        yield scales.get(axis, out[axis] / shape[axis]), shape[axis], out[axis]


def _scales(context: OnnxContext, node: OnnxNode) -> dict[int, float]:
    """Return the stated scales by axis; none where sizes are stated."""
    found: Array = np.array(node.get("scales") or [])
    index = {"Upsample": 1, "Resize": 1 if context.model.opset < 11 else 2}[node.op]
    if node.input(index) and not found.size:
        found = context.constant(node.input(index), "its scales are").reshape(-1)
    axes = [axis % context.rank(node.input(0)) for axis in node.get("axes") or range(len(found))]
    return {axis: float(scale) for axis, scale in zip(axes, found, strict=False)}


def _setting(context: OnnxContext, node: OnnxNode, attribute: str) -> str:
    """Return how places are mapped, or rounded; before opset 11 nothing could be chosen."""
    old, default = _DEFAULTS[attribute]
    found: str = old if context.model.opset < 11 or node.op == "Upsample" else node.get(attribute, default)
    return found


_DEFAULTS = {
    "coordinate_transformation_mode": ("asymmetric", "half_pixel"),
    "nearest_mode": ("floor", "round_prefer_floor"),
}


def _linear(context: OnnxContext, node: OnnxNode, scale: float, size: int, out: int) -> Array:
    """Return the input place, with fraction, of every output place along an axis."""
    mode = _setting(context, node, "coordinate_transformation_mode")
    if mode not in _COORDINATES:
        raise CannotTranslate(f"its coordinate_transformation_mode is {mode}")
    if max(size, out) > _LONGEST:
        raise CannotTranslate(f"it resizes images longer than {_LONGEST:,}")
    if mode == "align_corners" and abs(scale * size - out) > _TOLERANCE * out:  # runtimes differ
        raise CannotTranslate(f"it aligns the corners of {scale * size:g} places, which are no integer")
    return _COORDINATES[mode](np.arange(out, dtype=np.float64), scale, size, out).clip(0, size - 1)


def _nearest(context: OnnxContext, node: OnnxNode, scale: float, size: int, out: int) -> Array:
    mode = _setting(context, node, "nearest_mode")
    if mode not in _ROUNDINGS:
        raise CannotTranslate(f"its nearest_mode is {mode}")
    return np.clip(_ROUNDINGS[mode](_linear(context, node, scale, size, out)), 0, size - 1)


def _tflite_scale(attrs: Resize, size: int, out: int) -> float:
    return (size - 1) / (out - 1) if attrs.align_corners and out > 1 else size / out


def _tflite_linear(attrs: Resize, size: int, out: int) -> Array:
    places, scale = np.arange(out, dtype=np.float64), _tflite_scale(attrs, size, out)
    found = (places + 0.5) * scale - 0.5 if attrs.half_pixel_centers else places * scale
    return np.clip(found, 0, size - 1)


def _tflite_nearest(attrs: Resize, size: int, out: int) -> Array:
    """GetNearestNeighbor of resize_nearest_neighbor.h, in float32 as there."""
    scale = np.float32(_tflite_scale(attrs, size, out))
    offset = np.float32(0.5 if attrs.half_pixel_centers else 0.0)
    found = (np.arange(out, dtype=np.float32) + offset) * scale
    rounded = np.floor(found + np.float32(0.5)) if attrs.align_corners else np.floor(found)
    places: Array = rounded.clip(0, size - 1)
    return places


def _agreeing(
    mapping: Callable[[Resize, int, int], Array], wanted: list[Array], axes: list[tuple[float, int, int]]
) -> Resize | None:
    """Return the first of TFLite's ways that agrees with what is wanted on every axis."""
    for attrs in _MODES:
        offers = [mapping(attrs, size, out) for _scale, size, out in axes]
        if all(np.abs(a - b).max() <= _TOLERANCE for a, b in zip(wanted, offers, strict=True)):
            return attrs
    return None


RESIZE_ROWS: Rows = {"Resize": OnnxOp(_resize, Kind.SPATIAL), "Upsample": OnnxOp(_resize, Kind.SPATIAL)}
