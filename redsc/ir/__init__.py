"""The intermediate representation: graph, types, ops, builder, text form, verifier."""

from redsc.ir.activation import Activation
from redsc.ir.builder import GraphBuilder
from redsc.ir.graph import Array, Graph, Node, Use, Value, copy_graph
from redsc.ir.names import Names
from redsc.ir.ops.arithmetic import Add, Div, Mul, Sub
from redsc.ir.ops.cut import Split, StridedSlice, Unpack
from redsc.ir.ops.definition import NO_ATTRS, KernelLimit, NoAttrs, OpDef, ShapeError
from redsc.ir.ops.linear import (
    BatchMatMul,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    TransposeConv,
)
from redsc.ir.ops.lookup import LOOKUP, TABLE_SHIFT, TABLE_SIZE, expand_lookup
from redsc.ir.ops.move import Concatenation, Gather, Pack
from redsc.ir.ops.pad import Block, MirrorMode, MirrorPad
from redsc.ir.ops.pool import Pool2D, Resize
from redsc.ir.ops.recurrent import GATES, LSTM, SVDF, CellActivation, Lstm, Svdf
from redsc.ir.ops.reduce import ArgExtreme, CumSum, Mean, Reduce
from redsc.ir.ops.shape import Reshape, ShapeOf, Squeeze
from redsc.ir.ops.signal import SIGNAL_NUMBERS, Signal, signal_number
from redsc.ir.ops.state import Variable
from redsc.ir.ops.strided import StridedConv2D, StridedFullyConnected
from redsc.ir.ops.unary import LeakyRelu, Softmax
from redsc.ir.ops.windows import Padding
from redsc.ir.real import real_values
from redsc.ir.registry import CUSTOM_OPS, ENGINE_OPS, FRONT_END_OPS, OPS, op_def
from redsc.ir.runs import run_columns
from redsc.ir.state import (
    OwnState,
    all_own_states,
    is_pure,
    keeps_state,
    lasting_states,
    own_states,
    starts_anew,
    state_reads,
    variable_nodes,
)
from redsc.ir.text import print_graph
from redsc.ir.text_parser import parse_graph
from redsc.ir.types import DType, Quant, Shape, TensorType
from redsc.ir.verifier import verify_graph

__all__ = [
    "CUSTOM_OPS",
    "ENGINE_OPS",
    "FRONT_END_OPS",
    "GATES",
    "LOOKUP",
    "LSTM",
    "NO_ATTRS",
    "OPS",
    "SIGNAL_NUMBERS",
    "SVDF",
    "TABLE_SHIFT",
    "TABLE_SIZE",
    "Activation",
    "Add",
    "ArgExtreme",
    "Array",
    "BatchMatMul",
    "Block",
    "CellActivation",
    "Concatenation",
    "Conv2D",
    "CumSum",
    "DType",
    "DepthwiseConv2D",
    "Div",
    "FullyConnected",
    "Gather",
    "Graph",
    "GraphBuilder",
    "KernelLimit",
    "LeakyRelu",
    "Lstm",
    "Mean",
    "MirrorMode",
    "MirrorPad",
    "Mul",
    "Names",
    "NoAttrs",
    "Node",
    "OpDef",
    "OwnState",
    "Pack",
    "Padding",
    "Pool2D",
    "Quant",
    "Reduce",
    "Reshape",
    "Resize",
    "Shape",
    "ShapeError",
    "ShapeOf",
    "Signal",
    "Softmax",
    "Split",
    "Squeeze",
    "StridedConv2D",
    "StridedFullyConnected",
    "StridedSlice",
    "Sub",
    "Svdf",
    "TensorType",
    "TransposeConv",
    "Unpack",
    "Use",
    "Value",
    "Variable",
    "all_own_states",
    "copy_graph",
    "expand_lookup",
    "is_pure",
    "keeps_state",
    "lasting_states",
    "op_def",
    "own_states",
    "parse_graph",
    "print_graph",
    "real_values",
    "run_columns",
    "signal_number",
    "starts_anew",
    "state_reads",
    "variable_nodes",
    "verify_graph",
]
