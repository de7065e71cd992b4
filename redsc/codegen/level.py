"""One level as the C files show it: its row in the table, what it sees of an image, how good it is."""

from __future__ import annotations

from dataclasses import dataclass

from redsc.cost.memory import NetworkMemory
from redsc.engine.numbers import float_literal
from redsc.formats import SLOT_BYTES
from redsc.ir import Graph, Value
from redsc.passes.slice.resize_inputs import image_input
from redsc.runtime.data.view import Size, View
from redsc.runtime.evaluate.quality import Quality

__all__ = ["FirmwareLevel", "LevelImage", "fraction_text"]

_EQUAL_DB = 999.0  # for outputs without any noise


@dataclass(frozen=True, slots=True)
class LevelImage:
    """What a level sees: the part of the model's image at `top`, `left`, in its pixels, scaled to its input."""

    top: int
    left: int
    height: int
    width: int
    input: Value

    @property
    def input_size(self) -> Size:
        """Height and width of the level's input."""
        _, height, width, _ = self.input.type.shape
        return height, width

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the C struct, in its order."""
        return (self.top, self.left, self.height, self.width, *self.input_size, self.input.type.nbytes)

    @staticmethod
    def of(view: View, graph: Graph, whole: Size) -> LevelImage:
        """Return what a level with this view and graph sees of an image of the whole size."""
        return LevelImage(*(view.crop or (0, 0, *whole)), image_input(graph))


@dataclass(frozen=True, slots=True)
class FirmwareLevel:
    """A row of the level table; time and energy where they are known of the target, `image` where levels differ."""

    name: str
    slot: int
    macs: int
    memory: NetworkMemory
    measured: Quality | None
    latency_us: int | None = None
    energy_uj: int | None = None
    image: LevelImage | None = None

    @property
    def suffix(self) -> str:
        """The name as part of a macro."""
        return self.name.replace(".", "_")

    @property
    def slot_offset(self) -> int:
        """Where the level's model starts in the array."""
        return SLOT_BYTES * self.slot

    @property
    def arena_bytes(self) -> int:
        """The arena of this level alone."""
        return self.memory.arena_bytes

    @property
    def quality(self) -> str:
        """The measured figure as a C literal, negative where nothing was measured."""
        if self.measured is None:
            return float_literal(-1.0)
        return float_literal(_EQUAL_DB if self.measured.value is None else max(self.measured.value, 0.0))

    @property
    def quality_text(self) -> str:
        """The measured figure in words."""
        if self.measured is None:
            return "unmeasured"
        return f"{_figure(self.measured)} on {self.measured.samples} samples"


def _figure(measured: Quality) -> str:
    if measured.metric == "sqnr_db":
        return "equal outputs" if measured.value is None else f"SQNR {measured.value:.1f} dB"
    if measured.value is None or measured.interval is None:
        return f"{measured.metric} {measured.value:.4f}"
    return fraction_text(measured.metric, measured.value, measured.interval)


def fraction_text(metric: str, value: float, interval: tuple[float, float]) -> str:
    """Return a fraction with the interval in which it lies with 95 % confidence."""
    return f"{metric} {value:.4f} (95 % confidence: {interval[0]:.4f} to {interval[1]:.4f})"
