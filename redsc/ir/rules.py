"""The small declarative vocabulary in which an op entry states its behaviour.

A rule is data, not code: passes interpret it. Axis numbers are axes of the named operand; channels are always the
last axis of an activation (NHWC).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redsc.ir.types import DType

__all__ = [
    "Alias",
    "Barrier",
    "ChannelRule",
    "Fixed",
    "Grouped",
    "InPlace",
    "NoAlias",
    "OwnScale",
    "Passes",
    "Produces",
    "QuantRule",
    "Reduces",
    "Reshapes",
    "SameScale",
    "Signature",
    "Ties",
    "View",
]


@dataclass(frozen=True, slots=True)
class Produces:
    """A linear layer: contracts the channels of input 0 over `in_axis`, makes new ones along `out_axis`."""

    out_axis: int
    in_axis: int
    weight: int = 1
    followers: tuple[int, ...] = (2,)


@dataclass(frozen=True, slots=True)
class Grouped:
    """A depthwise layer: every output channel belongs to one input channel; its weights follow the output."""

    axis: int
    weight: int = 1
    followers: tuple[int, ...] = (2,)


@dataclass(frozen=True, slots=True)
class Ties:
    """All inputs and the output have the same channels."""


@dataclass(frozen=True, slots=True)
class Passes:
    """The output has the channels of input 0, which must keep their number."""


@dataclass(frozen=True, slots=True)
class Reduces:
    """Reduces over the constant axes in operand `axes`; channels pass unless they are reduced themselves."""

    axes: int = 1


@dataclass(frozen=True, slots=True)
class Reshapes:
    """Moves elements without changing their order; channels pass where their blocks stay whole."""


@dataclass(frozen=True, slots=True)
class Barrier:
    """The result depends on how many channels there are: freeze them."""

    reason: str


ChannelRule = Produces | Grouped | Ties | Passes | Reduces | Reshapes | Barrier


@dataclass(frozen=True, slots=True)
class OwnScale:
    """The kernel rescales: input and output scales are independent."""


@dataclass(frozen=True, slots=True)
class SameScale:
    """The kernel copies or compares raw integers: input and output must agree in scale and zero point."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The kernel prescribes the int8 output scale and zero point."""

    scale: float
    zero_point: int


QuantRule = OwnScale | SameScale | Fixed


@dataclass(frozen=True, slots=True)
class NoAlias:
    """The output needs a buffer of its own."""


@dataclass(frozen=True, slots=True)
class InPlace:
    """Elementwise: the output may take the buffer of any of `inputs` that has the same size and dies here."""

    inputs: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class View:
    """The output is the same bytes as input 0."""


Alias = NoAlias | InPlace | View


@dataclass(frozen=True, slots=True)
class Signature:
    """One legal combination of element types; trailing inputs may be absent."""

    inputs: tuple[DType, ...]
    output: DType
