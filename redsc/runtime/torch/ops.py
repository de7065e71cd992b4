"""How each op runs in PyTorch: the table from ops to differentiable functions.

A function takes the node and its operands, and returns the result (a tuple for an op with several). Operands that
the row names as constants come in their own shape; any other has a batch axis before its own, of length 1 for a
constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from redsc.formats.tables import Refusal, refuse
from redsc.ir import LSTM, SVDF, DType, Node
from redsc.ir.ops import constant_ints
from redsc.runtime.torch import image, move

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TORCH_OPS", "TorchOp"]

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class TorchOp:
    """A row: the function, and the operands that must be constants: weights and the like."""

    run: Handler
    constants: tuple[int, ...] = ()


def _unary(function: Callable[[Tensor], Tensor]) -> TorchOp:
    return TorchOp(lambda _node, x: function(x))


def _elementwise(function: Callable[..., Tensor]) -> TorchOp:
    return TorchOp(lambda node, *operands: function(*move.aligned(node, operands)))


def _arithmetic(function: Callable[[Tensor, Tensor], Tensor]) -> TorchOp:
    """Return the row of an op with a fused activation."""

    def run(node: Node, *operands: Tensor) -> Tensor:
        return image.activate(node.attrs.activation, function(*move.aligned(node, operands)))

    return TorchOp(run)


def _reduction(function: Callable[..., Tensor]) -> TorchOp:
    def run(node: Node, x: Tensor, _axes: Tensor) -> Tensor:
        axes = tuple(axis % (x.ndim - 1) + 1 for axis in constant_ints(node, 1, "axes"))
        return function(x, dim=axes, keepdim=node.attrs.keep_dims) if axes else x

    return TorchOp(run)


def _extreme(name: str) -> TorchOp:
    def run(node: Node, x: Tensor, _axis: Tensor) -> Tensor:
        return getattr(x, name)(move.axis_in(node, 1, x)).to(move.dtype_of(node))

    return TorchOp(run)


def _leaky_relu(node: Node, x: Tensor) -> Tensor:
    from torch.nn import functional

    return functional.leaky_relu(x, node.attrs.alpha)


def _elu(x: Tensor) -> Tensor:
    from torch.nn import functional

    return functional.elu(x)


def _select(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return x.where(condition, y)


def _divide(x: Tensor, y: Tensor) -> Tensor:
    return x / y if x.is_floating_point() else x.div(y, rounding_mode="trunc")


def _floor_mod(x: Tensor, y: Tensor) -> Tensor:
    return x.remainder(y)


def _l2_normalization(x: Tensor) -> Tensor:
    """LiteRT kernels/internal/reference/l2normalization.h: the norm is at least 1e-6."""
    return x / x.norm(dim=-1, keepdim=True).clamp(min=1e-6)


def _batch_matmul(node: Node, *operands: Tensor) -> Tensor:
    x, y = move.aligned(node, operands)
    x = x.transpose(-1, -2) if node.attrs.adj_x else x
    return x @ (y.transpose(-1, -2) if node.attrs.adj_y else y)


def _cast(node: Node, x: Tensor) -> Tensor:
    return x.bool() if node.outputs[0].type.dtype is DType.BOOL else x.to(move.dtype_of(node))


_WEIGHTED = (1, 2)

TORCH_OPS: Mapping[str, TorchOp | Refusal] = {
    "CONV_2D": TorchOp(image.conv, _WEIGHTED),
    "DEPTHWISE_CONV_2D": TorchOp(image.depthwise, _WEIGHTED),
    "FULLY_CONNECTED": TorchOp(image.fully_connected, _WEIGHTED),
    "TRANSPOSE_CONV": TorchOp(image.transpose_conv, (0, 1, 3)),
    "BATCH_MATMUL": TorchOp(_batch_matmul),
    "AVERAGE_POOL_2D": TorchOp(image.average_pool),
    "MAX_POOL_2D": TorchOp(image.max_pool),
    "L2_POOL_2D": TorchOp(image.l2_pool),
    "RESIZE_BILINEAR": TorchOp(image.resize_bilinear),
    "RESIZE_NEAREST_NEIGHBOR": TorchOp(image.resize_nearest),
    "DEPTH_TO_SPACE": TorchOp(image.depth_to_space),
    "SPACE_TO_DEPTH": TorchOp(image.space_to_depth),
    "SPACE_TO_BATCH_ND": TorchOp(image.space_to_batch),
    "BATCH_TO_SPACE_ND": TorchOp(image.batch_to_space),
    "ADD": _arithmetic(lambda x, y: x + y),
    "SUB": _arithmetic(lambda x, y: x - y),
    "MUL": _arithmetic(lambda x, y: x * y),
    "DIV": _arithmetic(_divide),
    "MAXIMUM": _elementwise(lambda x, y: x.maximum(y)),
    "MINIMUM": _elementwise(lambda x, y: x.minimum(y)),
    "SQUARED_DIFFERENCE": _elementwise(lambda x, y: (x - y).square()),
    "FLOOR_DIV": _elementwise(lambda x, y: (x / y).floor()),
    "FLOOR_MOD": _elementwise(_floor_mod),
    "ADD_N": _elementwise(lambda *operands: reduce(lambda x, y: x + y, operands)),
    "SELECT_V2": _elementwise(_select),
    "PRELU": _elementwise(lambda x, alpha: x.where(x >= 0, x * alpha)),
    "EQUAL": _elementwise(lambda x, y: x == y),
    "NOT_EQUAL": _elementwise(lambda x, y: x != y),
    "GREATER": _elementwise(lambda x, y: x > y),
    "GREATER_EQUAL": _elementwise(lambda x, y: x >= y),
    "LESS": _elementwise(lambda x, y: x < y),
    "LESS_EQUAL": _elementwise(lambda x, y: x <= y),
    "LOGICAL_AND": _elementwise(lambda x, y: x & y),
    "LOGICAL_OR": _elementwise(lambda x, y: x | y),
    "LOGICAL_NOT": _unary(lambda x: ~x),
    "RELU": _unary(lambda x: x.relu()),
    "RELU6": _unary(lambda x: x.clamp(0, 6)),
    "LEAKY_RELU": TorchOp(_leaky_relu),
    "ELU": _unary(_elu),
    "HARD_SWISH": _unary(lambda x: x * (x + 3).clamp(0, 6) / 6),
    "LOGISTIC": _unary(lambda x: x.sigmoid()),
    "TANH": _unary(lambda x: x.tanh()),
    "SOFTMAX": TorchOp(lambda node, x: (x * node.attrs.beta).softmax(-1)),
    "LOG_SOFTMAX": _unary(lambda x: x.log_softmax(-1)),
    "L2_NORMALIZATION": _unary(_l2_normalization),
    "ABS": _unary(lambda x: x.abs()),
    "CEIL": _unary(lambda x: x.ceil()),
    "COS": _unary(lambda x: x.cos()),
    "EXP": _unary(lambda x: x.exp()),
    "FLOOR": _unary(lambda x: x.floor()),
    "LOG": _unary(lambda x: x.log()),
    "NEG": _unary(lambda x: -x),
    "ROUND": _unary(lambda x: x.round()),
    "RSQRT": _unary(lambda x: x.rsqrt()),
    "SIN": _unary(lambda x: x.sin()),
    "SQRT": _unary(lambda x: x.sqrt()),
    "SQUARE": _unary(lambda x: x.square()),
    "ZEROS_LIKE": _unary(lambda x: x * 0),
    "CAST": TorchOp(_cast),
    "MEAN": _reduction(lambda x, **axes: x.mean(**axes)),
    "SUM": _reduction(lambda x, **axes: x.sum(**axes)),
    "REDUCE_MAX": _reduction(lambda x, **axes: x.amax(**axes)),
    "REDUCE_MIN": _reduction(lambda x, **axes: x.amin(**axes)),
    "REDUCE_ALL": _reduction(lambda x, **axes: x.all(**axes)),
    "ARG_MAX": _extreme("argmax"),
    "ARG_MIN": _extreme("argmin"),
    "CUMSUM": TorchOp(move.cumsum),
    "RESHAPE": TorchOp(move.reshape),
    "SQUEEZE": TorchOp(move.reshape),
    "EXPAND_DIMS": TorchOp(move.reshape),
    "TRANSPOSE": TorchOp(move.transpose),
    "BROADCAST_TO": TorchOp(move.broadcast_to),
    "FILL": TorchOp(move.fill),
    "SHAPE": TorchOp(move.shape_of),
    "CONCATENATION": TorchOp(move.concatenation),
    "PACK": TorchOp(move.pack),
    "UNPACK": TorchOp(move.unpack),
    "SPLIT": TorchOp(lambda node, _axis, x: move.split(node, x, move.axis_in(node, 0, x))),
    "SPLIT_V": TorchOp(lambda node, x, _sizes, _axis: move.split(node, x, move.axis_in(node, 2, x))),
    "SLICE": TorchOp(move.sliced),
    "STRIDED_SLICE": TorchOp(move.sliced),
    "GATHER": TorchOp(move.gather, (1,)),
    "GATHER_ND": TorchOp(move.gather_nd, (1,)),
    "REVERSE_V2": TorchOp(move.reverse),
    "PAD": TorchOp(move.pad),
    "PADV2": TorchOp(move.pad, (2,)),
    "MIRROR_PAD": TorchOp(move.mirror_pad),
    **refuse(
        {
            "it converts between floats and integers, the network must be float": "QUANTIZE DEQUANTIZE",
            "it looks quantised integers up, the network must be float": "REDSC_LOOKUP",
            "it computes with shapes, not with samples": "BROADCAST_ARGS",
            "it keeps state, samples are computed apart": f"READ_VARIABLE ASSIGN_VARIABLE {SVDF} {LSTM}",
            "its place depends on the sample": "DYNAMIC_UPDATE_SLICE EMBEDDING_LOOKUP",
        }
    ),
}
