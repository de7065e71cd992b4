"""What the levels may take, and what runs them: bounds for RAM, flash, MACs and time, kernels and backend."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from redsc.choices import TFLM_KERNELS, Backend, FlashCache, Kernels, Prefer, Resident, Sharing
from redsc.errors import UsageError
from redsc.option_texts import parse_choice
from redsc.targets import Target, find_target, with_table
from redsc.units import parse_count, parse_size, parse_time

__all__ = ["Budgets", "Source", "refuse_flags"]


class Source(Enum):
    """Where a bound or a choice is from."""

    FLAG = "flag"
    TARGET = "target"
    DEFAULT = "default"


_ENGINES = {Prefer.SPEED: Kernels.ENGINE, Prefer.RAM: Kernels.ENGINE_SMALL}
_LIBRARIES = {kernels.value: kernels for kernels in TFLM_KERNELS}  # of other libraries nothing is assumed: SAFE


@dataclass(frozen=True, slots=True)
class Budgets:
    """Upper bounds, None where there is none, and what they depend on.

    The texts are sizes as they were given, or the target that has them. Time and energy are counted for `target`
    (`redsc.cost.latency`). RAM and flash depend on `kernels` and `sharing`. `sources` says of what a target may
    have given where it is from, by the names of the fields.
    """

    ram_bytes: int | None = None
    flash_bytes: int | None = None
    macs: int | None = None
    resident: Resident = Resident.ALL
    ram_text: str | None = None
    flash_text: str | None = None
    kernels: Kernels = Kernels.SAFE
    latency_us: int | None = None
    target: Target | None = None
    sharing: Sharing = Sharing.STRIDED
    cache: FlashCache = FlashCache.NONE
    sources: Mapping[str, Source] = field(default_factory=dict, compare=False)

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
        kernels: str | None = None,
        latency: str | None = None,
        target: str | None = None,
        share: str = "strided",
        backend: str = "tflm",
        prefer: str = "speed",
        cache: str | None = None,
        cost_table: Path | str | None = None,
    ) -> Budgets:
        """Return budgets from texts like `200KB`, `2.5M` and `50ms`.

        What is not given is the target's, without one there is no bound, no cache, and any of TFLM's kernels.

        Raises:
            UsageError: a text is no size, count or choice, is for another backend, or names no target.
        """
        runs, buffers = parse_choice("backend", backend, Backend), parse_choice("prefer", prefer, Prefer)
        library = None if kernels is None else parse_choice("kernels", kernels, TFLM_KERNELS)
        is_engine = runs is Backend.C
        if is_engine:
            others = (("kernels", kernels, "safe"), ("share", share, "strided"), ("resident", resident, "all"))
            refuse_flags("c", "tflm", others)
        else:
            refuse_flags("tflm", "c", (("prefer", prefer, "speed"), ("cache", cache, "none")))
        board = None if target is None else find_target(target)
        if cost_table is not None:
            board = with_table(_required(board), Path(cost_table))
        flags = Budgets(
            ram_bytes=None if ram is None else parse_size(ram),
            flash_bytes=None if flash is None else parse_size(flash),
            macs=None if macs is None else parse_count(macs),
            resident=parse_choice("resident", resident, Resident),
            ram_text=ram,
            flash_text=flash,
            kernels=_ENGINES[buffers] if is_engine else library or Kernels.SAFE,
            latency_us=None if latency is None else parse_time(latency),
            target=board,
            sharing=parse_choice("share", share, Sharing),
            cache=parse_choice("cache", cache or "none", FlashCache),
        )
        chosen = {
            "ram_bytes": ram,
            "flash_bytes": flash,
            "kernels": backend if is_engine else kernels,
            "cache": cache,
        }
        return _filled(flags, {name for name, text in chosen.items() if text is not None})


def _required(target: Target | None) -> Target:
    if target is None:
        hint = "write --target: its clock makes time of cycles"
        raise UsageError("--cost-table needs a target", code="U219", hint=hint)
    return target


def _filled(flags: Budgets, given: Collection[str]) -> Budgets:
    """Return budgets in which the target stands for what was not given, and which say where all that is from."""
    target = flags.target
    offers = {} if target is None else _offers(target, flags.kernels)
    filled = {name: value for name, value in offers.items() if value is not None and name not in given}
    sources = {name: Source.TARGET if name in filled else Source.DEFAULT for name in _MAY_BE_TARGETS}
    sources |= dict.fromkeys(given, Source.FLAG)
    if target is not None:
        filled |= {text: f"of {target.name}" for name, text in _TEXTS.items() if name in filled}
    return replace(flags, **filled, sources=sources)


def _offers(target: Target, kernels: Kernels) -> dict[str, Any]:
    own = {"cache": target.cache} if kernels.are_ours else {"kernels": _LIBRARIES.get(target.library)}
    return {"ram_bytes": target.ram_bytes, "flash_bytes": target.flash_bytes, **own}


_MAY_BE_TARGETS = ("ram_bytes", "flash_bytes", "kernels", "cache")
_TEXTS = {"ram_bytes": "ram_text", "flash_bytes": "flash_text"}


def refuse_flags(backend: str, other: str, flags: Iterable[tuple[str, str | None, str]]) -> None:
    """Refuse flags that mean nothing to a backend, where they are given and not as by default."""
    for flag, text, default in flags:
        if text not in (None, default):
            message = f"--{flag} {text} means nothing to --backend {backend}"
            raise UsageError(message, code="U220", hint=f"it is for --backend {other}")
