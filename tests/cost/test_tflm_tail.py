from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from redsc.cost.memory import head_bytes
from redsc.cost.tflm_kernels import KERNELS
from redsc.cost.tflm_structs import ARM_32, STRUCTS, WHEEL_FIELDS, X86_64_RECORDING
from redsc.cost.tflm_tail import tail_bytes
from redsc.formats import load_model, write_tflite
from redsc.ir import (
    NO_ATTRS,
    OPS,
    Add,
    Conv2D,
    DepthwiseConv2D,
    DType,
    FullyConnected,
    Graph,
    GraphBuilder,
    LeakyRelu,
    Mean,
    Pool2D,
    Quant,
    Reshape,
    Shape,
    Softmax,
    Value,
    verify_graph,
)
from redsc.runtime.tflm import measure_arena
from tests.conftest import Zoo

Build = Callable[[GraphBuilder, DType], list[Value]]
F32, I8, I32 = DType.FLOAT32, DType.INT8, DType.INT32
ZOO_TAIL_BYTES = {
    "FraCorti+REDS/cnn_s_quantized.tflite": 3056,
    "FraCorti+REDS/dnn_s_quantized.tflite": 2080,
    "FraCorti+REDS/ds_cnn_m_quantized.tflite": 16336,
    "FraCorti+REDS/ds_cnn_s_quantized.tflite": 8560,
    "GenCPruneX/base_clean.float32.tflite": 30880,
    "GenCPruneX/base_clean.int8io.tflite": 30944,
    "GenCPruneX/base_lossless_ref.offlineplan.int8io.tflite": 30320,
    "GenCPruneX/base_padfold.offlineplan.int8io.tflite": 30320,
    "GenCPruneX/fixed0.5_shipped_clean.float32.tflite": 19936,
    "GenCPruneX/fixed0.5_shipped_clean.int8io.tflite": 20000,
    "mlcommons+tiny/ad01_fp32.tflite": 3152,
    "mlcommons+tiny/ad01_int8.tflite": 3216,
    "mlcommons+tiny/kws_ref_model.tflite": 8256,
    "mlcommons+tiny/pretrainedResnet.tflite": 6752,
    "mlcommons+tiny/pretrainedResnet_quant.tflite": 6816,
    "mlcommons+tiny/str_ww_ref_model.tflite": 9968,
    "mlcommons+tiny/vww_96_float.tflite": 29856,
    "mlcommons+tiny/vww_96_int8.tflite": 29920,
    "tensorflow+tflite-micro/hello_world_float.tflite": 1408,
    "tensorflow+tflite-micro/hello_world_int8.tflite": 1472,
    "tensorflow+tflite-micro/micro_speech_quantized.tflite": 1600,
}
# (size, alignment) of upstream's definitions under `g++ -m32 -fshort-enums -malign-double`, the layout of AAPCS.
ARM_LAYOUTS = {
    "AddNOpData": (40, 4),
    "ArithmeticParams": (104, 8),
    "ComparisonOpData": (32, 4),
    "ComparisonParams": (32, 4),
    "ConcatenationOpData": (24, 4),
    "ConcatenationParams": (24, 4),
    "ConvParams": (56, 4),
    "CumSumOpData": (36, 4),
    "DequantizationParams": (16, 8),
    "EluOpData": (256, 1),
    "EmbeddingLookupOpData": (8, 4),
    "GreedyMemoryPlanner": (44, 4),
    "HardSwishParams": (20, 4),
    "L2NormalizationParams": (4, 4),
    "LogSoftmaxOpData": (28, 4),
    "OpDataAbsRsqrt": (28, 4),
    "OpDataBatchMatmul": (16, 4),
    "OpDataDiv": (28, 4),
    "OpDataLogistic": (16, 4),
    "OpDataMirrorPad": (20, 4),
    "OpDataMul": (36, 4),
    "OpDataSub": (52, 4),
    "PadParams": (52, 4),
    "PreluParams": (28, 4),
    "QuantizationOpDataBatchMatmul": (28, 4),
    "QuantizationParams": (16, 8),
    "ReluParams": (28, 4),
    "SelectOpData": (1, 1),
    "SingleArenaBufferAllocator": (36, 4),
    "SoftmaxParams": (56, 8),
    "SpaceToBatchParams": (4, 4),
    "SquaredDifferenceOpData": (112, 8),
    "StridedSliceParams": (84, 4),
    "TanhOpData": (16, 4),
    "TfLiteAddParams": (2, 1),
    "TfLiteAffineQuantization": (12, 4),
    "TfLiteArgMaxParams": (1, 1),
    "TfLiteArgMinParams": (1, 1),
    "TfLiteBatchMatMulParams": (3, 1),
    "TfLiteCastParams": (2, 1),
    "TfLiteConcatenationParams": (8, 4),
    "TfLiteConvParams": (28, 4),
    "TfLiteCumsumParams": (2, 1),
    "TfLiteDepthToSpaceParams": (4, 4),
    "TfLiteDepthwiseConvParams": (28, 4),
    "TfLiteDivParams": (1, 1),
    "TfLiteEvalTensor": (12, 4),
    "TfLiteGatherParams": (8, 4),
    "TfLiteL2NormParams": (1, 1),
    "TfLiteLeakyReluParams": (4, 4),
    "TfLiteMirrorPaddingParams": (1, 1),
    "TfLiteMulParams": (1, 1),
    "TfLiteNode": (28, 4),
    "TfLitePackParams": (8, 4),
    "TfLitePoolParams": (40, 4),
    "TfLiteReducerParams": (1, 1),
    "TfLiteReshapeParams": (36, 4),
    "TfLiteResizeBilinearParams": (2, 1),
    "TfLiteResizeNearestNeighborParams": (2, 1),
    "TfLiteShapeParams": (1, 1),
    "TfLiteSoftmaxParams": (4, 4),
    "TfLiteSpaceToDepthParams": (4, 4),
    "TfLiteSplitParams": (4, 4),
    "TfLiteSplitVParams": (4, 4),
    "TfLiteSqueezeParams": (36, 4),
    "TfLiteStridedSliceParams": (24, 4),
    "TfLiteSubParams": (2, 1),
    "TfLiteTensor": (32, 4),
    "TfLiteTransposeConvParams": (16, 4),
    "TfLiteUnpackParams": (8, 4),
    "TransposeConvOpData": (72, 4),
}


def activation_quant(dtype: DType) -> Quant | None:
    return Quant.per_tensor(0.5) if dtype is I8 else None


def source(b: GraphBuilder, dtype: DType, shape: Shape, name: str = "x") -> Value:
    return b.input(name, shape, dtype, activation_quant(dtype))


def indices(b: GraphBuilder, data: Any) -> Value:
    return b.constant("indices", np.array(data, np.int32))


def linear(
    b: GraphBuilder, op: str, x: Value, shape: Shape, attrs: Any, *, axis: int = 0, per_channel: bool, bias: bool
) -> Value:
    """Append a layer with zero weights; the scales of an int8 layer are 0.25, one per channel where asked."""
    dtype, channels = x.type.dtype, shape[axis]
    is_int8 = dtype is I8
    count = channels if per_channel else 1
    weight_quant = Quant((0.25,) * count, (0,) * count, axis) if is_int8 else None
    bias_quant = Quant((0.125,) * count, (0,) * count) if is_int8 else None
    operands: list[Value | None] = [x, b.constant("weight", np.zeros(shape, dtype.numpy), weight_quant)]
    if bias:
        operands.append(b.constant("bias", np.zeros(channels, (I32 if is_int8 else F32).numpy), bias_quant))
    return b.op(op, *operands, attrs=attrs, quant=activation_quant(dtype))


def unary(op: str, attrs: Any = NO_ATTRS, quant: Quant | None = None) -> Build:
    def build(b: GraphBuilder, dtype: DType) -> list[Value]:
        x = source(b, dtype, (1, 4, 4, 3))
        return [b.op(op, x, attrs=attrs, quant=(quant or activation_quant(dtype)) if dtype is I8 else None)]

    return build


def conv(*, per_channel: bool, bias: bool) -> Build:
    def build(b: GraphBuilder, dtype: DType) -> list[Value]:
        x = source(b, dtype, (1, 5, 5, 3))
        return [linear(b, "CONV_2D", x, (7, 3, 3, 3), Conv2D(), per_channel=per_channel, bias=bias)]

    return build


def depthwise(*, per_channel: bool, bias: bool) -> Build:
    def build(b: GraphBuilder, dtype: DType) -> list[Value]:
        x, attrs = source(b, dtype, (1, 5, 5, 3)), DepthwiseConv2D(depth_multiplier=2)
        shape = (1, 3, 3, 6)
        return [linear(b, "DEPTHWISE_CONV_2D", x, shape, attrs, axis=3, per_channel=per_channel, bias=bias)]

    return build


def dense(*, per_channel: bool, bias: bool) -> Build:
    def build(b: GraphBuilder, dtype: DType) -> list[Value]:
        x = source(b, dtype, (1, 9))
        return [linear(b, "FULLY_CONNECTED", x, (5, 9), FullyConnected(), per_channel=per_channel, bias=bias)]

    return build


def add(b: GraphBuilder, dtype: DType) -> list[Value]:
    operands = source(b, dtype, (1, 4, 4, 3)), source(b, dtype, (1, 4, 4, 3), "y")
    return [b.op("ADD", *operands, attrs=Add(), quant=activation_quant(dtype))]


def mean(b: GraphBuilder, dtype: DType) -> list[Value]:
    x = source(b, dtype, (1, 4, 4, 3))
    y = b.op("RELU", x, quant=x.type.quant)
    z = b.op("MEAN", y, indices(b, [1, 2]), attrs=Mean(), quant=x.type.quant)
    return [b.op("RELU6", z, quant=x.type.quant)]


def mean_of_rows(b: GraphBuilder, dtype: DType) -> list[Value]:
    x = source(b, dtype, (1, 4, 4, 3))
    return [b.op("MEAN", x, indices(b, [1]), attrs=Mean(keep_dims=True), quant=x.type.quant)]


def pad(b: GraphBuilder, dtype: DType) -> list[Value]:
    x = source(b, dtype, (1, 4, 4, 3))
    return [b.op("PAD", x, indices(b, [[0, 0], [1, 1], [1, 2], [0, 0]]), quant=x.type.quant)]


def quantize(b: GraphBuilder, dtype: DType) -> list[Value]:
    return [b.op("QUANTIZE", source(b, dtype, (1, 6)), dtype=I8, quant=Quant.per_tensor(0.25))]


def dequantize(b: GraphBuilder, _dtype: DType) -> list[Value]:
    return [b.op("DEQUANTIZE", source(b, I8, (1, 6)), dtype=F32)]


def several_inputs_and_outputs(b: GraphBuilder, dtype: DType) -> list[Value]:
    x, y, z = (source(b, dtype, (1, 2, 2, 3), name) for name in "xyz")
    first = b.op("ADD", x, y, attrs=Add(), quant=x.type.quant)
    second = b.op("ADD", first, z, attrs=Add(), quant=x.type.quant)
    return [first, second, b.op("RELU", second, quant=x.type.quant)]


GRAPHS: dict[str, Build] = {
    "ADD": add,
    "AVERAGE_POOL_2D": unary("AVERAGE_POOL_2D", Pool2D(filter_h=2, filter_w=2)),
    "CONV_2D": conv(per_channel=True, bias=True),
    "CONV_2D-per-tensor": conv(per_channel=False, bias=True),
    "CONV_2D-no-bias": conv(per_channel=True, bias=False),
    "DEPTHWISE_CONV_2D": depthwise(per_channel=True, bias=True),
    "DEPTHWISE_CONV_2D-per-tensor": depthwise(per_channel=False, bias=True),
    "DEPTHWISE_CONV_2D-no-bias": depthwise(per_channel=True, bias=False),
    "DEQUANTIZE": dequantize,
    "FULLY_CONNECTED": dense(per_channel=True, bias=True),
    "FULLY_CONNECTED-per-tensor": dense(per_channel=False, bias=True),
    "FULLY_CONNECTED-no-bias": dense(per_channel=False, bias=False),
    "LEAKY_RELU": unary("LEAKY_RELU", LeakyRelu(0.1)),
    "MAX_POOL_2D": unary("MAX_POOL_2D", Pool2D(filter_h=2, filter_w=2)),
    "MEAN": mean,
    "MEAN-rows": mean_of_rows,
    "PAD": pad,
    "QUANTIZE": quantize,
    "RELU": unary("RELU"),
    "RELU6": unary("RELU6"),
    "RESHAPE": unary("RESHAPE", Reshape((1, 48))),
    "SOFTMAX": unary("SOFTMAX", Softmax(), Quant.per_tensor(1 / 256, -128)),
    "several inputs and outputs": several_inputs_and_outputs,
}


def generate(name: str, dtype: DType) -> Graph:
    b = GraphBuilder()
    graph = b.output(*GRAPHS[name](b, dtype))
    verify_graph(graph)
    return graph


def test_every_op_has_a_row_and_a_graph() -> None:
    assert set(OPS) <= set(KERNELS)
    assert set(OPS) <= set(GRAPHS)


def test_every_struct_of_the_tables_has_a_layout() -> None:
    named = {struct for kernel in KERNELS.values() for struct in (kernel.params, kernel.op_data) if struct}
    assert named | set(WHEEL_FIELDS) <= set(STRUCTS)
    for struct in STRUCTS:
        layout, wheel = ARM_32.layout(struct), X86_64_RECORDING.layout(struct)
        assert layout.size % layout.align == 0
        assert (layout.size, layout.align) <= (wheel.size, wheel.align)


@pytest.mark.parametrize("struct", ARM_LAYOUTS)
def test_arm_structs_are_those_of_upstreams_headers(struct: str) -> None:
    layout = ARM_32.layout(struct)
    assert (layout.size, layout.align) == ARM_LAYOUTS[struct]


@pytest.mark.parametrize("dtype", [F32, I8], ids=lambda dtype: dtype.value)
@pytest.mark.parametrize("name", GRAPHS)
def test_head_and_tail_of_every_op_are_exact(name: str, dtype: DType) -> None:
    pytest.importorskip("tflite_micro")
    graph = generate(name, dtype)
    measured = measure_arena(write_tflite(graph))
    assert tail_bytes(graph, X86_64_RECORDING) == measured.tail_bytes
    assert head_bytes(graph, {}, X86_64_RECORDING) == measured.head_bytes


@pytest.mark.parametrize("model", ZOO_TAIL_BYTES)
def test_tail_of_the_zoo_is_exact(zoo: Zoo, model: str) -> None:
    pytest.importorskip("tflite_micro")
    graph = load_model(zoo(f"models/{model}")).graph
    assert tail_bytes(graph, X86_64_RECORDING) == ZOO_TAIL_BYTES[model]
    assert measure_arena(write_tflite(graph)).tail_bytes == ZOO_TAIL_BYTES[model]
