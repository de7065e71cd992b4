"""TFLM with CMSIS-NN's kernels: what was measured with it, and each row against numbers computed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from redsc.cost.memory import head_bytes
from redsc.cost.tflm.cmsis_nn import CMSIS_NN_C, CMSIS_NN_DSP
from redsc.cost.tflm.kernels import KERNELS
from redsc.cost.tflm.structs import (
    ARM_32,
    ARM_32_CMSIS_NN,
    RECORDING_FIELDS,
    STRUCTS,
    Abi,
    KernelLibrary,
    struct_layout,
)
from redsc.cost.tflm.tail import kernel_of, kernel_scratch_bytes, planned_tail, prepare_tail, tail_bytes
from redsc.formats import load_model
from redsc.ir import (
    Conv2D,
    DepthwiseConv2D,
    DType,
    FullyConnected,
    Graph,
    GraphBuilder,
    Node,
    Padding,
    Pool2D,
    Shape,
    TransposeConv,
)
from tests.conftest import Zoo
from tests.cost.tflm.kernel_graphs import GRAPHS, linear, source
from tests.cost.tflm.test_tail import copied
from tests.zoo_models import MLPERF

I8, F32 = DType.INT8, DType.FLOAT32
DSP, PLAIN_C = ARM_32_CMSIS_NN, Abi(4, 1, kernels=KernelLibrary.CMSIS_NN_C)
RECORDING = replace(DSP, records=True)
X86_64 = Abi(8, 4, kernels=KernelLibrary.CMSIS_NN_DSP)

# (head, tail) that a recording interpreter on a Cortex-M4 reported for TFLM 90b983c with CMSIS-NN, and what that
# version has in place of today's structs: no weights in pieces, one kind of recorded allocation less.
ON_CORTEX_M4 = {
    "kws_ref_model": (16_000, 6_916),
    "vww_96_int8": (73_728, 27_076),
    "pretrainedResnet_quant": (49_728, 5_364),
    "ad01_int8": (768, 1_908),
}
STRUCTS_THEN = {"TfLiteFullyConnectedParams": "enum*2 bool*2 enum"}
RECORDING_THEN = {"MicroAllocator": "ptr RecordedAllocation*7"}
# (head, tail) of 17 nodes in the same sources built for x86-64, with the buffer sizes for DSP. There the parameters
# of a dense layer had 16 B and have 32 B now.
ON_X86_64 = {
    "ADD i8-i8-i8": (176, 3344),
    "AVERAGE_POOL_2D f32-f32": (368, 3424),
    "AVERAGE_POOL_2D i8-i8": (128, 3616),
    "BATCH_MATMUL adj_x i8": (80, 6960),
    "BATCH_MATMUL f32": (304, 6624),
    "CONV_2D f32-f32-f32-f32": (768, 3824),
    "CONV_2D i8-i8-i32-i8": (320, 5104),
    "DEPTHWISE_CONV_2D f32-f32-f32-f32": (576, 3824),
    "DEPTHWISE_CONV_2D i8-i8-i32-i8": (160, 4432),
    "FULLY_CONNECTED per channel i8": (32, 5040 + 17 * 16),
    "FULLY_CONNECTED without bias f32": (80, 3856 + 17 * 16),
    "MAXIMUM i8-i8-i8": (176, 2112),
    "MAX_POOL_2D i8-i8": (112, 3488),
    "MINIMUM i8-i8-i8": (176, 2112),
    "MUL i8-i8-i8": (176, 2992),
    "PAD i8-i32-i8": (240, 3104),
    "PADV2 i8-i32-i8-i8": (288, 3120),
    "SOFTMAX f32-f32": (576, 3632),
    "SOFTMAX i8-i8": (160, 3696),
    "TRANSPOSE i8-i32-i8": (160, 2016),
    "TRANSPOSE_CONV i32-f32-f32-f32-f32": (2048, 5056),
    "TRANSPOSE_CONV i32-i8-i8-i32-i8": (1312, 5392),
}
# (size, alignment) of upstream's definitions under `g++ -m32 -fshort-enums -malign-double`, the layout of AAPCS.
ARM_LAYOUTS = {
    "CMSISNNSoftmaxParams": (64, 8),
    "CmsisNnBatchMatmulOpData": (36, 4),
    "CmsisNnConvOpData": (60, 4),
    "CmsisNnFullyConnectedOpData": (72, 4),
    "CmsisNnPoolingOpData": (36, 4),
    "CmsisNnTransposeConvOpData": (76, 4),
}


def layer(
    op: str,
    source_shape: Shape,
    weight_shape: Shape,
    attrs: Any,
    *,
    dtype: DType = I8,
    per_channel: bool = True,
    before: tuple[int, ...] = (),
) -> Graph:
    """Return a graph of one layer with weights; `before` is the shape that a transposed convolution takes first."""
    b = GraphBuilder()
    operands = [b.constant("shape", np.array(before, np.int32))] if before else []
    operands.append(source(b, dtype, source_shape))
    axis = 3 if op == "DEPTHWISE_CONV_2D" else 0
    return b.output(linear(b, op, operands, weight_shape, attrs, axis=axis, per_channel=per_channel, bias=True))


def conv(kernel: tuple[int, int], channels: int, attrs: Any = None, dtype: DType = I8, groups: int = 1) -> Node:
    shape = (8, *kernel, channels // groups)
    return layer("CONV_2D", (1, 9, 9, channels), shape, attrs or Conv2D(), dtype=dtype).nodes[0]


def depthwise(kernel: int, attrs: Any = None, *, batch: int = 1, multiplier: int = 1, dtype: DType = I8) -> Node:
    weight = (1, kernel, kernel, 6 * multiplier)
    attrs = attrs or DepthwiseConv2D(depth_multiplier=multiplier)
    return layer("DEPTHWISE_CONV_2D", (batch, 9, 9, 6), weight, attrs, dtype=dtype).nodes[0]


def dense(shape: Shape, *, per_channel: bool = False, dtype: DType = I8) -> Node:
    attrs = FullyConnected(keep_num_dims=True)
    weight = (5, shape[-1])
    return layer("FULLY_CONNECTED", shape, weight, attrs, per_channel=per_channel, dtype=dtype).nodes[0]


def transpose_conv(channels: int, stride: int, dtype: DType = I8) -> Node:
    attrs, size = TransposeConv(Padding.SAME, stride, stride), 5 * stride
    weight = (7, 3, 3, channels)
    graph = layer("TRANSPOSE_CONV", (1, 5, 5, channels), weight, attrs, dtype=dtype, before=(1, size, size, 7))
    return graph.nodes[0]


def pool(op: str, dtype: DType = I8) -> Node:
    b = GraphBuilder()
    x = source(b, dtype, (1, 4, 4, 64))
    return b.output(b.op(op, x, attrs=Pool2D(filter_h=4, filter_w=4), quant=x.type.quant)).nodes[0]


@pytest.fixture
def structs_then(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the tables hold what TFLM 90b983c had."""
    for table, rows in ((STRUCTS, STRUCTS_THEN), (RECORDING_FIELDS, RECORDING_THEN)):
        for name, fields in rows.items():
            monkeypatch.setitem(table, name, fields)
    struct_layout.cache_clear()
    yield
    struct_layout.cache_clear()


@pytest.mark.usefixtures("structs_then")
@pytest.mark.parametrize("model", ON_CORTEX_M4)
def test_head_and_tail_are_those_that_a_cortex_m4_reported(zoo: Zoo, model: str) -> None:
    graph = load_model(zoo(f"{MLPERF}/{model}.tflite")).graph
    assert (head_bytes(graph, {}, RECORDING), tail_bytes(graph, RECORDING)) == ON_CORTEX_M4[model]


@pytest.mark.parametrize("model", ON_CORTEX_M4)
def test_todays_structs_take_up_to_5_percent_more_than_a_cortex_m4_reported(zoo: Zoo, model: str) -> None:
    graph = load_model(zoo(f"{MLPERF}/{model}.tflite")).graph
    reported, now = sum(ON_CORTEX_M4[model]), head_bytes(graph, {}, RECORDING) + tail_bytes(graph, RECORDING)
    assert reported <= now <= 1.05 * reported


@pytest.mark.parametrize("name", ON_X86_64)
def test_head_and_tail_of_many_nodes_are_those_of_a_host_build(name: str) -> None:
    graph = copied(GRAPHS[name](), 17)
    assert (head_bytes(graph, {}, X86_64), tail_bytes(graph, X86_64)) == ON_X86_64[name]


@pytest.mark.parametrize("struct", ARM_LAYOUTS)
def test_structs_are_those_of_upstreams_kernels(struct: str) -> None:
    layout = ARM_32.layout(struct)
    assert (layout.size, layout.align) == ARM_LAYOUTS[struct]


@pytest.mark.parametrize("rows", [CMSIS_NN_C, CMSIS_NN_DSP])
def test_every_op_has_a_row_and_every_struct_a_layout(rows: dict[str, Any]) -> None:
    assert set(rows) == set(KERNELS)
    assert {row.op_data for row in rows.values() if row.op_data} <= set(STRUCTS)


def test_an_abi_has_the_reference_kernels_unless_told_otherwise() -> None:
    assert kernel_of(conv((3, 3), 16), ARM_32) is KERNELS["CONV_2D"]


@pytest.mark.parametrize(
    ("node", "scratch"),
    [
        (conv((3, 3), 16), (2 * 144 * 2,)),
        (conv((3, 3), 3), (2 * 28 * 2,)),  # 27 elements, a multiple of 4 is 28
        (conv((1, 5), 8), (2 * 40 * 2,)),
        (conv((1, 1), 8, Conv2D(dilation_h=2, dilation_w=2)), (2 * 8 * 2,)),
        (conv((1, 1), 8, groups=2), (2 * 8 * 2,)),  # over the channels of all groups
    ],
)
@pytest.mark.parametrize("abi", [DSP, PLAIN_C])
def test_a_convolution_has_two_columns_of_int16(node: Node, scratch: tuple[int, ...], abi: Abi) -> None:
    """arm_convolve_s8_get_buffer_size, which arm_convolve_1_x_n_s8_get_buffer_size calls too."""
    assert kernel_scratch_bytes(node, abi) == scratch


@pytest.mark.parametrize("attrs", [Conv2D(), Conv2D(stride_h=2, stride_w=2)])
def test_a_pointwise_convolution_has_no_scratch(attrs: Conv2D) -> None:
    """arm_convolve_wrapper_s8_get_buffer_size."""
    assert kernel_scratch_bytes(conv((1, 1), 8, attrs), DSP) == ()


@pytest.mark.parametrize("node", [depthwise(5), depthwise(1), depthwise(5, DepthwiseConv2D(stride_h=2))])
def test_an_optimised_depthwise_convolution_has_one_column_of_int16(node: Node) -> None:
    """arm_depthwise_conv_s8_opt_get_buffer_size_dsp, for 6 channels."""
    taps = node.operand(1).type.shape[1] ** 2
    assert kernel_scratch_bytes(node, DSP) == (taps * 6 * 2,)


@pytest.mark.parametrize(
    "node",
    [
        depthwise(3),
        depthwise(5, batch=2),
        depthwise(5, multiplier=2),
        depthwise(5, DepthwiseConv2D(dilation_h=2)),
        depthwise(5, DepthwiseConv2D(dilation_w=2)),
    ],
)
def test_other_depthwise_convolutions_have_no_scratch(node: Node) -> None:
    """arm_depthwise_conv_wrapper_s8_get_buffer_size."""
    assert kernel_scratch_bytes(node, DSP) == ()


def test_average_pool_has_a_sum_per_channel() -> None:
    """arm_avgpool_s8_get_buffer_size_dsp."""
    assert kernel_scratch_bytes(pool("AVERAGE_POOL_2D"), DSP) == (64 * 4,)


def test_average_pool_asks_for_its_tensors_twice() -> None:
    node = pool("AVERAGE_POOL_2D")
    assert kernel_of(node, DSP).reads(node) == (*node.inputs, *node.outputs) * 2


def test_max_pool_has_no_scratch() -> None:
    assert kernel_scratch_bytes(pool("MAX_POOL_2D"), DSP) == ()


@pytest.mark.parametrize("node", [depthwise(5), pool("AVERAGE_POOL_2D")])
def test_plain_c_needs_no_scratch_for_depthwise_and_pooling(node: Node) -> None:
    assert kernel_scratch_bytes(node, DSP)
    assert kernel_scratch_bytes(node, PLAIN_C) == ()


def test_a_dense_layer_that_runs_as_a_convolution_has_multipliers_for_each_output() -> None:
    """cmsis_nn/fully_connected.cc: buffer_conv_1x1_idx."""
    assert kernel_scratch_bytes(dense((2, 3, 8)), DSP) == (2 * 5 * 4,)


@pytest.mark.parametrize("node", [dense((3, 8)), dense((2, 3, 9)), dense((2, 3, 8), per_channel=True)])
def test_other_dense_layers_have_no_scratch(node: Node) -> None:
    assert kernel_scratch_bytes(node, DSP) == ()


def test_a_transposed_convolution_of_many_channels_runs_over_a_reversed_filter() -> None:
    """arm_transpose_conv_s8_get_reverse_conv_buffer_size: 7 filters of 153 elements, a multiple of 4 is 156."""
    assert kernel_scratch_bytes(transpose_conv(17, 2), DSP) == (2 * 156 * 2, 153 * 7)


@pytest.mark.parametrize(("channels", "stride"), [(16, 2), (17, 3)])
def test_other_transposed_convolutions_have_rows_of_sums(channels: int, stride: int) -> None:
    """arm_transpose_conv_s8_get_buffer_size: 3 rows of (5 - 1) x stride + 3 pixels, 7 sums each."""
    assert kernel_scratch_bytes(transpose_conv(channels, stride), DSP) == (3 * (4 * stride + 3) * 7 * 4, 0)


@pytest.mark.parametrize(
    "node",
    [
        conv((3, 3), 16, dtype=F32),
        depthwise(5, dtype=F32),
        dense((2, 3, 8), dtype=F32),
        pool("AVERAGE_POOL_2D", F32),
        transpose_conv(17, 2, F32),
    ],
)
def test_float_has_no_scratch(node: Node) -> None:
    assert kernel_scratch_bytes(node, DSP) == ()


def test_a_float_convolution_keeps_no_multipliers() -> None:
    """cmsis_nn/conv.cc keeps them for int8 only, conv_common.cc always."""
    node = conv((3, 3), 16, dtype=F32)
    assert list(prepare_tail(node, DSP)) == []
    assert len(list(prepare_tail(node, ARM_32))) == 2


def test_every_request_for_scratch_has_a_handle() -> None:
    """micro_allocator.cc: AllocateScratchBufferHandles."""
    graph = layer("TRANSPOSE_CONV", (1, 5, 5, 3), (7, 3, 3, 3), TransposeConv(), before=(1, 5, 5, 7))
    *_, handles = planned_tail(graph, DSP)
    assert handles == DSP.layout("ptr").array(2)
