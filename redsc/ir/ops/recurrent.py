"""Recurrent layers: ops that keep numbers of their own from one inference to the next.

A graph has no operands for these numbers, `OpDef.keeps` says what they are; before the first inference they stand
for 0. In a TFLite file they are tensors of their own (`redsc.formats.tflite.recurrent`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import frexp

from redsc.ir.activation import Activation
from redsc.ir.graph import Node
from redsc.ir.ops.definition import KernelLimit, OpDef, ShapeError
from redsc.ir.rules import Contracts
from redsc.ir.signatures import F32, I8, I16, I32, signatures
from redsc.ir.types import Quant, Shape, TensorType

__all__ = ["GATES", "LSTM", "RECURRENT_OPS", "SVDF", "CellActivation", "Lstm", "Svdf"]


SVDF, LSTM = "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"
_BIAS_SLACK = 1e-5
GATES = ("input", "forget", "cell", "output")  # in the order of the operands


class CellActivation(Enum):
    """The function of an LSTM's cell gate."""

    TANH = "TANH"


@dataclass(frozen=True, slots=True)
class Svdf:
    """A layer of `rank` filters per unit, each a product of weights for an input and weights for its past.

    Operands: input BI, feature weights FI, time weights FM (M inferences of memory), bias U, with F = U * rank. The
    products that int8 networks keep have `state_scale` and `state_zero_point`; the range of their output is the
    activation.
    """

    rank: int = 1
    activation: Activation = Activation.NONE
    state_scale: float = 1.0
    state_zero_point: int = 0


@dataclass(frozen=True, slots=True)
class Lstm:
    """Operands: input BTI (`time_major`: TBI), per gate weights UI, per gate recurrent weights UU, biases U.

    The cell keeps `cell_scale` in int8 networks, a power of two; it is clipped to `cell_clip` where that is not 0.
    A layer that `starts_anew` keeps nothing: its states are zeros at the beginning of every inference.
    """

    cell_activation: CellActivation = CellActivation.TANH
    cell_clip: float = 0.0
    time_major: bool = False
    cell_scale: float = 1.0
    starts_anew: bool = False


def _rank_of(node: Node, index: int, rank: int) -> Shape:
    shape = node.operand(index).type.shape
    if len(shape) != rank:
        raise ShapeError(f"operand {index} has rank {len(shape)}, needs {rank}")
    return shape


def _need(node: Node, index: int, shape: Shape) -> None:
    found = node.operand(index).type.shape
    if found != shape:
        raise ShapeError(f"operand {index} has the shape {list(found)}, needs {list(shape)}")


def _need_plain_weights(node: Node, *indices: int) -> None:
    """Refuse int8 weights of several scales or with a zero point: the kernels know neither."""
    for index in indices:
        quant = node.operand(index).type.quant
        if node.operand(index).type.dtype is not F32 and quant and (quant.is_per_channel or any(quant.zero_points)):
            raise KernelLimit(f"operand {index} does not have one scale and the zero point 0")


def _need_scaled_bias(node: Node) -> None:
    """Refuse a bias with which tflite-micro does not load an SVDF (svdf_common.cc: PrepareSvdf)."""
    time, bias = node.operand(2).type, node.operand(3).type
    if time.dtype is F32 or time.quant is None:
        return
    found = bias.quant.scale if bias.quant else 0.0
    if abs(found - node.attrs.state_scale * time.quant.scale) >= _BIAS_SLACK:
        raise KernelLimit("the scale of its bias is not that of the products which it is added to")


def _infer_svdf(node: Node) -> tuple[Shape, ...]:
    batch, depth = _rank_of(node, 0, 2)
    filters, memory = _rank_of(node, 2, 2)
    if node.attrs.rank < 1 or filters % node.attrs.rank:
        raise ShapeError(f"{filters} filters are no multiple of the rank {node.attrs.rank}")
    units = filters // node.attrs.rank
    for index, shape in ((1, (filters, depth)), (2, (filters, memory)), (3, (units,))):
        _need(node, index, shape)
    _need_plain_weights(node, 1, 2)
    _need_scaled_bias(node)
    return ((batch, units),)


def _svdf_macs(node: Node) -> int:
    """The products of the newest input, then those of the whole memory."""
    (batch, depth), (filters, memory) = (node.operand(index).type.shape for index in (0, 2))
    return batch * filters * (depth + memory)


def _svdf_state(node: Node) -> tuple[TensorType, ...]:
    """Per filter the products of the last inferences, oldest first."""
    (batch, _), time = node.operand(0).type.shape, node.operand(2).type
    quant = None if time.dtype is F32 else Quant.per_tensor(node.attrs.state_scale, node.attrs.state_zero_point)
    return (TensorType((batch, time.elements), time.dtype, quant),)


def _infer_lstm(node: Node) -> tuple[Shape, ...]:
    first, second, depth = _rank_of(node, 0, 3)
    units = _rank_of(node, 1, 2)[0]
    count = len(GATES)
    for gate in range(count):
        _need(node, 1 + gate, (units, depth))
        _need(node, 1 + count + gate, (units, units))
        _need(node, 1 + 2 * count + gate, (units,))
    _need_plain_weights(node, *range(1, 9))
    if node.operand(0).type.dtype is I8 and frexp(node.attrs.cell_scale)[0] != 0.5:
        raise KernelLimit(f"the scale {node.attrs.cell_scale} of its cell is no power of two")
    return ((first, second, units),)


def _lstm_macs(node: Node) -> int:
    """The products of the weights, for all steps."""
    first, second, depth = node.operand(0).type.shape
    units = node.operand(1).type.shape[0]
    return first * second * len(GATES) * units * (depth + units)


def _lstm_state(node: Node) -> tuple[TensorType, ...]:
    """The last step's output, and the cell."""
    output, (first, second, units) = node.outputs[0].type, node.outputs[0].type.shape
    shape = (second if node.attrs.time_major else first, units)
    is_float = output.dtype is F32
    cell = TensorType(
        shape, F32 if is_float else I16, None if is_float else Quant.per_tensor(node.attrs.cell_scale)
    )
    return TensorType(shape, output.dtype, output.quant), cell


RECURRENT_OPS = (
    OpDef(
        SVDF,
        Svdf,
        infer=_infer_svdf,
        macs=_svdf_macs,
        channels=Contracts("their number is that of its state", weights=(1,), in_axis=1),
        signatures=signatures(((F32,) * 4, F32), ((I8, I8, I8, I32), I8), ((I8, I8, I16, I32), I8)),
        min_inputs=4,
        keeps=_svdf_state,
    ),
    OpDef(
        LSTM,
        Lstm,
        infer=_infer_lstm,
        macs=_lstm_macs,
        channels=Contracts(
            "their number is that of its state",
            weights=(1, 2, 3, 4),
            in_axis=1,
            recurrent=(5, 6, 7, 8),
            followers=(9, 10, 11, 12),
        ),
        signatures=signatures(((F32,) * 13, F32), ((I8,) * 9 + (I32,) * 4, I8)),
        min_inputs=13,
        keeps=_lstm_state,
    ),
)
