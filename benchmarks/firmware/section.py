"""The section of docs/results.md about the C engine: tables in Markdown, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from redsc.choices import Prefer

from .bars import MEMORY_FUNCTIONS, Bar, find_bars
from .cmsis_nn import PACKAGE
from .kernels import Kernel
from .machine import MACHINE_FLAGS, Cost
from .networks import Network
from .templates import fill

__all__ = ["Results", "problems", "render_section", "replace_section"]

_HEADING = "## The C engine\n"
_NEXT = "\n## "


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured; `tools` are compiler and emulator, `no_cycles` says why there are no cycles."""

    networks: Sequence[Network]
    kernels: Sequence[Kernel]
    samples: int
    flags: Sequence[str]
    tools: str
    no_cycles: str

    @property
    def bars(self) -> list[Bar]:
        """The bars of what was measured."""
        return list(find_bars(self.networks, self.kernels))


def problems(results: Results) -> list[str]:
    """Return what is wrong, not slow: other outputs than TFLM's, functions that the engine must not need."""
    found = [f"{kernel.title}: not TFLM's output" for kernel in results.kernels if kernel.wrong]
    for network in results.networks:
        for build in network.builds:
            title = f"{network.name} --prefer {build.prefer.value} {build.flag}"
            if build.wrong:
                found.append(f"{title}: {build.wrong} levels have not TFLM's outputs")
            if extra := set(build.sizes.missing) - MEMORY_FUNCTIONS:
                found.append(f"{title}: needs {', '.join(sorted(extra))}")
    return found


def render_section(results: Results) -> str:
    """Return the section, from its heading to the line before the next one."""
    used = {name for network in results.networks for build in network.builds for name in build.sizes.missing}
    return fill(
        "section.md.j2",
        results=results,
        machine_flags=" ".join(MACHINE_FLAGS),
        package=PACKAGE,
        speed=Prefer.SPEED,
        ram=Prefer.RAM,
        used=" and ".join(sorted(used)),
        miscount=max((build.miscount for network in results.networks for build in network.builds), default=0),
        switching=max((build.switching for network in results.networks for build in network.builds), default=0),
        number=_number,
        share=_share,
        cycles=_cycles,
        cycle_share=_cycle_share,
    )


def replace_section(page: Path, section: str, heading: str = _HEADING) -> None:
    """Put a section in the place of the one with its heading.

    Raises:
        ValueError: the page has no such heading.
    """
    before, there, rest = page.read_text().partition(heading)
    if not there:
        raise ValueError(f"{page.name} has no heading {heading.strip()!r}")
    _, found, after = rest.partition(_NEXT)
    page.write_text(before + section.rstrip("\n") + "\n" + found + after)


def _number(count: float) -> str:
    return f"{count:,}" if isinstance(count, int) else f"{count:.3f}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.2f}"


def _cycles(cost: Cost) -> str:
    return "-" if cost.cycles is None else f"{cost.cycles:,}"


def _cycle_share(part: Cost, whole: Cost) -> str:
    return "-" if part.cycles is None or whole.cycles is None else f"{part.cycles / whole.cycles:.2f}"
