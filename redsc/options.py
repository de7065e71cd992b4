"""What the user asks for: frozen, checked once, understood everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path

from redsc.budgets import Budgets, refuse_flags
from redsc.errors import UsageError

__all__ = [
    "ArrayForm",
    "Calibration",
    "Crop",
    "DenseScales",
    "Emit",
    "Importance",
    "Options",
    "Quantization",
    "Recovery",
    "Searching",
    "Size",
    "Tuning",
    "level_name",
    "parse_crops",
    "parse_levels",
    "parse_resolutions",
    "parse_shapes",
    "parse_share",
    "parse_states",
]

_DEFAULT_WIDTH_MULTIPLE = 4  # what CMSIS-NN's inner loops take at once; it costs 1 to 2.5 points of MACs
Size = tuple[int, int]  # of an image: height and width
Crop = tuple[int, int, int, int]  # of an image: top, left, height and width
_SHAPE = re.compile(r"(.+)=([1-9][0-9]{0,8}(?:,[1-9][0-9]{0,8})*)")
_RESOLUTION = re.compile(r"(?:([0-9.]+%?)=)?([1-9][0-9]{0,5})(?:x([1-9][0-9]{0,5}))?")
_CROP = re.compile(r"(?:([0-9.]+%?)=)?([0-9]{1,6}),([0-9]{1,6}),([1-9][0-9]{0,5}),([1-9][0-9]{0,5})")
_PERCENTAGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)%?")


class ArrayForm(Enum):
    """How the C file has the model: as numbers, or as a file that the assembler reads."""

    HEX = "hex"
    INCBIN = "incbin"


class Emit(Enum):
    """What is written: the files beside each other, or a library folder of Arduino with a sketch."""

    FILES = "files"
    ARDUINO = "arduino"


class Calibration(Enum):
    """How the range of an activation is found from data."""

    MINMAX = "minmax"
    PERCENTILE = "percentile"
    ENTROPY = "entropy"


class DenseScales(Enum):
    """How many scales the int8 weights of a dense layer have."""

    AUTO = "auto"
    PER_TENSOR = "per-tensor"
    PER_CHANNEL = "per-channel"


@dataclass(frozen=True, slots=True)
class Quantization:
    """How a float model becomes int8; `keep_float` names operators that stay float."""

    enabled: bool = True
    calibration: Calibration = Calibration.PERCENTILE
    dense: DenseScales = DenseScales.AUTO
    keep_float: tuple[str, ...] = ()


class Importance(Enum):
    """Which channels a level drops first.

    ENERGY: those that give the least energy to their consumers; WEIGHTS: those with the smallest weights; TAYLOR:
    those with the least first-order effect on the loss (needs torch). AUTO: energy with data, weights without.
    """

    AUTO = "auto"
    ENERGY = "energy"
    WEIGHTS = "weights"
    TAYLOR = "taylor"


class Recovery(Enum):
    """What may change to repair levels without training: nothing, what is theirs alone, or all weights."""

    OFF = "off"
    PRIVATE = "private"
    NESTED = "nested"


@dataclass(frozen=True, slots=True)
class Tuning:
    """Distillation of all levels from the original, for so many steps.

    `flip` says that mirrored images are as good as the samples; `device` is `cpu` or `cuda`.
    """

    steps: int = 1500
    batch: int = 128
    learning_rate: float = 0.003
    seed: int = 0
    flip: bool = False
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Searching:
    """What some selectors ask besides.

    `netadapt`: every step takes at least the share `step` of what is too much. `genetic`: so many networks in each
    of so many generations, drawn with `seed`. `ratios`: the share of channels that goes, of every space or by the
    file.
    """

    step: float = 0.025
    population: int = 64
    generations: int = 60
    seed: int = 0
    ratio: float | None = None
    ratios: Path | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """Everything a compile depends on besides the model file.

    Levels are named by their ceilings in percent of the model's MACs and kept largest first; without names there is
    one lossless level. `shapes` are for inputs whose sizes an ONNX file leaves open; `int8_io` drops
    the conversions from and to float at the borders of an int8 network.

    `data` calibrate, choose and repair; the levels are measured on `evaluation`, else on a part of `data` that was
    held back. No level that loses more than `max_drop` (a fraction) is emitted. With `protect_full` slot 0 keeps
    its weights, bit for bit. `uses_cache` is whether slow results are kept on disk for the next time.

    `resolutions` are sizes (height, width) of the images of levels: that of a named one, or with None one that any
    level may have. `crops` (top, left, height, width) are the part that a level sees, or with None all levels.
    `states` are inputs that take an output of the inference before, each with that.

    With `traces_layers` the report has the SQNR of every layer, which takes time to measure.

    Raises:
        UsageError: a level is no percentage, or the C engine's files cannot have the form.
    """

    budgets: Budgets = Budgets()
    levels: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    plan: Path | None = None
    selector: str = "joint"
    searching: Searching = Searching()
    width_multiple: int = _DEFAULT_WIDTH_MULTIPLE
    name: str | None = None
    data: Path | None = None
    quantization: Quantization = Quantization()
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    int8_io: bool = False
    importance: Importance = Importance.AUTO
    recovery: Recovery = Recovery.NESTED
    protect_full: bool = False
    tuning: Tuning | None = None
    evaluation: Path | None = None
    max_drop: float | None = None
    uses_cache: bool = True
    array: ArrayForm = ArrayForm.HEX
    emit: Emit = Emit.FILES
    resolutions: tuple[tuple[str | None, Size], ...] = ()
    crops: tuple[tuple[str | None, Crop], ...] = ()
    states: tuple[tuple[str, str], ...] = ()
    traces_layers: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", _largest_first(self.levels))
        if self.budgets.kernels.are_ours:
            refuse_flags("c", "tflm", (("array", self.array.value, "hex"),))

    @property
    def cuts(self) -> bool:
        """Whether levels may be cut: they were asked for, planned, or there are data to judge them by."""
        is_asked = self.levels or self.plan or self.resolutions or self.crops
        return bool(is_asked or self.data or self.selector == "ratios")


def parse_levels(text: str) -> tuple[str, ...]:
    """Return the level names of a list like `25,50,75,100`, the largest first.

    Raises:
        UsageError: an item is no percentage.
    """
    return _largest_first(text.split(","))


def parse_share(text: str) -> float:
    """Return the fraction of a text like `2%`.

    Raises:
        UsageError: the text is no percentage.
    """
    match = _PERCENTAGE.fullmatch(text.strip())
    if not match or not text.strip().endswith("%"):
        raise UsageError(f"{text.strip()!r} is not a percentage", code="U217", hint="write it like 2% or 0.5%")
    return float(Fraction(match[1]) / 100)


def parse_shapes(texts: Iterable[str]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the input shapes of texts like `image=1,3,48,192`.

    Raises:
        UsageError: a text is no name with sizes.
    """
    return tuple(_parse_shape(text) for text in texts)


def _parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    match = _SHAPE.fullmatch(text.strip())
    if not match:
        hint = "write the input's name and all its sizes, like --shape image=1,3,48,192"
        raise UsageError(f"{text!r} is no shape of an input", code="U216", hint=hint)
    return match[1], tuple(int(size) for size in match[2].split(","))


def parse_states(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return inputs and outputs of texts like `h0=hn`.

    Raises:
        UsageError: a text is no pair of names.
    """
    return tuple(_parse_state(text.strip()) for text in texts)


def _parse_state(text: str) -> tuple[str, str]:
    source, equals, target = text.partition("=")
    if not (source and equals and target):
        hint = "write the input's name and that of the output which it takes next, like --state h0=hn"
        raise UsageError(f"{text!r} is no state", code="U227", hint=hint)
    return source, target


def parse_resolutions(text: str) -> tuple[tuple[str | None, Size], ...]:
    """Return the sizes of a list like `96,64x48` or `50=64,25=48`, each with its level or None for any.

    Raises:
        UsageError: an item is no size.
    """
    return tuple(_parse_resolution(item.strip()) for item in text.split(","))


def _parse_resolution(item: str) -> tuple[str | None, Size]:
    match = _RESOLUTION.fullmatch(item)
    if not match:
        hint = "write sizes to choose from, like 96,64,48x32, or the levels that have them, like 50=64,25=48"
        raise UsageError(f"{item!r} is no size of an image", code="U224", hint=hint)
    level, height, width = match.groups()
    return level and level_name(level), (int(height), int(width or height))


def parse_crops(texts: Iterable[str]) -> tuple[tuple[str | None, Crop], ...]:
    """Return the parts of the image of texts like `16,16,64,64` or `50=16,16,64,64`, each with its level.

    The numbers are top, left, height and width; None stands for all levels that have no part of their own.

    Raises:
        UsageError: a text is no part of an image.
    """
    return tuple(_parse_crop(text.strip()) for text in texts)


def _parse_crop(text: str) -> tuple[str | None, Crop]:
    match = _CROP.fullmatch(text)
    if not match:
        hint = "write top, left, height and width, like --crop 16,16,64,64 or --crop 50=16,16,64,64"
        raise UsageError(f"{text!r} is no part of an image", code="U224", hint=hint)
    top, left, height, width = map(int, match.groups()[1:])
    return match[1] and level_name(match[1]), (top, left, height, width)


def _largest_first(levels: Iterable[str]) -> tuple[str, ...]:
    """Return each level's one name, the largest first."""
    return tuple(sorted({level_name(item) for item in levels}, key=Fraction, reverse=True))


def level_name(text: str) -> str:
    """Return the one name of a percentage: `50`, `50%` and `50.0` are the level `50`.

    Raises:
        UsageError: the text is no percentage above 0, up to 100, with at most nine decimals.
    """
    match = _PERCENTAGE.fullmatch(text.strip())
    if not match or not 0 < Fraction(match[1]) <= 100:
        hint = "a level is named by its ceiling in percent of the MACs, like 50 or 12.5"
        raise UsageError(f"{text.strip()!r} is not a percentage", code="U202", hint=hint)
    whole, _, decimals = match[1].partition(".")
    return f"{int(whole)}.{decimals.rstrip('0')}".rstrip(".")
