"""`ONNX_OPS`: every ONNX operator, translated by a handler of its family or refused with the reason."""

from __future__ import annotations

from redsc.formats.onnx.activation import ACTIVATION_ROWS
from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.conv import CONV_ROWS
from redsc.formats.onnx.dense import DENSE_ROWS
from redsc.formats.onnx.elementwise import ELEMENTWISE_ROWS
from redsc.formats.onnx.layout import Kind
from redsc.formats.onnx.move import MOVE_ROWS
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.normalize import NORMALIZE_ROWS
from redsc.formats.onnx.pool import POOL_ROWS
from redsc.formats.onnx.qoperator import QUANTIZED_OPS
from redsc.formats.onnx.recurrent import RECURRENT_ROWS
from redsc.formats.onnx.reduce import REDUCE_ROWS
from redsc.formats.onnx.reshape import RESHAPE_ROWS
from redsc.formats.onnx.resize import RESIZE_ROWS
from redsc.formats.onnx.row import OnnxOp
from redsc.formats.tables import CannotTranslate, Refusal, refuse

__all__ = ["ONNX_OPS"]


def _identity(context: OnnxContext, node: OnnxNode) -> None:
    context.alias(node, context.value(node.input(0)))


def _dropout(context: OnnxContext, node: OnnxNode) -> None:
    if any(context.is_read(name) for name in node.outputs[1:] if name):
        raise CannotTranslate("its mask is read")
    _identity(context, node)


def _computed(_context: OnnxContext, _node: OnnxNode) -> None:
    """These are gone where their operands are constants; what remains has no translation."""
    raise CannotTranslate("its operands are not constant")


_REFUSALS = {
    "redsc does not translate it yet": "Hardmax LpNormalization Mod ReduceProd SwiGLU Xor",
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
        Scatter ScatterElements SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert
        SequenceLength Shrink Sinh SoftmaxCrossEntropyLoss SplitToSequence StringConcat StringNormalizer
        StringSplit Tan TensorScatter TfIdfVectorizer TopK Unique BitCast ConcatFromSequence
        """,
}

_ABSORBED = ("QuantizeLinear", "DequantizeLinear", *QUANTIZED_OPS)
_FOLDED = (
    *("Constant", "ConstantOfShape", "CastLike", "GatherElements", "GatherND", "OneHot", "Range", "Shape", "Size"),
    *("ScatterND", "Trilu"),
)

ONNX_OPS: dict[str, OnnxOp | Refusal] = {
    **refuse(_REFUSALS),
    **{op: OnnxOp(_computed, Kind.RELAYOUT, is_microsoft=True) for op in _ABSORBED},
    **{op: OnnxOp(_computed, Kind.RELAYOUT) for op in _FOLDED},
    "Identity": OnnxOp(_identity),
    "Dropout": OnnxOp(_dropout),
    **ACTIVATION_ROWS,
    **CONV_ROWS,
    **DENSE_ROWS,
    **ELEMENTWISE_ROWS,
    **MOVE_ROWS,
    **NORMALIZE_ROWS,
    **POOL_ROWS,
    **RECURRENT_ROWS,
    **REDUCE_ROWS,
    **RESHAPE_ROWS,
    **RESIZE_ROWS,
}
