"""What the levels may take, and what runs them: bounds for RAM, flash, MACs and time, kernels and backend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from redsc.errors import UsageError, did_you_mean
from redsc.units import parse_count, parse_size, parse_time

__all__ = [
    "TFLM_KERNELS",
    "Backend",
    "Budgets",
    "FlashCache",
    "Kernels",
    "Prefer",
    "Resident",
    "Sharing",
    "refuse_flags",
]


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
            refuse_flags("c", "tflm", others)
            kernels = _ENGINES[Prefer(prefer)].value
        else:
            refuse_flags("tflm", "c", (("prefer", prefer, "speed"), ("cache", cache, "none")))
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


def refuse_flags(backend: str, other: str, flags: Iterable[tuple[str, str, str]]) -> None:
    """Refuse flags that mean nothing to a backend, where they are not as by default."""
    for flag, text, default in flags:
        if text != default:
            message = f"--{flag} {text} means nothing to --backend {backend}"
            raise UsageError(message, code="U220", hint=f"it is for --backend {other}")
