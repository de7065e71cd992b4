"""What a level program is made of: calls of kernels, with parameters and arrays in flash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from redsc.ir import Array, Node, TensorType, Value

__all__ = ["Call", "Constant", "Emit", "Field", "Operand", "Params", "Part", "State"]


@dataclass(frozen=True, slots=True)
class Constant:
    """An array in flash: equal ones, and beginnings of longer ones, are stored once.

    data: the bytes, little-endian.
    c_type: of an element: `int8_t`, `int32_t`, `float` or a struct of the kernels.
    alignment: in bytes, 1, 2 or 4.
    """

    data: bytes
    c_type: str = "int8_t"
    alignment: int = 4

    @staticmethod
    def of(array: Array, c_type: str) -> Constant:
        """Return the elements of an array in C order."""
        return Constant(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes(), c_type)


Field = int | float | str | Constant | tuple[int, ...]
"""A member's initialiser; a text is an enumerator of the kernels' headers."""


@dataclass(frozen=True, slots=True)
class Params:
    """A struct in flash, named as in the kernels' headers; members that are left out are 0."""

    type: str
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a tensor from `start` on."""

    value: Value
    start: int


@dataclass(frozen=True, slots=True)
class State:
    """A variable: it lies beside the arena, one for all levels, and lives on between inferences."""

    variable: str
    type: TensorType


Operand = Value | Part | Constant | State


@dataclass(frozen=True, slots=True)
class Call:
    """One call: `function(&params, operands..., scratch)`.

    source: the file of the firmware that defines the function.
    header: the one that declares it, None for that of the same name.
    operands: what is read, then what is written; constants of the graph lie in flash.
    takes_scratch: whether the last argument is the node's working buffer (`redsc.cost.engine`), NULL without one.
    is_copy: whether the call only copies operand 0 to operand 1: needless where both lie in one place.
    """

    function: str
    source: str
    params: Params | None
    operands: tuple[Operand, ...]
    takes_scratch: bool = False
    is_copy: bool = False
    header: str | None = None

    @property
    def declared_in(self) -> str:
        """The header that declares the function."""
        return self.header or self.source.replace(".c", ".h")


Emit = Callable[[Node], Iterable[Call]]
"""A row of the engine's table: the calls that make a node's outputs."""
