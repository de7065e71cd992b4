"""What options choose between. Nothing heavy is imported here: the command line offers the same values."""

from __future__ import annotations

from enum import Enum

__all__ = [
    "TFLM_KERNELS",
    "ArrayForm",
    "Backend",
    "Calibration",
    "DenseScales",
    "Emit",
    "FlashCache",
    "Importance",
    "Kernels",
    "Prefer",
    "Recovery",
    "Recurrent",
    "Resident",
    "Sharing",
]


class Recurrent(Enum):
    """What an LSTM of an ONNX file becomes: one operator where that computes the same, or many for every step."""

    OP = "op"
    UNROLL = "unroll"


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


TFLM_KERNELS = (Kernels.SAFE, Kernels.REFERENCE, Kernels.CMSIS_NN)
"""Those of the TFLM backend: what `--kernels` chooses between."""


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


class Sharing(Enum):
    """How levels share weights whose columns a level does not all read.

    STRIDED: in place, by redsc's own kernels. COPIES: each level has its own, for TFLM's kernels.
    """

    STRIDED = "strided"
    COPIES = "copies"


class Resident(Enum):
    """How many levels are ready to run at the same time."""

    ALL = "all"
    ONE = "one"


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


class ArrayForm(Enum):
    """How the C file has the model: as numbers, or as a file that the assembler reads."""

    HEX = "hex"
    INCBIN = "incbin"


class Emit(Enum):
    """What is written: the files beside each other, or a library folder of Arduino with a sketch."""

    FILES = "files"
    ARDUINO = "arduino"
