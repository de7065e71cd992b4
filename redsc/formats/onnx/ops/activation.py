"""Activation functions. What TFLite has no op for is composed of what it has.

Formulas without a source are the definitions of the ONNX operator documentation.
"""

from __future__ import annotations

from functools import reduce
from math import pi, prod, sqrt

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import file_axes
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.elementwise import unary
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.formats.onnx.rearrange import rearrange
from redsc.formats.tables import CannotTranslate
from redsc.ir import Activation, Add, DType, LeakyRelu, Value

__all__ = ["ACTIVATION_ROWS"]

_CELU_ALPHA = 1.0
_SELU_ALPHA, _SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875  # onnx, operator Selu
_STEEP = 1e30  # a line of this slope, cut at -1 and 1, is the sign
# Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: erf to 1.5e-7.
_ERF_P = 0.3275911
_ERF_COEFFICIENTS = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def _leaky_relu(context: OnnxContext, node: OnnxNode) -> None:
    context.emit(node, "LEAKY_RELU", context.value(node.input(0)), attrs=LeakyRelu(node.get("alpha", 0.01)))


def _prelu(context: OnnxContext, node: OnnxNode) -> None:
    if not context.is_constant(node.input(1)):
        raise CannotTranslate("its slope is not constant")
    context.emit(node, "PRELU", context.value(node.input(0)), context.operand(node.input(1), node.output))


def _elu(context: OnnxContext, node: OnnxNode) -> None:
    alpha = node.get("alpha", 1.0)
    if alpha == 1:
        context.emit(node, "ELU", context.value(node.input(0)))
    else:
        _exponential(context, node, alpha=alpha, gamma=1.0, inner=1.0)


def _selu(context: OnnxContext, node: OnnxNode) -> None:
    alpha, gamma = node.get("alpha", _SELU_ALPHA), node.get("gamma", _SELU_GAMMA)
    _exponential(context, node, alpha=alpha, gamma=gamma, inner=1.0)


def _celu(context: OnnxContext, node: OnnxNode) -> None:
    alpha = node.get("alpha", _CELU_ALPHA)
    _exponential(context, node, alpha=alpha, gamma=1.0, inner=1 / alpha)


def _exponential(context: OnnxContext, node: OnnxNode, *, alpha: float, gamma: float, inner: float) -> None:
    """Gamma * (max(x, 0) + alpha * (exp(inner * min(x, 0)) - 1))."""
    source = context.value(node.input(0))
    low = context.step(node, "MINIMUM", source, 0.0, part="low")
    power = context.step(node, "EXP", context.step(node, "MUL", low, inner, part="inner"), part="power")
    below = context.step(
        node, "MUL", context.step(node, "SUB", power, 1.0, part="less"), alpha * gamma, part="below"
    )
    above = context.step(node, "MUL", context.step(node, "RELU", source, part="high"), gamma, part="above")
    context.emit(node, "ADD", above, below)


def _hard_sigmoid(context: OnnxContext, node: OnnxNode) -> None:
    """relu6(6 alpha x + 6 beta) / 6."""
    alpha, beta = 6 * node.get("alpha", 0.2), 6 * node.get("beta", 0.5)
    source = context.value(node.input(0))
    if abs(alpha - 1) > 1e-6:
        source = context.step(node, "MUL", source, alpha, part="scaled")
    shifted = context.step(node, "ADD", source, beta, attrs=Add(Activation.RELU6), part="shifted")
    context.emit(node, "MUL", shifted, 1 / 6)


def _swish(context: OnnxContext, node: OnnxNode) -> None:
    source, alpha = context.value(node.input(0)), node.get("alpha", 1.0)
    scaled = source if alpha == 1 else context.step(node, "MUL", source, alpha, part="scaled")
    context.emit(node, "MUL", source, context.step(node, "LOGISTIC", scaled, part="gate"))


def _softplus(context: OnnxContext, node: OnnxNode) -> None:
    low, high = _softplus_parts(context, node)
    context.emit(node, "ADD", low, high)


def _softplus_parts(context: OnnxContext, node: OnnxNode) -> tuple[Value, Value]:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which never overflows."""
    source = context.value(node.input(0))
    size = context.step(node, "NEG", context.step(node, "ABS", source, part="size"), part="minus")
    power = context.step(node, "EXP", size, part="power")
    rest = context.step(node, "LOG", context.step(node, "ADD", power, 1.0, part="one"), part="rest")
    return context.step(node, "RELU", source, part="high"), rest


def _mish(context: OnnxContext, node: OnnxNode) -> None:
    softplus = context.step(node, "ADD", *_softplus_parts(context, node), part="softplus")
    context.emit(node, "MUL", context.value(node.input(0)), context.step(node, "TANH", softplus, part="gate"))


def _softsign(context: OnnxContext, node: OnnxNode) -> None:
    source = context.value(node.input(0))
    size = context.step(node, "ADD", context.step(node, "ABS", source, part="size"), 1.0, part="one")
    context.emit(node, "DIV", source, size)


def _sign(context: OnnxContext, node: OnnxNode) -> None:
    context.emit(node, "MINIMUM", _steep(context, node, context.value(node.input(0))), 1.0)


def _steep(context: OnnxContext, node: OnnxNode, source: Value) -> Value:
    """Return what is the sign of a value once it is at most 1."""
    steep = context.step(node, "MUL", source, _STEEP, part="steep")
    return context.step(node, "MAXIMUM", steep, -1.0, part="low")


def _erf_of(context: OnnxContext, node: OnnxNode, source: Value) -> tuple[Value, Value]:
    """Return sign(x) and erf(|x|) = 1 - (a1 t + .. + a5 t^5) exp(-x^2) with t = 1 / (1 + p |x|)."""
    size = context.step(node, "ABS", source, part="size")
    slope = context.step(node, "ADD", context.step(node, "MUL", size, _ERF_P, part="p"), 1.0, part="slope")
    t = context.step(node, "DIV", 1.0, slope, part="t")
    first, *others = _ERF_COEFFICIENTS
    sums = context.step(node, "MUL", t, first, part="a5")

    def horner(total: Value, item: tuple[int, float]) -> Value:
        index, coefficient = item
        added = context.step(node, "ADD", total, coefficient, part=f"a{index}.sum")
        return context.step(node, "MUL", added, t, part=f"a{index}")

    sums = reduce(horner, zip((4, 3, 2, 1), others, strict=True), sums)
    minus = context.step(node, "NEG", context.step(node, "SQUARE", source, part="square"), part="minus")
    bell = context.step(node, "EXP", minus, part="bell")
    rest = context.step(node, "MUL", sums, bell, part="rest")
    sign = context.step(node, "MINIMUM", _steep(context, node, source), 1.0, part="sign")
    return sign, context.step(node, "SUB", 1.0, rest, part="half")


def _erf(context: OnnxContext, node: OnnxNode) -> None:
    context.emit(node, "MUL", *_erf_of(context, node, context.value(node.input(0))))


def _gelu(context: OnnxContext, node: OnnxNode) -> None:
    """0.5 x (1 + erf(x / sqrt 2)), or its approximation 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""
    source = context.value(node.input(0))
    if node.get("approximate", "none") == "tanh":
        square = context.step(node, "SQUARE", source, part="square")
        factor = context.step(node, "ADD", context.step(node, "MUL", square, 0.044715, part="a"), 1.0, part="b")
        inner = context.step(
            node, "MUL", context.step(node, "MUL", source, factor, part="c"), sqrt(2 / pi), part="d"
        )
        gate = context.step(node, "TANH", inner, part="gate")
    else:
        scaled = context.step(node, "MUL", source, 1 / sqrt(2), part="scaled")
        gate = context.step(node, "MUL", *_erf_of(context, node, scaled), part="gate")
    half = context.step(node, "MUL", source, 0.5, part="x")
    context.emit(node, "MUL", half, context.step(node, "ADD", gate, 1.0, part="one"))


def _thresholded_relu(context: OnnxContext, node: OnnxNode) -> None:
    source = context.value(node.input(0))
    above = context.step(node, "GREATER", source, node.get("alpha", 1.0), part="above", dtype=DType.BOOL)
    context.emit(node, "SELECT_V2", above, source, 0.0, dtype=source.type.dtype)


def _tan(context: OnnxContext, node: OnnxNode) -> None:
    source = context.value(node.input(0))
    context.emit(
        node, "DIV", context.step(node, "SIN", source, part="sin"), context.step(node, "COS", source, part="cos")
    )


def _hyperbolic(op: str) -> OnnxOp:
    """(exp(x) +- exp(-x)) / 2."""

    def handler(context: OnnxContext, node: OnnxNode) -> None:
        source = context.value(node.input(0))
        grows = context.step(node, "EXP", source, part="grows")
        falls = context.step(node, "EXP", context.step(node, "NEG", source, part="minus"), part="falls")
        context.emit(node, "MUL", context.step(node, op, grows, falls, part="both"), 0.5)

    return OnnxOp(handler)


def _softmax(op: str) -> OnnxOp:
    """TFLite's softmax runs over the last axis; up to opset 12 ONNX's runs over all axes from `axis` on."""

    def handler(context: OnnxContext, node: OnnxNode) -> None:
        name, rank, flattens = node.input(0), context.rank(node.input(0)), context.model.opset < 13
        axis = node.get("axis", 1 if flattens else -1)
        if not -rank <= axis < rank:
            raise CannotTranslate(f"axis {axis} is not one of rank {rank}")
        source, layout = context.value(name), file_axes(context.layouts[name])
        over = range(axis % rank, rank) if flattens else [axis % rank]
        columns = prod(context.shape(name)[i] for i in over)
        if layout[-1] in over and source.type.shape[-1] == columns:
            context.emit(node, op, source)
            return
        sizes, last = [context.shape(name)[i] for i in layout], [layout.index(i) for i in over]
        order = [i for i in range(len(layout)) if i not in last] + last
        rows = (source.type.elements // columns, columns)
        table = rearrange(context.builder, source, sizes, order, rows, f"{node.output}.rows", (node.label,))
        soft = context.step(node, op, table, part="soft")
        context.arrange(node, soft, [sizes[i] for i in order], [order.index(i) for i in range(len(layout))])

    return OnnxOp(handler)


ACTIVATION_ROWS: Rows = {
    "Relu": unary("RELU"),
    "Sigmoid": unary("LOGISTIC"),
    "Tanh": unary("TANH"),
    "HardSwish": unary("HARD_SWISH"),
    "LeakyRelu": OnnxOp(_leaky_relu),
    "PRelu": OnnxOp(_prelu),
    "Elu": OnnxOp(_elu),
    "Selu": OnnxOp(_selu),
    "Celu": OnnxOp(_celu),
    "HardSigmoid": OnnxOp(_hard_sigmoid),
    "Swish": OnnxOp(_swish),
    "Softplus": OnnxOp(_softplus),
    "Softsign": OnnxOp(_softsign),
    "Mish": OnnxOp(_mish),
    "Sign": OnnxOp(_sign),
    "Erf": OnnxOp(_erf),
    "Gelu": OnnxOp(_gelu),
    "ThresholdedRelu": OnnxOp(_thresholded_relu),
    "Tan": OnnxOp(_tan),
    "Cosh": _hyperbolic("ADD"),
    "Sinh": _hyperbolic("SUB"),
    "Softmax": _softmax("SOFTMAX"),
    "LogSoftmax": _softmax("LOG_SOFTMAX"),
}
