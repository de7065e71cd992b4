"""What the C files show: the frozen facts that the templates render."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from redsc.budgets import Budgets
from redsc.choices import Kernels
from redsc.codegen.level import FirmwareLevel, LevelImage, fraction_text
from redsc.codegen.names import c_comment, c_macro
from redsc.codegen.tflm_ops import custom_registrations, resolver_methods
from redsc.cost.latency import LatencyTable, find_latency_table
from redsc.cost.memory import resident_all_bytes, resident_bytes, resident_one_bytes
from redsc.engine.numbers import C_TYPES, float_literal
from redsc.formats import Model
from redsc.formats.model import Port
from redsc.ir import Graph, Value, state_reads
from redsc.passes.levels import Levels
from redsc.passes.slice.resize_inputs import image_size
from redsc.runtime.data.view import WHOLE, Size
from redsc.runtime.evaluate.cascade import Cascade
from redsc.runtime.evaluate.quality import Quality

__all__ = ["CascadeRow", "Firmware", "FirmwarePort", "describe_firmware"]

_KERNELS = {
    Kernels.SAFE: "any kernels; sizes are those of TFLM's own, others may ask for scratch on top",
    Kernels.REFERENCE: "TFLM's reference kernels, and for no others",
    Kernels.CMSIS_NN: "TFLM with CMSIS-NN, and for no others",
}


@dataclass(frozen=True, slots=True)
class FirmwarePort:
    """A graph input or output; `role` is `input` or `output`."""

    symbol: str
    role: str
    index: int
    value: Value
    port: Port

    @property
    def prefix(self) -> str:
        """How each macro of the port begins."""
        return f"{c_macro(self.symbol)}_{self.role.upper()}{self.index}"

    @property
    def comment(self) -> str:
        """Name, type and layout."""
        kind = self.value.type
        moved = f"{self.port.layout} in place of the file's {list(self.port.source_shape)}"
        layout = moved if self.port.layout == "NHWC" else "as in the file"
        return f'"{c_comment(self.value.name)}": {kind.dtype.value}{list(kind.shape)}, {layout}'

    @property
    def c_type(self) -> str:
        """The C type of an element."""
        return C_TYPES[self.value.type.dtype]

    @property
    def scale(self) -> str | None:
        """The scale of quantised elements as a C literal."""
        quant = self.value.type.quant
        return None if quant is None else float_literal(quant.scale)


@dataclass(frozen=True, slots=True)
class CascadeRow:
    """After a level: with a margin below the threshold run the next one."""

    threshold: int
    next: FirmwareLevel


@dataclass(frozen=True, slots=True)
class Firmware:
    """Everything the templates show.

    `symbol` is the prefix of each C name and file; a cascade where one pays. `variables` are those that keep state,
    the same ones in every level. `latency` is what time and energy are estimated by.
    `image_size` is that of the model's image, where levels see different ones.
    """

    symbol: str
    sha256: str
    model: bytes
    levels: tuple[FirmwareLevel, ...]
    ports: tuple[FirmwarePort, ...]
    ops: tuple[str, ...]
    custom_ops: tuple[str, ...]
    budgets: Budgets
    cascade: Cascade | None = None
    variables: int = 0
    latency: LatencyTable | None = None
    image_size: Size | None = None

    @property
    def resident_all_bytes(self) -> int:
        """The arena with every level ready."""
        return resident_all_bytes([level.memory for level in self.levels])

    @property
    def resident_one_bytes(self) -> int:
        """The arena with one level at a time."""
        return resident_one_bytes([level.memory for level in self.levels])

    @property
    def engine_arena_bytes(self) -> int:
        """The C engine's arena, in which every level runs."""
        return max(level.memory.head_bytes for level in self.levels)

    @property
    def arena_bytes(self) -> int:
        """The arena that was asked for."""
        return resident_bytes([level.memory for level in self.levels], self.budgets.resident)

    @property
    def registrations(self) -> list[str]:
        """C++ expressions that register every op, true where there is room."""
        return [
            *(f"resolver.{op}() == 0" for op in self.ops),
            *(f"{op}(resolver) == 0" for op in self.custom_ops),
        ]

    @property
    def kernels_text(self) -> str:
        """With which kernels the arena plan may be used."""
        return _KERNELS[self.budgets.kernels]

    @property
    def level_arenas(self) -> list[int]:
        """The arenas, by slot, in which a level and any smaller one run: a budget for one is enough for the others.

        A smaller level takes more itself only where its plan is further from the optimum.
        """
        smallest_first = accumulate((level.arena_bytes for level in reversed(self.levels)), max)
        return list(smallest_first)[::-1]

    @property
    def estimates(self) -> dict[str, str]:
        """What is estimated of a level and how well: members of its row in C and of a budget, with comments."""
        if self.latency is None:
            return {}
        known = {"latency_us": self.latency.evidence}
        if self.latency.knows_energy:
            known["energy_uj"] = self.latency.energy_evidence
        name = c_comment(self.latency.name)
        return {member: f"{text.replace('±', '+-')} for {name}" for member, text in known.items()}

    @property
    def has_images(self) -> bool:
        """Whether levels see different images."""
        return any(level.image for level in self.levels)

    def is_image(self, port: FirmwarePort) -> bool:
        """Whether a port is the input that has a size of its own in every level."""
        image = self.levels[0].image
        return image is not None and port.value is image.input

    @property
    def cascade_rows(self) -> list[CascadeRow]:
        """What to do after each level, by slot; one outside the cascade is the last where it is run."""
        steps = () if self.cascade is None else self.cascade.steps
        follows = {step.slot: (step.threshold, after.slot) for step, after in pairwise(steps)}
        after = [follows.get(level.slot, (0, level.slot)) for level in self.levels]
        return [CascadeRow(threshold, self.levels[slot]) for threshold, slot in after]

    @property
    def cascade_first(self) -> FirmwareLevel:
        """The level that begins the cascade, slot 0 without one."""
        return self.levels[self.cascade.steps[0].slot if self.cascade else 0]

    @property
    def cascade_text(self) -> str:
        """What was measured of the cascade, in words."""
        if self.cascade is None:
            return "none"
        found = self.cascade.measured
        metric = f"agreement with level {self.levels[0].name}" if found.metric == "agreement" else found.metric
        figure = fraction_text(metric, found.value, found.interval)
        return f"{found.macs} MACs on average, {figure} on {found.samples} samples"


def describe_firmware(
    symbol: str,
    model: Model,
    levels: Levels,
    slots: Sequence[Graph],
    container: bytes,
    quality: Sequence[Quality | None],
    budgets: Budgets,
    cascade: Cascade | None = None,
) -> Firmware:
    """Return the facts of one compile, for the templates."""
    table = find_latency_table(budgets)
    costs = [
        (table.microseconds(graph), table.microjoules(graph)) if table else (None, None) for graph in levels.graphs
    ]
    first = levels.graphs[0]
    size = None if all(view == WHOLE for view in levels.views) else image_size(model.graph)
    images = [
        None if size is None else LevelImage.of(view, graph, size)
        for view, graph in zip(levels.views, levels.graphs, strict=True)
    ]
    rows = zip(levels.names, levels.networks, quality, costs, images, strict=True)
    inputs = zip(first.inputs, model.inputs, strict=True)
    outputs = zip(first.outputs, model.outputs, strict=True)
    return Firmware(
        symbol=symbol,
        sha256=model.sha256,
        model=container,
        levels=tuple(
            FirmwareLevel(name, slot, network.macs, network.memory, measured, time, energy, image)
            for slot, (name, network, measured, (time, energy), image) in enumerate(rows)
        ),
        ports=(
            *(FirmwarePort(symbol, "input", index, *pair) for index, pair in enumerate(inputs)),
            *(FirmwarePort(symbol, "output", index, *pair) for index, pair in enumerate(outputs)),
        ),
        ops=tuple(resolver_methods(slots)),
        custom_ops=tuple(custom_registrations(slots)),
        budgets=budgets,
        cascade=cascade,
        variables=len(state_reads(first)),
        latency=table,
        image_size=size,
    )
