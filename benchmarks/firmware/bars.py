"""The bars of the C engine, and what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from redsc.choices import Prefer

from .kernels import Kernel
from .networks import Network

__all__ = ["MEMORY_FUNCTIONS", "Bar", "find_bars"]

MEMORY_FUNCTIONS = {"memcpy", "memmove", "memset"}
_MOST_CONSTANTS = 1.03  # of the weights' bytes and what levels have of their own: per channel, and per call
_SMALL_LEVEL = ("kws_ref_model", "25", 0.35)  # network, level, share of the largest level's instructions
_MOST_OF_CMSIS_NN = 1.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: a number that may be at most `most`."""

    what: str
    found: float
    most: float

    @property
    def is_met(self) -> bool:
        """Whether it is."""
        return self.found <= self.most


def find_bars(networks: Sequence[Network], kernels: Sequence[Kernel]) -> Iterator[Bar]:
    """Yield the bars of what was measured."""
    for network in networks:
        yield from _bars(network)
    for kernel in kernels:
        ratio = kernel.ours.instructions / kernel.theirs.instructions
        yield Bar(f"{kernel.title}: instructions, of CMSIS-NN's", ratio, _MOST_OF_CMSIS_NN)


def _bars(network: Network) -> Iterator[Bar]:
    name, yardstick, levels = network.name, network.yardstick, network.build().levels
    share = levels[0].cost.instructions / yardstick.instructions
    yield Bar(f"{name}: instructions, of TFLM + CMSIS-NN's", share, yardstick.most_share)
    yield Bar(f"{name}: the same, target", share, yardstick.target_share)
    for prefer, most in yardstick.most_ram.items():
        if most is not None:
            ram = network.build(prefer).sizes.ram
            yield Bar(f"{name}: static RAM{' with --prefer ram' * (prefer is Prefer.RAM)}, bytes", ram, most)
    sizes, arrays = network.build().sizes, network.build().array_bytes
    useful = network.weight_bytes + network.channel_bytes + sizes.constants - arrays
    yield Bar(f"{name}: constants, of weights and private bytes", sizes.constants / useful, _MOST_CONSTANTS)
    for level in levels:
        if (name, level.name) == _SMALL_LEVEL[:2]:
            part = level.cost.instructions / levels[0].cost.instructions
            yield Bar(f"{name}: instructions of level {level.name}, of level 100's", part, _SMALL_LEVEL[2])
