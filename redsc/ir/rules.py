"""The small declarative vocabulary in which an op entry states its behaviour.

A rule is data, not code: passes interpret it. Axis numbers are axes of the named operand; channels are the last
axis of an activation (NHWC), rarely another one between a reshape and a transpose.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "NO_ALIAS",
    "OWN_SCALE",
    "Alias",
    "Along",
    "Barrier",
    "ChannelRule",
    "Contracts",
    "Fixed",
    "Grouped",
    "InPlace",
    "Joins",
    "LooksUp",
    "Multiplies",
    "NoAlias",
    "Normalizes",
    "OwnScale",
    "Pads",
    "Passes",
    "Produces",
    "QuantRule",
    "RawIntegers",
    "Reduces",
    "Regroups",
    "Remembers",
    "Reshapes",
    "SameInputScales",
    "SameScale",
    "Slices",
    "Splits",
    "Ties",
    "Transposes",
    "View",
]


@dataclass(frozen=True, slots=True)
class Produces:
    """A linear layer: contracts the channels of its data over `in_axis`, makes new ones along `out_axis`.

    `has_groups`: where the data have more channels than the weight takes, each group of them makes a group of
    outputs; without it they are rows of their own.
    """

    out_axis: int
    in_axis: int
    weight: int = 1
    followers: tuple[int, ...] = (2,)
    has_groups: bool = False


@dataclass(frozen=True, slots=True)
class Grouped:
    """A depthwise layer: every output channel belongs to one input channel; its weights follow the output."""

    out_axis: int
    weight: int = 1
    followers: tuple[int, ...] = (2,)


@dataclass(frozen=True, slots=True)
class Contracts:
    """A recurrent layer: contracts the channels of its data over `in_axis` of each of its `weights`.

    Those that it makes stay, for the `reason` given, unless it starts anew in every inference: then they are axis
    `out_axis` of the weights, both axes of the `recurrent` weights, and those of the `followers`.
    """

    reason: str
    weights: tuple[int, ...]
    in_axis: int
    out_axis: int = 0
    recurrent: tuple[int, ...] = ()
    followers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Multiplies:
    """A product of two stacks of matrices: it sums over their last axes but one or last, as its attributes say.

    Channels pass on the axes that matrices are stacked along: with a channel goes a matrix, as a head of attention.
    """


@dataclass(frozen=True, slots=True)
class Ties:
    """Works element by element: all inputs and the output have the same channels, on whichever axis."""


@dataclass(frozen=True, slots=True)
class Passes:
    """The output has the channels of the data, which must keep their number."""


@dataclass(frozen=True, slots=True)
class Pads:
    """Puts numbers around its data, as many as operand `paddings` says per axis and end; these make channels."""

    paddings: int = 1


@dataclass(frozen=True, slots=True)
class Reduces:
    """Reduces over the constant axes in operand `axes`; channels pass unless they are reduced themselves."""

    axes: int = 1


@dataclass(frozen=True, slots=True)
class Along:
    """Works along the axes in an operand (a number) or attribute (a name); channels pass on another axis."""

    axes: int | str


@dataclass(frozen=True, slots=True)
class Normalizes:
    """What it makes depends on all of the last axis: channels there are frozen, on another axis they pass."""

    reason: str


@dataclass(frozen=True, slots=True)
class LooksUp:
    """Takes the slices of its data along attribute `axis` that operand `indices` lists.

    The data of a table of numbers is a constant of rank 1: then the output has the channels of the indices.
    """

    axis: str
    indices: int = 1


@dataclass(frozen=True, slots=True)
class Joins:
    """Lays its inputs side by side along attribute `axis`, or stacks them along a new one.

    Along the last axis the channels of all inputs follow one another; along another all inputs have the same.
    """

    stacks: bool = False


@dataclass(frozen=True, slots=True)
class Splits:
    """Cuts its data along the axis in an operand (a number) or attribute (a name).

    `sizes` is the operand with the size of every piece; without it the pieces are equal, and must stay so.
    """

    axis: int | str
    sizes: int | None = None


@dataclass(frozen=True, slots=True)
class Slices:
    """Takes a part of its data; channels pass where a run of them is taken, in their order.

    `begin` is the operand that says from where along each axis, `end` the one that says up to where, if any.
    """

    begin: int = 1
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Transposes:
    """Reorders axes as the constant operand `perm` says; channels move with theirs."""

    perm: int = 1


@dataclass(frozen=True, slots=True)
class Reshapes:
    """Moves elements without changing their order; channels pass where their axis is merged with others or cut."""


@dataclass(frozen=True, slots=True)
class Regroups:
    """Lays the channels of several pixels side by side, or deals them out to pixels again, in whole rows."""


@dataclass(frozen=True, slots=True)
class Remembers:
    """Reads or assigns a variable: its channels stay, for what one level leaves in it another level may read."""


@dataclass(frozen=True, slots=True)
class Barrier:
    """The result depends on how many channels there are: freeze them."""

    reason: str


ChannelRule = (
    Produces
    | Grouped
    | Contracts
    | Multiplies
    | Ties
    | Passes
    | Pads
    | Reduces
    | Along
    | Normalizes
    | LooksUp
    | Joins
    | Splits
    | Slices
    | Transposes
    | Reshapes
    | Regroups
    | Remembers
    | Barrier
)


@dataclass(frozen=True, slots=True)
class OwnScale:
    """The kernel rescales: input and output scales are independent."""


@dataclass(frozen=True, slots=True)
class SameScale:
    """The kernel copies or compares raw integers: input and output must agree in scale and zero point.

    Where constants are `bounds`, one beyond the range of the data has no effect, and need not be in that range.
    """

    bounds: bool = False


@dataclass(frozen=True, slots=True)
class SameInputScales:
    """The kernel adds raw integers and then rescales: the inputs must agree in scale and zero point."""


@dataclass(frozen=True, slots=True)
class RawIntegers:
    """The kernel converts the integers themselves, not the numbers that they stand for with a scale."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The kernel prescribes scale and zero point of its int8 output, and of an int16 one where it makes that."""

    scale: float
    zero_point: int
    int16: tuple[float, int] | None = None


OWN_SCALE = OwnScale()
QuantRule = OwnScale | SameScale | SameInputScales | RawIntegers | Fixed


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


NO_ALIAS = NoAlias()
Alias = NoAlias | InPlace | View
