"""How each ONNX op becomes TFLite ops. A handler adds nodes and returns None, or says why it cannot.

Formulas for padding: TFLite `ComputePadding` (kernels/padding.h); ONNX operator documentation for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.tables import Refusal, refuse
from redsc.ir import Array, Conv2D, DepthwiseConv2D, FullyConnected, Mean, Padding, Reshape, Value

__all__ = ["ONNX_OPS", "Kind", "OnnxOp"]


class Kind(Enum):
    """What an op does to the layout of rank-4 tensors."""

    SPATIAL = "works on channels-last images"
    FREE = "works in any layout"
    RELAYOUT = "input and output layouts are unrelated"


Handler = Callable[[OnnxContext, Any], str | None]


@dataclass(frozen=True, slots=True)
class OnnxOp:
    """A row: the handler, and what the op means for layouts."""

    handler: Handler
    kind: Kind


def _attributes(node: Any) -> dict[str, Any]:
    """Return the attributes of these handlers' kinds: ints, floats, strings and int lists (onnx.proto)."""
    return {a.name: {1: a.f, 2: a.i, 3: a.s, 7: list(a.ints)}.get(a.type) for a in node.attribute}


def _origin(node: Any) -> tuple[str, ...]:
    """Return the names a user knows: the module that owns the weight, then the node.

    PyTorch's exporter names convolutions `getitem_3`, but their weights `block.0.weight`.
    """
    modules = [name.removesuffix(".weight") for name in node.input[1:2] if name.endswith(".weight")]
    return (*modules, node.name or node.output[0])


def _optional_input(node: Any, index: int) -> str:
    """Return the name of an input, empty where it is left out."""
    return node.input[index] if index < len(node.input) else ""


def _conv(context: OnnxContext, node: Any) -> str | None:
    weight = context.constants.get(node.input[1])
    bias_name = _optional_input(node, 2)
    bias = context.constants.get(bias_name)
    if weight is None or (bias_name and bias is None):
        return "its weights are not constant"
    if weight.ndim != 4:
        return f"it is {weight.ndim - 2}-D, redsc translates 2-D convolutions"
    attributes = _attributes(node)
    channels, out, group = context.shapes[node.input[0]][1], weight.shape[0], attributes.get("group", 1)
    if group not in (1, channels):
        return f"it has {group} groups over {channels} channels"
    if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        return f"auto_pad {attributes['auto_pad'].decode()} is not translated"
    source, padding = _padded(context, node, attributes, weight.shape[2:])
    stride_h, stride_w = attributes.get("strides", [1, 1])
    dilation_h, dilation_w = attributes.get("dilations", [1, 1])
    window = {
        "padding": padding,
        "stride_h": stride_h,
        "stride_w": stride_w,
        "dilation_h": dilation_h,
        "dilation_w": dilation_w,
    }
    attrs: Conv2D | DepthwiseConv2D = Conv2D(**window)
    op, layout = "CONV_2D", (0, 2, 3, 1)  # OIHW -> OHWI
    if group == channels > 1:
        attrs = DepthwiseConv2D(**window, depth_multiplier=out // channels)
        op, layout = "DEPTHWISE_CONV_2D", (1, 2, 3, 0)  # OIHW with I = 1 -> 1HWO
    zeros = np.zeros(out, np.float32)
    context.values[node.output[0]] = context.builder.op(
        op,
        source,
        context.builder.constant(node.input[1], np.ascontiguousarray(weight.transpose(layout))),
        context.builder.constant(bias_name or f"{node.output[0]}.bias", zeros if bias is None else bias),
        attrs=attrs,
        name=node.output[0],
        origin=_origin(node),
    )
    return None


def _padded(
    context: OnnxContext, node: Any, attributes: dict[str, Any], kernel: tuple[int, ...]
) -> tuple[Value, Padding]:
    """Return the input and the padding that equal ONNX's `pads`: SAME, VALID, or an explicit PAD and VALID."""
    source = context.values[node.input[0]]
    pads = attributes.get("pads") or [0, 0, 0, 0]  # top, left, bottom, right
    if not any(pads):
        return source, Padding.VALID
    same = []
    for axis in (0, 1):
        stride = attributes.get("strides", [1, 1])[axis]
        reach = (kernel[axis] - 1) * attributes.get("dilations", [1, 1])[axis] + 1
        size = source.type.shape[1 + axis]
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        same.append([total // 2, total - total // 2])
    if [pads[0], pads[2]] == same[0] and [pads[1], pads[3]] == same[1]:
        return source, Padding.SAME
    amounts = np.array([[0, 0], [pads[0], pads[2]], [pads[1], pads[3]], [0, 0]], np.int32)
    paddings = context.builder.constant(f"{node.output[0]}.paddings", amounts)
    padded = context.builder.op("PAD", source, paddings, name=f"{node.output[0]}.padded", origin=_origin(node))
    return padded, Padding.VALID


def _relu(context: OnnxContext, node: Any) -> str | None:
    source = context.values[node.input[0]]
    context.values[node.output[0]] = context.builder.op("RELU", source, name=node.output[0], origin=_origin(node))
    return None


def _mean(context: OnnxContext, node: Any, axes: list[int], *, keep_dims: bool) -> str | None:
    name = node.input[0]
    if name in context.channels_last and not keep_dims:
        return "it drops dimensions of an image; use keepdims=1"
    wanted = np.array(sorted(context.axis(name, axis) for axis in axes), np.int32)
    context.values[node.output[0]] = context.builder.op(
        "MEAN",
        context.values[name],
        context.builder.constant(f"{node.output[0]}.axes", wanted),
        attrs=Mean(keep_dims=keep_dims),
        name=node.output[0],
        origin=_origin(node),
    )
    return None


def _global_average_pool(context: OnnxContext, node: Any) -> str | None:
    rank = len(context.shapes[node.input[0]])
    return _mean(context, node, list(range(2, rank)), keep_dims=True)


def _reduce_mean(context: OnnxContext, node: Any) -> str | None:
    attributes = _attributes(node)
    axes = attributes.get("axes")  # an attribute up to opset 17, an input from 18 on
    if axes is None:
        constant = context.constants.get(_optional_input(node, 1))
        axes = None if constant is None else [int(axis) for axis in constant.reshape(-1)]
    if not axes:
        return "its axes are not constant"
    return _mean(context, node, axes, keep_dims=bool(attributes.get("keepdims", 1)))


def _reshape(context: OnnxContext, node: Any) -> str | None:
    source, target = node.input[0], node.output[0]
    _, *spatial = context.values[source].type.shape[:-1] if source in context.channels_last else (1,)
    if target in context.channels_last or any(n > 1 for n in spatial):
        return "it moves elements between channels and space"
    shape = context.shapes[target]
    context.values[target] = context.builder.op(
        "RESHAPE", context.values[source], attrs=Reshape(shape), name=target, origin=_origin(node)
    )
    return None


def _gemm(context: OnnxContext, node: Any) -> str | None:
    attributes = _attributes(node)
    weight = context.constants.get(node.input[1])
    bias_name = _optional_input(node, 2)
    bias = context.constants.get(bias_name)
    if weight is None or (bias_name and bias is None):
        return "its weights are not constant"
    if attributes.get("transA", 0):
        return "its input is transposed"
    rows: Array = weight if attributes.get("transB", 0) else weight.T
    rows = np.ascontiguousarray(rows * np.float32(attributes.get("alpha", 1.0)))
    shift = np.zeros(rows.shape[0], np.float32) if bias is None else bias * np.float32(attributes.get("beta", 1.0))
    if shift.shape not in ((), (1,), (1, 1), (rows.shape[0],), (1, rows.shape[0])):
        return f"its bias has the shape {list(shift.shape)}"
    context.values[node.output[0]] = context.builder.op(
        "FULLY_CONNECTED",
        context.values[node.input[0]],
        context.builder.constant(node.input[1], rows),
        context.builder.constant(
            bias_name or f"{node.output[0]}.bias",
            np.broadcast_to(shift.reshape(-1), rows.shape[0]).copy(),
        ),
        attrs=FullyConnected(),
        name=node.output[0],
        origin=_origin(node),
    )
    return None


_REFUSALS = {
    "redsc does not translate it yet": """
        Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast CastLike Ceil Celu Clip Concat Constant
        ConstantOfShape ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Dropout Elu Equal Erf Exp Expand
        Floor Gather
        GatherElements GatherND Gelu GlobalMaxPool Greater GreaterOrEqual GroupNormalization HardSigmoid
        HardSwish Hardmax Identity InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log
        LogSoftmax LpNormalization MatMul Max MaxPool Mean Min Mish Mod Mul Neg Not OneHot Or PRelu Pad Pow
        QLinearConv QLinearMatMul QuantizeLinear RMSNormalization Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
        ReduceLogSumExp ReduceMax ReduceMin ReduceProd ReduceSum ReduceSumSquare Resize Round Selu Shape Sigmoid
        Sign Sin Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish SwiGLU Tanh
        ThresholdedRelu Tile Transpose Trilu Unsqueeze Upsample Where Xor
        """,
    "it keeps state between steps, which redsc does not plan yet": "GRU LSTM RNN",
    "it runs other graphs (control flow)": "If Loop Scan SequenceMap",
    "its 8-bit form is refused: export QDQ instead": "ConvInteger DynamicQuantizeLinear MatMulInteger",
    "attention is not translated yet": "Attention RotaryEmbedding",
    "tflite-micro has no kernel for it": """
        Acos Acosh AffineGrid Asin Asinh Atan Atanh Bernoulli BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor
        BlackmanWindow CausalConvWithState CenterCropPad Col2Im Compress Cosh CumProd DFT DeformConv
        Det Einsum EyeLike GridSample GlobalLpPool HammingWindow HannWindow ImageDecoder IsInf IsNaN LRN
        LinearAttention LpPool MaxRoiPool MaxUnpool MeanVarianceNormalization MelWeightMatrix Multinomial
        NegativeLogLikelihoodLoss NonMaxSuppression NonZero Optional OptionalGetElement OptionalHasElement
        RandomNormal RandomNormalLike RandomUniform RandomUniformLike RegexFullMatch ReverseSequence RoiAlign STFT
        Scatter ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert
        SequenceLength Shrink Sinh SoftmaxCrossEntropyLoss SplitToSequence StringConcat StringNormalizer
        StringSplit Tan TensorScatter TfIdfVectorizer TopK Unique BitCast ConcatFromSequence
        """,
}

ONNX_OPS: dict[str, OnnxOp | Refusal] = {
    **refuse(_REFUSALS),
    "Conv": OnnxOp(_conv, Kind.SPATIAL),
    "GlobalAveragePool": OnnxOp(_global_average_pool, Kind.SPATIAL),
    "ReduceMean": OnnxOp(_reduce_mean, Kind.FREE),
    "Relu": OnnxOp(_relu, Kind.FREE),
    "Reshape": OnnxOp(_reshape, Kind.RELAYOUT),
    "Flatten": OnnxOp(_reshape, Kind.RELAYOUT),
    "Gemm": OnnxOp(_gemm, Kind.RELAYOUT),
}
