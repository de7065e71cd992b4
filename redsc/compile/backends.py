"""What is made of the levels: a container for TensorFlow Lite Micro, or C that needs no interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from redsc.budgets import Budgets
from redsc.choices import Emit, Sharing
from redsc.codegen.arduino import arduino_files
from redsc.codegen.c_files import render_c_files
from redsc.codegen.container import Container, build_container
from redsc.codegen.describe import Firmware
from redsc.codegen.engine_files import lower_levels, render_engine
from redsc.codegen.engine_oracle import verify_engine
from redsc.codegen.firmware import tflm_files
from redsc.codegen.oracles import Verification, verify_slots
from redsc.compile.choice import Choice
from redsc.cost.flash import kernel_bytes
from redsc.engine.size import engine_size
from redsc.formats import write_models
from redsc.ir import Graph
from redsc.options import Options
from redsc.passes.levels import Levels
from redsc.passes.slice.strided import as_stock, slot_graphs
from redsc.progress import Progress
from redsc.report.data import FlashReport

__all__ = ["Backend", "Built", "backend_of"]

Describe = Callable[[Sequence[Graph], bytes], Firmware]
"""From the graphs of the slots and the container to the facts of the C files."""


@dataclass(frozen=True, slots=True)
class Built:
    """Files by name, what the oracles said of them, and where their flash goes.

    `private_bytes` has a number per level: what it reads and no larger one.
    """

    files: Mapping[str, bytes]
    verification: tuple[Verification, ...]
    flash: FlashReport
    private_bytes: tuple[int, ...]


Backend = Callable[[str, Choice, Describe, Options, Progress], Built]


def backend_of(budgets: Budgets) -> Backend:
    """Return the backend that the budgets are for."""
    return _build_engine if budgets.kernels.are_ours else _build_container


def _build_container(name: str, choice: Choice, describe: Describe, options: Options, progress: Progress) -> Built:
    levels, slots = choice.levels, choice.levels.slots
    memory = [network.memory for network in levels.networks]
    progress("writing the container")
    container = build_container(slots, memory)
    progress("asking the runtimes")
    offsets = [item.offsets for item in memory]
    verification = tuple(verify_slots(levels.names, slots, offsets, container.data))
    progress("rendering the files")
    firmware = describe(slots, container.data)
    files = {
        f"{name}.tflite": container.data,
        **render_c_files(firmware, options.array),
        **(tflm_files() if firmware.custom_ops else {}),
        **(arduino_files(firmware) if options.emit is Emit.ARDUINO else {}),
    }
    flash = FlashReport(
        len(container.data),
        container.shared_weight_bytes,
        sum(container.private_bytes),
        kernel_bytes(slots),
        _sizes(levels, container, options.budgets.sharing),
    )
    return Built(files, verification, flash, container.private_bytes)


def _build_engine(name: str, choice: Choice, describe: Describe, options: Options, progress: Progress) -> Built:
    """The container is for tools: it is no part of the firmware, and has no arena plan."""
    levels = choice.levels
    progress("writing the levels")
    memory = [network.memory for network in levels.networks]
    size = engine_size(levels.graphs, options.budgets.kernels)
    programs = lower_levels(levels.graphs, memory, options.budgets.kernels, choice.blocks)
    slots = slot_graphs(list(map(as_stock, levels.graphs)), Sharing.STRIDED)
    container = build_container(slots, [replace(item, offsets={}) for item in memory])
    firmware = describe(slots, container.data)
    made = render_engine(firmware, programs)
    progress("asking the runtimes")
    verification = (
        *verify_slots(levels.names, slots, None, container.data),
        *verify_engine(firmware.symbol, made.files, levels.names, levels.graphs),
    )
    flash = FlashReport(size.constants + size.params, made.shared_bytes, sum(made.private_bytes), size.code, {})
    sketch = arduino_files(firmware) if options.emit is Emit.ARDUINO else {}
    return Built(
        {f"{name}.tflite": container.data, **made.files, **sketch}, verification, flash, made.private_bytes
    )


def _sizes(levels: Levels, container: Container, sharing: Sharing) -> dict[str, int]:
    """Return the bytes of a container of these levels for every way of sharing, of which there is one already."""
    offsets = [network.memory.offsets for network in levels.networks]
    others = {way: slot_graphs(levels.graphs, way) for way in Sharing if way is not sharing}
    sizes = {way.value: len(write_models(slots, offsets)) for way, slots in others.items()}
    return {sharing.value: len(container.data), **sizes}
