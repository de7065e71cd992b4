"""Read a model file of either kind."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from redsc.choices import Recurrent
from redsc.errors import MalformedModel, ModelError, UnsupportedError, UsageError
from redsc.files import read_file
from redsc.formats.damage import INCOMPLETE, damage_in
from redsc.formats.feedback import feed_back
from redsc.formats.model import Model, port
from redsc.formats.onnx.layout import source_layout
from redsc.formats.onnx.reader import read_onnx
from redsc.formats.tflite.identifier import is_tflite
from redsc.formats.tflite.peek import is_computed_alike, port_types, result_names
from redsc.formats.tflite.read.reader import read_tflite
from redsc.formats.tflite.signatures import with_signature
from redsc.ir import Graph, Shape
from redsc.limits import DEFAULT_LIMITS, Limits

__all__ = ["load_model"]

_PYTORCH = 'torch.onnx.export(model, example, "model.onnx") makes an ONNX file of a PyTorch model'
_KERAS = "tf.lite.TFLiteConverter.from_keras_model(model).convert() gives the bytes of a .tflite file"
_EXPORTERS = {".pt": _PYTORCH, ".pth": _PYTORCH, ".pt2": _PYTORCH, ".h5": _KERAS, ".keras": _KERAS}
_AS_IN_THE_FILE: Mapping[str, Shape] = MappingProxyType({})


def load_model(
    path: Path | str,
    limits: Limits = DEFAULT_LIMITS,
    shapes: Mapping[str, Shape] = _AS_IN_THE_FILE,
    states: Sequence[tuple[str, str]] = (),
    signature: str | None = None,
    recurrent: Recurrent = Recurrent.OP,
) -> Model:
    """Read an ONNX or TFLite file; the kind is told from its bytes, not from its name.

    `shapes` are for inputs whose sizes an ONNX file leaves open, by name, in the file's layout. `states` are inputs
    that become variables, each with the output that gives its next value. `signature` names one network of a TFLite
    file; without it that is the only signature's, or the first one. `recurrent` is for layers of ONNX files.

    Raises:
        UsageError: a shape does not fit the file, a state is none, or there is no such signature.
        ModelError: the file cannot be read or is damaged.
        UnsupportedError: the model has parts that redsc does not translate.
    """
    path = Path(path)
    try:
        source = read_file(path, limits.file_bytes)
    except OSError as error:
        code = "M302" if error.errno == errno.EFBIG else "M305"
        raise ModelError(f"cannot read {path}: {error.strerror}", code=code) from error
    if is_tflite(source):
        if shapes:
            hint = "leave out --shape: it is for ONNX files that leave sizes open"
            raise UsageError(f"{path.name} is a TFLite model, its shapes are fixed", code="U217", hint=hint)
        return _checked(feed_back(_tflite_model(path, source, limits, signature), states))
    if exporter := _EXPORTERS.get(path.suffix.lower()):
        raise MalformedModel(f"{path.name} is neither an ONNX nor a TFLite file", hint=exporter)
    if path.suffix == ".tflite" or not source:
        raise MalformedModel(f"{path.name} is not a TFLite model: the identifier TFL3 is missing", hint=INCOMPLETE)
    if signature is not None:
        hint = "leave out --signature: it is for TFLite files with several networks"
        raise UsageError(f"{path.name} is an ONNX model, it has no signatures", code="U228", hint=hint)
    return _checked(feed_back(_onnx_model(path, source, limits, shapes, recurrent), states))


@damage_in("TFLite file")
def _tflite_model(path: Path, source: bytes, limits: Limits, signature: str | None) -> Model:
    chosen = with_signature(source, signature)
    graph = read_tflite(chosen, limits)
    types = port_types(chosen)
    inputs, outputs = (
        tuple(
            port(value, source_layout(len(value.type.shape)), kind)
            for value, kind in zip(values, kinds, strict=True)
        )
        for values, kinds in zip((graph.inputs, graph.outputs), types, strict=True)
    )
    is_exact = is_computed_alike(chosen, graph)
    names = frozenset(result_names(chosen))
    return Model(path, "tflite", source, chosen, graph, inputs, outputs, is_exact, node_names=names)


def _onnx_model(
    path: Path, source: bytes, limits: Limits, shapes: Mapping[str, Shape], recurrent: Recurrent
) -> Model:
    found = read_onnx(source, limits, path.parent, shapes, recurrent)
    inputs = zip(found.graph.inputs, found.inputs, found.input_types, strict=True)
    outputs = zip(found.graph.outputs, found.outputs, found.output_types, strict=True)
    results = zip((port(*item) for item in outputs), found.output_names, strict=True)
    return Model(
        path,
        "onnx",
        source,
        found.source,
        found.graph,
        tuple(port(*item) for item in inputs),
        tuple(replace(result, name=name) for result, name in results),
        found.is_exact,
        found.notes,
        node_names=found.node_names,
    )


def _checked(model: Model) -> Model:
    problems = list(_nothing_to_run(model.graph))
    if problems:
        raise UnsupportedError(f"redsc cannot run {model.path.name}", code="N406", evidence=problems)
    return model


def _nothing_to_run(graph: Graph) -> Iterator[str]:
    """Yield why there is no network between inputs and outputs."""
    for what, items in (("inputs", graph.inputs), ("outputs", graph.outputs), ("operators", graph.nodes)):
        if not items:
            yield f"it has no {what}"
    for value in graph.inputs:
        if not value.type.shape:
            yield f"the input {value.name!r} has rank 0"
