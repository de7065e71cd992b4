from __future__ import annotations

import struct
from typing import Any

import pytest
import tflite

from redsc.errors import LimitExceeded, MalformedModel, ModelError, UnsupportedError
from redsc.formats import read_tflite, write_tflite
from redsc.ir import DType
from redsc.limits import Limits
from tests.helpers import NetBuilder, small_net

# Field numbers of schema.fbs, as offsets in a vtable: 4 + 2 * number.
TENSOR_SHAPE, TENSOR_TYPE, TENSOR_BUFFER = 4, 6, 8
SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS = 6, 8
OPERATOR_CODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS = 4, 6, 8
CODE_BUILTIN, BUFFER_DATA, POOL_STRIDE_W, QUANTIZATION_SCALE = 10, 4, 6, 8


class File:
    """A TFLite file of two dense layers, `x -> a -> b`, whose fields can be overwritten."""

    def __init__(self) -> None:
        net = NetBuilder(DType.INT8)
        hidden = net.dense(net.input(1, 21), 11)
        self.data = bytearray(write_tflite(net.outputs(net.dense(hidden, 7))))
        self.model = tflite.Model.GetRootAs(self.data, 0)
        self.subgraph = self.model.Subgraphs(0)
        names = [self.subgraph.Tensors(i).Name().decode() for i in range(self.subgraph.TensorsLength())]
        self.index = {name: i for i, name in enumerate(names)}

    def tensor(self, name: str) -> Any:
        return self.subgraph.Tensors(self.index[name])._tab

    def operator(self, number: int) -> Any:
        return self.subgraph.Operators(number)._tab

    def scalar(self, table: Any, slot: int, value: int, kind: str = "<i") -> None:
        """Overwrite a scalar field, which the file must have."""
        offset = table.Offset(slot)
        assert offset
        struct.pack_into(kind, self.data, table.Pos + offset, value)

    def item(self, table: Any, slot: int, index: int, value: float, kind: str = "<i") -> None:
        """Overwrite a 4-byte item of a vector field."""
        struct.pack_into(kind, self.data, table.Vector(table.Offset(slot)) + 4 * index, value)

    def length(self, table: Any, slot: int, value: int) -> None:
        """Overwrite the length of a vector field."""
        struct.pack_into("<I", self.data, table.Vector(table.Offset(slot)) - 4, value)

    def read(self, limits: Limits | None = None) -> None:
        read_tflite(bytes(self.data), limits or Limits())


@pytest.fixture
def file() -> File:
    made = File()
    made.read()
    return made


@pytest.mark.parametrize("index", [-2, 99, 2**31 - 1])
@pytest.mark.parametrize("slot", [OPERATOR_INPUTS, OPERATOR_OUTPUTS])
def test_an_operator_that_names_a_tensor_outside_the_list(file: File, slot: int, index: int) -> None:
    file.item(file.operator(0), slot, 0, index)
    with pytest.raises(MalformedModel, match=r"is outside 0\.\.6"):
        file.read()


@pytest.mark.parametrize("slot", [SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS])
def test_a_graph_that_names_a_tensor_outside_the_list(file: File, slot: int) -> None:
    file.item(file.subgraph._tab, slot, 0, 7)
    with pytest.raises(MalformedModel, match=r"index 7 is outside 0\.\.6"):
        file.read()


def test_an_operator_code_outside_the_list() -> None:
    net, file = NetBuilder(DType.INT8), File()
    x = net.input(1, 21)
    file.data = bytearray(write_tflite(net.outputs(net.unary("RELU6", net.unary("RELU", x)))))
    file.scalar(tflite.Model.GetRootAs(file.data, 0).Subgraphs(0).Operators(1)._tab, OPERATOR_CODE, 2, "<I")
    with pytest.raises(MalformedModel, match=r"operator code index 2 is outside 0\.\.1"):
        file.read()


def test_a_table_outside_the_file(file: File) -> None:
    struct.pack_into("<I", file.data, file.operator(0).Pos, 2**31)  # where its vtable is
    with pytest.raises(MalformedModel):
        file.read()


def test_a_buffer_outside_the_list(file: File) -> None:
    file.scalar(file.tensor("fully_connected0.weight"), TENSOR_BUFFER, 2**32 - 1, "<I")
    with pytest.raises(MalformedModel, match="buffer index 4294967295 is outside"):
        file.read()


@pytest.mark.parametrize("name", ["x", "fully_connected0", "fully_connected0.weight"])
@pytest.mark.parametrize("size", [-2, -(2**31), 0])
def test_a_shape_that_is_not_positive(file: File, name: str, size: int) -> None:
    file.item(file.tensor(name), TENSOR_SHAPE, 0, size)
    with pytest.raises(MalformedModel):
        file.read()


@pytest.mark.parametrize("name", ["x", "fully_connected0", "fully_connected0.weight"])
def test_a_huge_shape(file: File, name: str) -> None:
    file.item(file.tensor(name), TENSOR_SHAPE, 0, 2**31 - 1)
    with pytest.raises(LimitExceeded, match="has the shape"):
        file.read()


def test_a_rank_without_end(file: File) -> None:
    file.length(file.tensor("fully_connected0.weight"), TENSOR_SHAPE, 9)
    with pytest.raises(ModelError):
        file.read()


@pytest.mark.parametrize("length", [2**31, 2**32 - 1])
def test_a_vector_longer_than_the_file(file: File, length: int) -> None:
    file.length(file.tensor("fully_connected0.weight"), TENSOR_SHAPE, length)
    with pytest.raises(MalformedModel):
        file.read()


def test_a_buffer_shorter_than_its_tensor(file: File) -> None:
    buffer = file.model.Buffers(file.subgraph.Tensors(file.index["fully_connected0.weight"]).Buffer())
    file.length(buffer._tab, BUFFER_DATA, 11 * 21 - 1)
    with pytest.raises(MalformedModel, match="has 230 B of data, its type needs 231"):
        file.read()


def test_two_producers(file: File) -> None:
    file.item(file.operator(1), OPERATOR_OUTPUTS, 0, file.index["fully_connected0"])
    with pytest.raises(MalformedModel, match="'fully_connected0' has two producers"):
        file.read()


def test_a_node_that_makes_a_graph_input(file: File) -> None:
    file.item(file.operator(1), OPERATOR_OUTPUTS, 0, file.index["x"])
    with pytest.raises(MalformedModel, match="'x' has two producers"):
        file.read()


def test_a_node_that_makes_a_constant(file: File) -> None:
    file.item(file.operator(1), OPERATOR_OUTPUTS, 0, file.index["fully_connected0.weight"])
    with pytest.raises(MalformedModel, match="is a constant"):
        file.read()


def test_a_cycle(file: File) -> None:
    file.item(file.operator(0), OPERATOR_INPUTS, 0, file.index["fully_connected1"])
    with pytest.raises(MalformedModel):
        file.read()


def test_a_node_that_reads_its_own_output() -> None:
    net, file = NetBuilder(DType.INT8), File()
    x = net.input(1, 21)
    file.data = bytearray(write_tflite(net.outputs(net.add(x, net.unary("RELU", x)))))
    operator = tflite.Model.GetRootAs(file.data, 0).Subgraphs(0).Operators(1)
    file.item(operator._tab, OPERATOR_INPUTS, 1, operator.Outputs(0))
    with pytest.raises(MalformedModel, match="before it is made"):
        file.read()


def test_a_scale_that_is_not_a_number(file: File) -> None:
    quantization = file.subgraph.Tensors(file.index["x"]).Quantization()
    file.item(quantization._tab, QUANTIZATION_SCALE, 0, float("nan"), "<f")
    with pytest.raises(MalformedModel):
        file.read()


def test_a_stride_of_zero() -> None:
    net, file = NetBuilder(DType.INT8), File()
    file.data = bytearray(write_tflite(net.outputs(net.pool(net.input(1, 8, 8, 3)))))
    options = tflite.Model.GetRootAs(file.data, 0).Subgraphs(0).Operators(0).BuiltinOptions()
    file.scalar(options, POOL_STRIDE_W, 0)
    with pytest.raises(MalformedModel):
        file.read()


def test_an_unknown_operator_number(file: File) -> None:
    file.scalar(file.model.OperatorCodes(0)._tab, CODE_BUILTIN, 999)
    with pytest.raises(UnsupportedError, match="operator number 999: redsc does not know this operator"):
        file.read()


def test_an_unknown_element_type(file: File) -> None:
    file.scalar(file.tensor("x"), TENSOR_TYPE, 77, "<b")
    with pytest.raises(UnsupportedError, match="element type number 77 is not supported"):
        file.read()


@pytest.mark.parametrize("keep", [0, 3, 7, 8, 40, 0.3, 0.6, 0.95])
def test_a_truncated_file(keep: float) -> None:
    data = write_tflite(small_net())
    with pytest.raises(MalformedModel):
        read_tflite(data[: int(keep if keep >= 1 else keep * len(data))])


@pytest.mark.parametrize("root", [0, 4, 2**31, 2**32 - 1])
def test_a_root_outside_the_file(root: int) -> None:
    data = write_tflite(small_net())
    with pytest.raises((MalformedModel, UnsupportedError)):
        read_tflite(struct.pack("<I", root) + data[4:])


@pytest.mark.parametrize(
    "limits",
    [Limits(nodes=1), Limits(tensors=6), Limits(tensor_elements=230), Limits(rank=1), Limits(file_bytes=99)],
)
def test_limits_hold(file: File, limits: Limits) -> None:
    with pytest.raises(LimitExceeded):
        file.read(limits)


def test_two_tensors_with_one_name_are_told_apart(file: File) -> None:
    data = bytes(file.data).replace(b"fully_connected0.weight", b"fully_connected1.weight")
    names = [value.name for value in read_tflite(data).values()]
    assert len(set(names)) == len(names)
