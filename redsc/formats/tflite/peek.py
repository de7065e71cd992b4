"""Read single facts of a TFLite model that is known to be sound, without building its graph."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import tflite

from redsc.formats.damage import damage_in
from redsc.formats.tflite.accessors import DTYPES, PLAN_NAME, indices, op_name, quant_of, text_of
from redsc.formats.tflite.ops import TENSOR_TYPES
from redsc.formats.tflite.recurrent import RECURRENT
from redsc.ir import FRONT_END_OPS, SVDF, DType, Graph

__all__ = [
    "count_ports",
    "described_as",
    "has_front_end",
    "has_short_memory",
    "has_variables",
    "is_computed_alike",
    "planned_offsets",
    "port_types",
    "result_names",
]

_PLAN_HEAD = 3  # numbers of an arena plan before its offsets: version, subgraphs, tensors


def count_ports(data: bytes) -> tuple[int, int]:
    """Return the numbers of inputs and outputs of a sound model's first subgraph, without reading the rest."""
    subgraph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    return subgraph.InputsLength(), subgraph.OutputsLength()


def has_variables(data: bytes) -> bool:
    """Whether a model keeps state in variables or in layers; of a damaged one a runtime will say more."""
    return _has_ops(data, {"VAR_HANDLE", *RECURRENT, *FRONT_END_OPS})


def has_front_end(data: bytes) -> bool:
    """Whether a model has ops of tflite-micro's audio front end; of a damaged one a runtime will say more."""
    return _has_ops(data, set(FRONT_END_OPS))


def _has_ops(data: bytes, ops: Set[str]) -> bool:
    try:
        model = tflite.Model.GetRootAs(data, 0)
        codes = map(model.OperatorCodes, range(model.OperatorCodesLength()))
        return any(op_name(code) in ops for code in codes)
    except Exception:  # the flatbuffers accessors raise struct.error, IndexError, TypeError, ...
        return False


def has_short_memory(data: bytes) -> bool:
    """Whether a model has an SVDF that keeps its state in int8; of a damaged one a runtime will say more."""
    try:
        model = tflite.Model.GetRootAs(data, 0)
        codes = [op_name(model.OperatorCodes(i)) for i in range(model.OperatorCodesLength())]
        return SVDF in codes and any(_has_short_memory(subgraph, codes) for subgraph in _subgraphs(model))
    except Exception:  # as above
        return False


def _has_short_memory(subgraph: Any, codes: Sequence[str]) -> bool:
    operators = [subgraph.Operators(i) for i in range(subgraph.OperatorsLength())]
    weights = [operator.Inputs(2) for operator in operators if codes[operator.OpcodeIndex()] == SVDF]
    return any(subgraph.Tensors(i).Type() == TENSOR_TYPES[DType.INT8] for i in weights)


def _subgraphs(model: Any) -> list[Any]:
    return [model.Subgraphs(i) for i in range(model.SubgraphsLength())]


def port_types(data: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the element types of a sound model's inputs and outputs, as numpy names them."""
    subgraph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    ports = (indices(subgraph.InputsAsNumpy()), indices(subgraph.OutputsAsNumpy()))
    kinds = [tuple(DTYPES[subgraph.Tensors(i).Type()].numpy.name for i in port) for port in ports]
    return kinds[0], kinds[1]


def result_names(data: bytes) -> list[str]:
    """Return the name of the first result of every operator of a sound model's first subgraph."""
    subgraph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    operators = (subgraph.Operators(i) for i in range(subgraph.OperatorsLength()))
    results = [operator.Outputs(0) for operator in operators if operator.OutputsLength()]
    return [text_of(subgraph.Tensors(index).Name()) for index in results]


def is_computed_alike(data: bytes, graph: Graph) -> bool:
    """Whether the graph of a sound model computes as the file does: with the same weights, in the same types."""
    subgraphs = _subgraphs(tflite.Model.GetRootAs(data, 0))
    tensors = (subgraph.Tensors(i) for subgraph in subgraphs for i in range(subgraph.TensorsLength()))
    in_uint8 = any(t.Type() == TENSOR_TYPES[DType.UINT8] and quant_of(t.Quantization()) for t in tensors)
    return not in_uint8 and all(
        value.type.dtype is not DType.FLOAT32 or not value.type.quant for value in graph.values()
    )


def described_as(data: bytes) -> str:
    """Return the description of a sound model, an empty one where it is damaged: a graph is read without it."""
    try:
        return text_of(tflite.Model.GetRootAs(data, 0).Description())
    except Exception:  # the flatbuffers accessors raise struct.error, IndexError, TypeError, ...
        return ""


def planned_offsets(data: bytes) -> dict[str, int]:
    """Return the arena offset of every tensor for which a sound model has one, by the name that a reader gives it.

    Raises:
        MalformedModel: the plan is not one of this model.
    """
    model = tflite.Model.GetRootAs(data, 0)
    names = [
        text_of(subgraph.Tensors(i).Name()) or f"tensor{i}"
        for subgraph in _subgraphs(model)
        for i in range(subgraph.TensorsLength())
    ]
    with damage_in("arena plan"):
        plans = [
            model.Buffers(model.Metadata(i).Buffer()).DataAsNumpy().view("<i4")[_PLAN_HEAD:].tolist()
            for i in range(model.MetadataLength())
            if model.Metadata(i).Name() == PLAN_NAME.encode()
        ]
        return {name: n for plan in plans[:1] for name, n in zip(names, plan, strict=True) if n >= 0}
