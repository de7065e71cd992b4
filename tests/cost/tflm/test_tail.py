from __future__ import annotations

import pytest

from redsc.cost.memory import head_bytes
from redsc.cost.tflm.kernels import KERNELS, STATE_KERNELS
from redsc.cost.tflm.signal import SIGNAL_KERNELS
from redsc.cost.tflm.structs import ARM_32, COMPRESSION_FIELDS, RECORDING_FIELDS, STRUCTS, X86_64_RECORDING
from redsc.cost.tflm.tail import tail_bytes
from redsc.formats import load_model, write_tflite
from redsc.ir import OPS, Graph, Value, Variable
from redsc.runtime.tflm import measure_arena
from tests.conftest import Zoo
from tests.cost.tflm.kernel_graphs import GRAPHS

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
    "tensorflow+tflite-micro/audio_preprocessor_int8.tflite": 7184,
    "tensorflow+tflite-micro/hello_world_float.tflite": 1408,
    "tensorflow+tflite-micro/hello_world_int8.tflite": 1472,
    "tensorflow+tflite-micro/micro_speech_quantized.tflite": 1600,
}
# (size, alignment) of upstream's definitions under `g++ -m32 -fshort-enums -malign-double`, the layout of AAPCS.
ARM_LAYOUTS = {
    "AddNOpData": (40, 4),
    "AssignVariableOpData": (0, 1),
    "CallOnceOpData": (8, 4),
    "MicroResourceVariable": (20, 4),
    "MicroResourceVariables": (12, 4),
    "TfLiteCallOnceParams": (4, 4),
    "TfLiteVarHandleParams": (8, 4),
    "VarHandleOpData": (4, 4),
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


def copied(graph: Graph, count: int) -> Graph:
    """Return `count` copies of the nodes of a graph, all from the same inputs, with the outputs of the last."""
    copies = Graph(inputs=graph.inputs)
    for index in range(count):
        made = {value: Value(f"{value.name} {index}", value.type) for n in graph.nodes for value in n.outputs}
        for node in graph.nodes:
            operands = [made.get(value, value) if value else None for value in node.inputs]
            attrs = node.attrs
            if isinstance(attrs, Variable):
                attrs = Variable(f"{attrs.variable} {index}")
            copies.append(node.op, operands, [made[value] for value in node.outputs], attrs)
    copies.outputs = [made[value] for value in graph.outputs]
    return copies


def test_every_op_has_a_row() -> None:
    assert set(KERNELS) == set(OPS)


def test_every_struct_of_the_tables_has_a_layout() -> None:
    kernels = (KERNELS | STATE_KERNELS | SIGNAL_KERNELS).values()
    named = {struct for kernel in kernels for struct in (kernel.params, kernel.op_data) if struct}
    assert named | set(RECORDING_FIELDS) | set(COMPRESSION_FIELDS) <= set(STRUCTS)
    for struct in STRUCTS:
        layout, wheel = ARM_32.layout(struct), X86_64_RECORDING.layout(struct)
        assert layout.size % layout.align == 0
        assert (layout.size, layout.align) <= (wheel.size, wheel.align)


@pytest.mark.parametrize("struct", ARM_LAYOUTS)
def test_arm_structs_are_those_of_upstreams_headers(struct: str) -> None:
    layout = ARM_32.layout(struct)
    assert (layout.size, layout.align) == ARM_LAYOUTS[struct]


@pytest.mark.parametrize("name", GRAPHS)
def test_head_and_tail_of_every_op_are_exact(name: str) -> None:
    """Also of 17 nodes: there a byte more in a struct of parameters moves a tail that is counted in 16 bytes."""
    pytest.importorskip("tflite_micro")
    single = GRAPHS[name]()
    for graph in (single, copied(single, 17)):
        measured = measure_arena(write_tflite(graph))
        assert tail_bytes(graph, X86_64_RECORDING) == measured.tail_bytes
        assert head_bytes(graph, {}, X86_64_RECORDING) == measured.head_bytes


@pytest.mark.parametrize("model", ZOO_TAIL_BYTES)
def test_tail_of_the_zoo_is_exact(zoo: Zoo, model: str) -> None:
    pytest.importorskip("tflite_micro")
    graph = load_model(zoo(f"models/{model}")).graph
    assert tail_bytes(graph, X86_64_RECORDING) == ZOO_TAIL_BYTES[model]
    assert measure_arena(write_tflite(graph)).tail_bytes == ZOO_TAIL_BYTES[model]
