"""`ONNX_OPS`: every ONNX operator, translated by a handler of its family or refused with the reason."""

from __future__ import annotations

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind
from redsc.formats.onnx.load.qoperator import QUANTIZED_OPS
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.activation import ACTIVATION_ROWS
from redsc.formats.onnx.ops.conv import CONV_ROWS
from redsc.formats.onnx.ops.dense import DENSE_ROWS
from redsc.formats.onnx.ops.elementwise import ELEMENTWISE_ROWS
from redsc.formats.onnx.ops.move import MOVE_ROWS
from redsc.formats.onnx.ops.normalize import NORMALIZE_ROWS
from redsc.formats.onnx.ops.pick import PICK_ROWS
from redsc.formats.onnx.ops.pool import POOL_ROWS
from redsc.formats.onnx.ops.recurrent import RECURRENT_ROWS
from redsc.formats.onnx.ops.reduce import REDUCE_ROWS
from redsc.formats.onnx.ops.reshape import RESHAPE_ROWS
from redsc.formats.onnx.ops.resize import RESIZE_ROWS
from redsc.formats.onnx.ops.row import OnnxOp
from redsc.formats.tables import CannotTranslate, Refusal, refuse

__all__ = ["EXPANDED_OPS", "ONNX_OPS"]


def _identity(context: OnnxContext, node: OnnxNode) -> None:
    context.alias(node, context.value(node.input(0)))


def _dropout(context: OnnxContext, node: OnnxNode) -> None:
    if any(context.is_read(name) for name in node.outputs[1:] if name):
        raise CannotTranslate("its mask is read")
    _identity(context, node)


def _computed(_context: OnnxContext, _node: OnnxNode) -> None:
    """These are gone where their operands are constants; what remains has no translation."""
    raise CannotTranslate("its operands are not constant")


def _expanded(_context: OnnxContext, _node: OnnxNode) -> None:
    """These are gone where onnx says which operators they are made of."""
    raise CannotTranslate("onnx has no function that defines it for these types")


_REFUSALS = {
    "redsc does not translate it yet": "Hardmax",
    "it runs other graphs (control flow)": "Loop Scan SequenceMap",
    "its 8-bit form is refused: export QDQ instead": "ConvInteger DynamicQuantizeLinear MatMulInteger",
    "tflite-micro has no kernel for it": """
        Acos Acosh Asin Asinh Atan Atanh Bernoulli BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor
        BlackmanWindow Col2Im Compress CumProd DFT DeformConv
        Det Einsum EyeLike GridSample GlobalLpPool HammingWindow HannWindow ImageDecoder IsInf IsNaN LRN
        LinearAttention LpPool MaxRoiPool MaxUnpool MelWeightMatrix Multinomial
        NonMaxSuppression NonZero Optional OptionalGetElement OptionalHasElement
        RandomNormal RandomNormalLike RandomUniform RandomUniformLike RegexFullMatch RoiAlign STFT
        SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert
        SequenceLength Shrink SplitToSequence StringConcat StringNormalizer
        StringSplit TensorScatter TfIdfVectorizer TopK Unique BitCast ConcatFromSequence
        """,
}

EXPANDED_OPS = (
    *("AffineGrid", "Attention", "CausalConvWithState", "CenterCropPad", "NegativeLogLikelihoodLoss"),
    *("RotaryEmbedding", "SoftmaxCrossEntropyLoss", "SwiGLU"),
)
_ABSORBED = ("QuantizeLinear", "DequantizeLinear", *QUANTIZED_OPS)
_FOLDED = (
    *("CastLike", "Constant", "ConstantOfShape", "If", "Mod", "OneHot"),
    *("Range", "ReduceProd", "Shape", "Size", "Trilu"),
)

ONNX_OPS: dict[str, OnnxOp | Refusal] = {
    **refuse(_REFUSALS),
    **{op: OnnxOp(_computed, Kind.RELAYOUT, is_microsoft=True) for op in _ABSORBED},
    **{op: OnnxOp(_computed, Kind.RELAYOUT) for op in _FOLDED},
    **{op: OnnxOp(_expanded, Kind.RELAYOUT) for op in EXPANDED_OPS},
    "Identity": OnnxOp(_identity),
    "Dropout": OnnxOp(_dropout),
    **ACTIVATION_ROWS,
    **CONV_ROWS,
    **DENSE_ROWS,
    **ELEMENTWISE_ROWS,
    **MOVE_ROWS,
    **NORMALIZE_ROWS,
    **PICK_ROWS,
    **POOL_ROWS,
    **RECURRENT_ROWS,
    **REDUCE_ROWS,
    **RESHAPE_ROWS,
    **RESIZE_ROWS,
}
