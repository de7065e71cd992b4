"""Absorb quantisation at the level of tensors: QuantizeLinear and DequantizeLinear become notes on tensors.

`x -> Q -> DQ -> y` says that tensor x is meant to be int8 with a scale: x gets that note, and y is x. What remains
is a float graph, whose notes the pass `quantize` obeys. No pattern of operators is matched, so it does not matter
which tool wrote the pairs or where. A DequantizeLinear of a constant gives a float constant with a note.

1. uint8 becomes int8: zero points move by 128.
2. A tensor with two different notes is copied, which will be a requantisation.
3. int16, int4, float8, blocked and per-channel activations are refused: tflite-micro's kernels do not take them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from redsc.formats.onnx.nodes import OnnxModel, OnnxNode
from redsc.formats.onnx.protobuf import DataType
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Quant, Shape

__all__ = ["absorb_quantization"]

_PASS_ON = {"Identity", "Dropout"}  # the output is the input
_TYPES = {0: "uint8", DataType.UINT8: "uint8", DataType.INT8: "int8"}  # 0: the file does not say
_LOWEST = {"int8": 0, "uint8": -128}  # what brings a zero point into int8
_MOVES = {
    *("Concat", "DepthToSpace", "Flatten", "Gather", "GlobalMaxPool", "Identity", "MaxPool", "Reshape", "Slice"),
    *("SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze"),
}  # of integers they make what they make of the real numbers


def absorb_quantization(model: OnnxModel) -> tuple[OnnxModel, dict[str, Quant], list[tuple[OnnxNode, str]]]:
    """Return the model without Q and DQ, the int8 form of tensors by name, and nodes with reasons against them."""
    absorber = _Absorber(model)
    for node in model.nodes:
        try:
            absorber.visit(node)
        except CannotTranslate as error:
            absorber.refuse(node, str(error))
    return absorber.model(), absorber.quants, absorber.problems


@dataclass(slots=True)
class _Absorber:
    source: OnnxModel
    nodes: list[OnnxNode] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    quants: dict[str, Quant] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    problems: list[tuple[OnnxNode, str]] = field(default_factory=list)
    integers: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.constants, self.shapes = dict(self.source.constants), dict(self.source.shapes)
        self.integers = dict(self.source.integers)
        self.read = {name for node in self.source.nodes for name in node.inputs if name} | {*self.source.outputs}

    def model(self) -> OnnxModel:
        """Return what is left, with the outputs under the names of what they are now."""
        shapes = self.shapes | {name: array.shape for name, array in self.constants.items()}
        outputs = [self.find(name) for name in self.source.outputs]
        return replace(self.source, nodes=self.nodes, outputs=outputs, shapes=shapes, constants=self.constants)

    def find(self, name: str) -> str:
        return self.names.get(name, name)

    def refuse(self, node: OnnxNode, reason: str) -> None:
        """Note why a node is refused; what follows it is read as if it were not there."""
        self.problems.append((node, reason))
        self.names |= dict.fromkeys(node.outputs, self.find(node.input(0)))

    def visit(self, node: OnnxNode) -> None:
        inputs = tuple(self.find(name) for name in node.inputs)
        if node.op == "QuantizeLinear":
            self.quantize(node, inputs[0])
        elif node.op == "DequantizeLinear":
            self.dequantize(node, inputs[0])
        elif (
            node.op in _PASS_ON and inputs[0] not in self.constants and not self.read.intersection(node.outputs[1:])
        ):
            self.names[node.output] = inputs[0]
            if node.input(0) in self.integers:
                self.integers[node.output] = self.integers[node.input(0)]
        else:
            self.check_integers(node)
            self.nodes.append(replace(node, inputs=inputs))

    def check_integers(self, node: OnnxNode) -> None:
        """Check that a node only moves what it reads between Q and DQ: the real numbers move alike."""
        read = [name for name in node.inputs if name in self.integers]
        if not read:
            return
        notes = {self.quants.get(self.find(name)) for name in read}
        if node.op not in _MOVES or len(notes) > 1:
            raise CannotTranslate("it computes with 8-bit integers that no DequantizeLinear made real")
        self.integers |= dict.fromkeys(node.outputs, self.integers[read[0]])

    def quantize(self, node: OnnxNode, name: str) -> None:
        quant = self.activation_quant(node)
        self.integers[node.output] = str(self.parameters(node)[1].dtype)
        if self.quants.setdefault(name, quant) == quant:
            self.names[node.output] = name
            return
        self.quants[node.output] = quant
        self.nodes.append(OnnxNode("Identity", (name,), (node.output,), name=node.name))

    def dequantize(self, node: OnnxNode, name: str) -> None:
        if name in self.constants:
            self.constants[node.output], quant = self.real(node, self.constants[name])
            if quant is not None:
                self.quants[node.output] = quant
            return
        quant = self.activation_quant(node)
        if self.quants.setdefault(name, quant) != quant:
            raise CannotTranslate("its scale is not that of the QuantizeLinear before it")
        self.names[node.output] = name

    def activation_quant(self, node: OnnxNode) -> Quant:
        scale, zero = self.parameters(node)
        if scale.size != 1:
            raise CannotTranslate("its activations have a scale per channel")
        return Quant.per_tensor(float(scale.reshape(-1)[0]), int(zero.reshape(-1)[0]) + _LOWEST[str(zero.dtype)])

    def parameters(self, node: OnnxNode) -> tuple[Array, Array]:
        """Return scale and zero point, the latter of the 8-bit type of the quantised tensor."""
        scale = self.constants.get(node.input(1))
        zero = self.constants.get(node.input(2)) if node.input(2) else np.zeros(1, self.stored_type(node))
        if scale is None or zero is None:
            raise CannotTranslate("its scale is not constant")
        if node.get("block_size", 0):
            raise CannotTranslate("its scales are per block")
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise CannotTranslate("its scale is not positive")
        if str(zero.dtype) not in (*_LOWEST, "int32"):
            raise CannotTranslate(f"it is quantised to {zero.dtype}, redsc reads int8 and uint8")
        if str(zero.dtype) == "int32" and not self.reads_constant(node):
            raise CannotTranslate("its activations are int32")
        return scale.astype(np.float32), zero

    def stored_type(self, node: OnnxNode) -> str:
        """Return the type of the quantised tensor where no zero point says it."""
        if node.op == "QuantizeLinear":
            return _TYPES.get(node.get("output_dtype", 0), "int16")
        data = self.constants.get(self.find(node.input(0)))
        return self.integers.get(node.input(0), "uint8") if data is None else str(data.dtype)

    def reads_constant(self, node: OnnxNode) -> bool:
        return self.find(node.input(0)) in self.constants

    def real(self, node: OnnxNode, data: Array) -> tuple[Array, Quant | None]:
        """Return the real numbers of a quantised constant and its int8 form; None where it is not symmetric."""
        scale, zero = self.parameters(node)
        axis = node.get("axis", 1)
        shape = [1] * data.ndim
        if scale.size > 1:
            if scale.ndim > 1 or not -data.ndim <= axis < data.ndim or scale.size != data.shape[axis]:
                raise CannotTranslate(f"it has scales of the shape {list(scale.shape)}")
            shape[axis] = scale.size
        scales, zeros = scale.astype(np.float64).reshape(shape), np.broadcast_to(zero.reshape(-1), scale.size)
        real = ((data.astype(np.float64) - zeros.reshape(shape)) * scales).astype(np.float32)
        shift = _LOWEST.get(str(zero.dtype))
        if shift is None or (zero.astype(int) + shift != 0).any():
            return real, None
        return real, Quant(
            tuple(float(s) for s in scale.reshape(-1)), (0,), axis % data.ndim if scale.size > 1 else 0
        )
