"""What the user asks for: frozen, checked once, understood everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path

from redsc.errors import UsageError, did_you_mean
from redsc.units import parse_count, parse_size, parse_time

__all__ = [
    "TFLM_KERNELS",
    "ArrayForm",
    "Backend",
    "Budgets",
    "Calibration",
    "DenseScales",
    "Emit",
    "FlashCache",
    "Importance",
    "Kernels",
    "Options",
    "Prefer",
    "Quantization",
    "Recovery",
    "Resident",
    "Sharing",
    "Tuning",
    "level_name",
    "parse_levels",
    "parse_shapes",
    "parse_share",
]

_DEFAULT_WIDTH_MULTIPLE = 4  # what CMSIS-NN's inner loops take at once; it costs 1 to 2.5 points of MACs
_SHAPE = re.compile(r"(.+)=([1-9][0-9]{0,8}(?:,[1-9][0-9]{0,8})*)")
_PERCENTAGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)%?")


class Sharing(Enum):
    """How levels share weights whose columns a level does not all read.

    STRIDED: in place, by redsc's own kernels. COPIES: each level has its own, for TFLM's kernels.
    """

    STRIDED = "strided"
    COPIES = "copies"


class ArrayForm(Enum):
    """How the C file has the model: as numbers, or as a file that the assembler reads."""

    HEX = "hex"
    INCBIN = "incbin"


class Emit(Enum):
    """What is written: the files beside each other, or a library folder of Arduino with a sketch."""

    FILES = "files"
    ARDUINO = "arduino"


class Resident(Enum):
    """How many levels are ready to run at the same time."""

    ALL = "all"
    ONE = "one"


class Kernels(Enum):
    """The kernels of the firmware: they decide which result may lie over an operand, and what scratch they take.

    SAFE assumes nothing of TFLM's but that elementwise kernels read an element before they write it. ENGINE are
    redsc's own, those of the C engine; ENGINE_SMALL are the same with the least working buffers, which are slower.
    """

    SAFE = "safe"
    REFERENCE = "reference"
    CMSIS_NN = "cmsis-nn"
    ENGINE = "redsc"
    ENGINE_SMALL = "redsc-small"

    @property
    def are_ours(self) -> bool:
        """Whether they are the C engine's, which needs no interpreter."""
        return self in (Kernels.ENGINE, Kernels.ENGINE_SMALL)


class Backend(Enum):
    """What runs the levels: TensorFlow Lite Micro, or C code of their own."""

    TFLM = "tflm"
    C = "c"


class Prefer(Enum):
    """What the C engine's working buffers are for: the fastest kernels, or the least arena."""

    SPEED = "speed"
    RAM = "ram"


class FlashCache(Enum):
    """The cache between flash and core: for which one the C engine orders its reads (`redsc.cost.cache`)."""

    NONE = "none"
    RP2040 = "rp2040"
    ESP32_S3 = "esp32-s3"
    STM32F7 = "stm32f7"
    STM32H7 = "stm32h7"


_ENGINES = {Prefer.SPEED: Kernels.ENGINE, Prefer.RAM: Kernels.ENGINE_SMALL}
TFLM_KERNELS = (Kernels.SAFE, Kernels.REFERENCE, Kernels.CMSIS_NN)


@dataclass(frozen=True, slots=True)
class Budgets:
    """Upper bounds, None where there is none, and what they depend on; the texts are sizes as they were given.

    `target` names the table by which `latency_us` of the largest level is counted (`redsc.cost.latency`). RAM and
    flash depend on `kernels` and `sharing`.
    """

    ram_bytes: int | None = None
    flash_bytes: int | None = None
    macs: int | None = None
    resident: Resident = Resident.ALL
    ram_text: str | None = None
    flash_text: str | None = None
    kernels: Kernels = Kernels.SAFE
    latency_us: int | None = None
    target: str | None = None
    sharing: Sharing = Sharing.STRIDED
    cache: FlashCache = FlashCache.NONE

    @property
    def slots(self) -> Sharing:
        """How the graphs of slots share: those of the C engine stay as they are, the writer shares weights."""
        return Sharing.COPIES if self.kernels.are_ours else self.sharing

    @staticmethod
    def parse(
        ram: str | None = None,
        flash: str | None = None,
        macs: str | None = None,
        resident: str = "all",
        kernels: str = "safe",
        latency: str | None = None,
        target: str | None = None,
        share: str = "strided",
        backend: str = "tflm",
        prefer: str = "speed",
        cache: str = "none",
    ) -> Budgets:
        """Return budgets from texts like `200KB`, `2.5M` and `50ms`.

        Raises:
            UsageError: a text is no size, count or choice, or is for another backend.
        """
        given: tuple[tuple[str, str, Iterable[Enum]], ...] = (
            ("resident", resident, Resident),
            ("kernels", kernels, TFLM_KERNELS),
            ("share", share, Sharing),
            ("backend", backend, Backend),
            ("prefer", prefer, Prefer),
            ("cache", cache, FlashCache),
        )
        for flag, text, choices in given:
            known = [item.value for item in choices]
            if text not in known:
                message = f"--{flag} {text}: write {', '.join(known[:-1])} or {known[-1]}"
                raise UsageError(message, code="U203", hint=did_you_mean(text, known))
        if Backend(backend) is Backend.C:
            others = (("kernels", kernels, "safe"), ("share", share, "strided"), ("resident", resident, "all"))
            _refuse_flags("c", "tflm", others)
            kernels = _ENGINES[Prefer(prefer)].value
        else:
            _refuse_flags("tflm", "c", (("prefer", prefer, "speed"), ("cache", cache, "none")))
        return Budgets(
            ram_bytes=None if ram is None else parse_size(ram),
            flash_bytes=None if flash is None else parse_size(flash),
            macs=None if macs is None else parse_count(macs),
            resident=Resident(resident),
            ram_text=ram,
            flash_text=flash,
            kernels=Kernels(kernels),
            latency_us=None if latency is None else parse_time(latency),
            target=target,
            sharing=Sharing(share),
            cache=FlashCache(cache),
        )


def _refuse_flags(backend: str, other: str, flags: Iterable[tuple[str, str, str]]) -> None:
    """Refuse flags that mean nothing to a backend, where they are not as by default."""
    for flag, text, default in flags:
        if text != default:
            message = f"--{flag} {text} means nothing to --backend {backend}"
            raise UsageError(message, code="U220", hint=f"it is for --backend {other}")


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
class Options:
    """Everything a compile depends on besides the model file.

    Levels are named by their ceilings in percent of the model's MACs and kept largest first; without names there is
    one lossless level. `shapes` are for inputs whose sizes an ONNX file leaves open; `int8_io` drops
    the conversions from and to float at the borders of an int8 network.

    `data` calibrate, choose and repair; the levels are measured on `evaluation`, else on a part of `data` that was
    held back. No level that loses more than `max_drop` (a fraction) is emitted. With `protect_full` slot 0 keeps
    its weights, bit for bit. `uses_cache` is whether slow results are kept on disk for the next time.

    Raises:
        UsageError: a level is no percentage, or the C engine's files cannot have the form.
    """

    budgets: Budgets = Budgets()
    levels: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    plan: Path | None = None
    selector: str = "joint"
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", _largest_first(self.levels))
        if self.budgets.kernels.are_ours:
            _refuse_flags("c", "tflm", (("array", self.array.value, "hex"),))

    @property
    def cuts(self) -> bool:
        """Whether levels may be cut: they were asked for, planned, or there are data to judge them by."""
        return bool(self.levels or self.plan or self.data)


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
