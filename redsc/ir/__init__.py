"""The intermediate representation: graph, types, ops, builder, text form, verifier."""

from redsc.ir.builder import GraphBuilder
from redsc.ir.graph import Array, Graph, Node, Use, Value
from redsc.ir.ops import NO_ATTRS, NoAttrs, OpDef, ShapeError
from redsc.ir.ops_conv import Activation, Conv2D, DepthwiseConv2D, FullyConnected, Padding, Pool2D
from redsc.ir.ops_math import Add, LeakyRelu, Mean, Softmax
from redsc.ir.ops_shape import Reshape
from redsc.ir.registry import OPS, op_def
from redsc.ir.text import print_graph
from redsc.ir.text_parser import parse_graph
from redsc.ir.types import DType, Quant, Shape, TensorType
from redsc.ir.verifier import verify_graph

__all__ = [
    "NO_ATTRS",
    "OPS",
    "Activation",
    "Add",
    "Array",
    "Conv2D",
    "DType",
    "DepthwiseConv2D",
    "FullyConnected",
    "Graph",
    "GraphBuilder",
    "LeakyRelu",
    "Mean",
    "NoAttrs",
    "Node",
    "OpDef",
    "Padding",
    "Pool2D",
    "Quant",
    "Reshape",
    "Shape",
    "ShapeError",
    "Softmax",
    "TensorType",
    "Use",
    "Value",
    "op_def",
    "parse_graph",
    "print_graph",
    "verify_graph",
]
