"""What an ONNX file says, without protobuf: plain frozen nodes, arrays and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Shape

__all__ = ["OnnxModel", "OnnxNode"]


@dataclass(frozen=True, slots=True, eq=False)
class OnnxNode:
    """One operator. Attributes are ints, floats, strings, lists of them, or arrays; "" is an input left out."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    domain: str = ""

    @property
    def label(self) -> str:
        """The name for messages."""
        return self.name or next(filter(None, self.outputs), "")

    @property
    def output(self) -> str:
        """The first output's name."""
        return self.outputs[0]

    def input(self, index: int) -> str:
        """Return the name of an input, empty where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attributes.get(name, default)

    def require_defaults(self, **defaults: Any) -> None:
        """Check that attributes without a translation have the values that need none.

        Raises:
            CannotTranslate: one of them is set to something else.
        """
        for name, default in defaults.items():
            if (found := self.get(name, default)) != default:
                raise CannotTranslate(f"its {name} is {found}")


@dataclass(slots=True)
class OnnxModel:
    """A graph with static shapes. `constants` are folded as far as they go; all is keyed by tensor names.

    `types` are the element types of inputs and outputs, as numpy names them.
    """

    nodes: list[OnnxNode]
    inputs: list[str]
    outputs: list[str]
    shapes: dict[str, Shape]
    constants: dict[str, Array]
    opset: int
    types: dict[str, str] = field(default_factory=dict)

    @property
    def integers(self) -> dict[str, str]:
        """The element types of the inputs of 8 bits."""
        return {name: self.types[name] for name in self.inputs if self.types.get(name) in ("int8", "uint8")}
