"""Sizes of the C++ structs that TFLM keeps in its arena, from their fields, for each ABI.

A struct is the list of its fields in order; size and alignment follow from natural alignment, which is what the
System V x86-64 and the Arm (AAPCS) compilers use. One table thus serves every ABI, and that the sizes are those of
the x86-64 wheel is evidence for Arm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import cache

from redsc.cost.buffer import aligned

__all__ = [
    "ARM_32",
    "ARM_32_CMSIS_NN",
    "COMPRESSION_FIELDS",
    "RECORDING_FIELDS",
    "STRUCTS",
    "X86_64_RECORDING",
    "Abi",
    "KernelLibrary",
    "Layout",
    "struct_layout",
]

# A field is a primitive or another struct, `*n` makes an array. `ptr` is also size_t and a vtable pointer; `enum`
# is one without a declared underlying type. Paths are relative to tensorflow/lite.
STRUCTS: dict[str, str] = {
    # micro/arena_allocator/single_arena_buffer_allocator.h: two bases, so two vtable pointers
    "SingleArenaBufferAllocator": "ptr*8 int",
    # micro/memory_planner/greedy_memory_planner.h
    "GreedyMemoryPlanner": "ptr int*2 ptr*4 int*2 ptr bool",
    "BufferRequirements": "int*4",
    "ListEntry": "int*3",
    "GreedyMemoryPlanner::per_buffer_size": "BufferRequirements int*2 ListEntry int",
    # micro/micro_allocator.h, micro/micro_allocator.cc, micro/recording_micro_allocator.h
    "MicroAllocator": "ptr*5 bool ptr*3",
    "RecordedAllocation": "ptr*3",
    "MicroBuiltinDataAllocator": "ptr*2",
    "SubgraphAllocations": "ptr*2",
    "NodeAndRegistration": "TfLiteNode ptr",
    "ScratchBufferHandle": "ptr",
    "ScratchBufferRequest": "ptr int*2",
    # micro/micro_resource_variable.h
    "MicroResourceVariables": "ptr int*2",
    "MicroResourceVariable": "ptr*4 int8",
    # micro/micro_allocation_info.h
    "AllocationInfo": "ptr*2 int*3 bool",
    # core/c/common.h with TF_LITE_STATIC_MEMORY; TfLiteQuantizationType declares int as its underlying type
    "TfLiteNode": "ptr*6 int",
    "TfLiteEvalTensor": "ptr*2 enum",
    "TfLiteQuantization": "int ptr",
    "TfLiteQuantizationParams": "float int",
    "TfLiteTensor": "TfLiteQuantization TfLiteQuantizationParams ptr*3 enum*2 bool",
    "TfLiteAffineQuantization": "ptr*2 int",
    # compiler/mlir/lite/core/c/builtin_op_data.h (of tensorflow, beside lite)
    "TfLiteAddParams": "enum bool",
    "TfLiteArgMaxParams": "enum",
    "TfLiteArgMinParams": "enum",
    "TfLiteBatchMatMulParams": "bool*3",
    "TfLiteCallOnceParams": "int",
    "TfLiteCastParams": "enum*2",
    "TfLiteConcatenationParams": "int enum",
    "TfLiteConvParams": "enum int*2 enum int*2 enum",
    "TfLiteCumsumParams": "bool*2",
    "TfLiteDepthToSpaceParams": "int",
    "TfLiteDepthwiseConvParams": "enum int*3 enum int*2",
    "TfLiteDivParams": "enum",
    "TfLiteFullyConnectedParams": "enum*2 bool*2 enum ptr int",
    "TfLiteGatherParams": "int*2",
    "TfLiteL2NormParams": "enum",
    "TfLiteLeakyReluParams": "float",
    "TfLiteMirrorPaddingParams": "enum",
    "TfLiteMulParams": "enum",
    "TfLitePackParams": "int*2",
    "TfLitePaddingValues": "int*4",
    "TfLitePoolParams": "enum int*4 enum TfLitePaddingValues",
    "TfLiteReducerParams": "bool",
    "TfLiteReshapeParams": "int*8 int",
    "TfLiteResizeBilinearParams": "bool*2",
    "TfLiteResizeNearestNeighborParams": "bool*2",
    "TfLiteShapeParams": "enum",
    "TfLiteSoftmaxParams": "float",
    "TfLiteSpaceToDepthParams": "int",
    "TfLiteSplitParams": "int",
    "TfLiteSVDFParams": "int enum bool",
    "TfLiteUnidirectionalSequenceLSTMParams": "enum float*2 bool*3",
    "TfLiteSplitVParams": "int",
    "TfLiteSqueezeParams": "int*8 int",
    "TfLiteStridedSliceParams": "int*5 bool",
    "TfLiteSubParams": "enum bool",
    "TfLiteTransposeConvParams": "enum int*2 enum*2",
    "TfLiteUnpackParams": "int*2",
    "TfLiteVarHandleParams": "ptr*2",
    # micro/kernels/*.h and *.cc: what a kernel allocates for itself; a plain OpData has its kernel's name before it
    "AddNOpData": "int*10",
    "AssignVariableOpData": "",
    "CallOnceOpData": "int bool",
    "ComparisonOpData": "ComparisonParams",
    "ConcatenationOpData": "ConcatenationParams",
    "CumSumOpData": "int*9",
    "EluOpData": "int8*256",
    "EmbeddingLookupOpData": "float ptr",
    "LogSoftmaxOpData": "int*5 ptr*2",
    "OpDataAbsRsqrt": "int*4 bool int enum",
    "OpDataAdd": "bool int*12 float*2",
    "OpDataBatchMatmul": "ptr*3 bool*3",
    "OpDataConv": "TfLitePaddingValues int*5 ptr*2 int*3",
    "OpDataDiv": "int*7",
    "OpDataFullyConnected": "int*9 ptr*2 bool",
    "OpDataLogistic": "int*4",
    "OpDataMirrorPad": "int*5",
    "OpDataMul": "int*7 float*2",
    "OpDataPooling": "TfLitePaddingValues int*2 float*2",
    "OpDataQuantizeReference": "QuantizationParams int*3",
    "OpDataLSTM": "LstmSizeInfo CellStateInfo enum GateParameters*4 ArithmeticParams*3 int*4",
    "OpDataSvdf": "int*9",
    "OpDataReduce": "int*6 float int float int*2",
    "OpDataSub": "bool int*12",
    "LstmSizeInfo": "bool int*4",
    "CellStateInfo": "float int16 int",
    "GateParameters": "FullyConnectedParams*2",
    "DequantizeOpData": "DequantizationParams int*3",
    "LeakyReluOpData": "int*6",
    "PadOpData": "PadParams int",
    "QuantizationOpDataBatchMatmul": "int*7",
    "ReluOpData": "ReluParams",
    "Relu6OpData": "int*2",
    "SelectOpData": "bool",
    "SquaredDifferenceOpData": "bool ArithmeticParams",
    "TanhOpData": "int*4",
    "VarHandleOpData": "int",
    "TransposeConvOpData": "ConvParams int*2 ptr*2",
    # signal/micro/kernels/*.cc, signal/src of tflite-micro; kiss_fft_state without its last element
    "CircularBuffer": "ptr*3 int*2 ptr",
    "FilterbankConfig": "int ptr*5 int*2",
    "IrfftFloatState": "int ptr",
    "SpectralSubtractionConfig": "int*8 bool",
    "TFLMSignalEnergyParams": "int*2",
    "TFLMSignalFilterBankParams": "FilterbankConfig ptr",
    "TFLMSignalFramerParams": "int*4 bool ptr*2",
    "TFLMSignalFrontendDelayParams": "int*3 ptr*2",
    "TFLMSignalLogParams": "int*2",
    "TFLMSignalOverlapAddParams": "int*4 enum ptr",
    "TFLMSignalSpectralSubtractionParams": "SpectralSubtractionConfig ptr*2",
    "TFLMSignalStackerParams": "int*4 ptr*2 bool ptr*2",
    "TFLMSignalWindowParams": "int*2",
    "TfLiteAudioFrontendIrfftParams": "int*4 enum ptr",
    "TfLiteAudioFrontendRfftParams": "int*4 enum ptr int ptr",
    "TfLitePcanParams": "int",
    "kiss_fft_state": "int*66",
    "kiss_fftr_state": "ptr*3",
    # micro/kernels/cmsis_nn/*.cc, likewise
    "CMSISNNSoftmaxParams": "SoftmaxParams int*2",
    "CmsisNnBatchMatmulOpData": "OpDataBatchMatmul int*5",
    "CmsisNnConvOpData": "OpDataConv int",
    "CmsisNnFullyConnectedOpData": "OpDataFullyConnected int*2 ptr int*3",
    "cmsis_nn_lstm_gate": "int*2 ptr*2 int*2 ptr*3 enum",
    "cmsis_nn_lstm_params": "int*15 cmsis_nn_lstm_gate*4",
    "CmsisNnOpDataSvdf": "int*9 ptr",
    "CmsisNnLstmOpData": "OpDataLSTM cmsis_nn_lstm_params",
    "CmsisNnPoolingOpData": "OpDataPooling int",
    "CmsisNnTransposeConvOpData": "ConvParams int*3 ptr*2",
    # kernels/internal/types.h
    "ActivationParams": "uint8 int*2",
    "ArithmeticParams": "uint8 int*12 float*2 int64*2 int16*2 int*5",
    "ComparisonParams": "int*7 bool",
    "ConcatenationParams": "int ptr*2 int*2 float",
    "ConvParams": "uint8 int16*8 int*7 float*2",
    "DequantizationParams": "double int",
    "FullyConnectedParams": "int*7 float*2 bool*2 uint8",
    "HardSwishParams": "int16*3 int int16 int",
    "L2NormalizationParams": "int",
    "PadParams": "uint8 int*5 uint8 int*5 uint8",
    "PreluParams": "int*7",
    "QuantizationParams": "int double",
    "ReluParams": "ActivationParams int*4",
    "SoftmaxParams": "double int*6 float ptr*5",
    "SpaceToBatchParams": "int",
    "StridedSliceParams": "int8 int*5 int8 int*5 int8 int*5 int16*5 bool",
}

# What builds may have at the end of a struct: recording allocators, and USE_TFLM_COMPRESSION.
RECORDING_FIELDS: dict[str, str] = {
    "SingleArenaBufferAllocator": "ptr*4",
    "MicroAllocator": "ptr RecordedAllocation*8",
}
COMPRESSION_FIELDS: dict[str, str] = {
    "SubgraphAllocations": "ptr",
    "AssignVariableOpData": "int",
    "ConcatenationOpData": "int*10",
    "OpDataConv": "int*2",
    "OpDataFullyConnected": "int*2",
    "TransposeConvOpData": "int*2",
}

_PRIMITIVES = {"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "int": 4, "float": 4, "int64": 8, "double": 8}


@dataclass(frozen=True, slots=True)
class Layout:
    """Size and alignment of an object, in bytes."""

    size: int
    align: int

    def array(self, count: int) -> Layout:
        """Return the layout of `count` such objects in a row."""
        return Layout(self.size * count, self.align)


class KernelLibrary(Enum):
    """Whose kernels a build of TFLM has: its own reference kernels, or CMSIS-NN's for a kind of core."""

    REFERENCE = "reference"
    CMSIS_NN_C = "cmsis-nn-c"  # Cortex-M0, M0+, M3, M23
    CMSIS_NN_DSP = "cmsis-nn-dsp"  # Cortex-M4, M7, M33, M35P


@dataclass(frozen=True, slots=True)
class Abi:
    """How one build of TFLM lays out its structs, and whose kernels it has.

    `pointer_bytes` is the size of pointers and size_t, `enum_bytes` that of an enum with small values;
    `records` is a build with recording allocators, `compresses` one that can read compressed weights.
    """

    pointer_bytes: int
    enum_bytes: int
    records: bool = False
    compresses: bool = False
    kernels: KernelLibrary = KernelLibrary.REFERENCE

    def layout(self, struct: str) -> Layout:
        """Return the layout of a struct of the table, or of a primitive."""
        return struct_layout(self, struct)


X86_64_RECORDING = Abi(pointer_bytes=8, enum_bytes=4, records=True, compresses=True)  # the tflite-micro wheel
ARM_32 = Abi(pointer_bytes=4, enum_bytes=1)  # arm-none-eabi-gcc: -fshort-enums is the default
ARM_32_CMSIS_NN = replace(ARM_32, kernels=KernelLibrary.CMSIS_NN_DSP)


@cache
def struct_layout(abi: Abi, name: str) -> Layout:
    """Return the layout of a struct of the table, or of a primitive, in a build."""
    size = {**_PRIMITIVES, "ptr": abi.pointer_bytes, "enum": abi.enum_bytes}.get(name)
    if size is not None:
        return Layout(size, size)
    fields = STRUCTS[name].split()
    for extra, is_there in ((RECORDING_FIELDS, abi.records), (COMPRESSION_FIELDS, abi.compresses)):
        fields += extra.get(name, "").split() if is_there else []
    end, align = 0, 1
    for field in fields:
        kind, _, count = field.partition("*")
        item = struct_layout(abi, kind)
        end = aligned(end, item.align) + item.size * int(count or 1)
        align = max(align, item.align)
    return Layout(aligned(end, align), align)
