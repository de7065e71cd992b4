"""The log of a bench firmware, and the cost table that it makes. docs/targets.md has the form of both."""

from __future__ import annotations

import errno
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from redsc.cost.latency.shape import FORM
from redsc.cost.latency.table import OTHER
from redsc.errors import Diagnostic, UsageError
from redsc.files import read_file
from redsc.ir import ENGINE_OPS, OPS
from redsc.limits import DEFAULT_LIMITS
from redsc.targets.grid import Channels

__all__ = ["LOG_VERSION", "BenchLog", "Layer", "read_logs", "table_text"]

LOG_VERSION = 1
_MOST_LINE = 4096
_MARK = "redsc-bench "
_HEADER = re.compile(r"begin (\d{1,9}) (\S{1,80}) (\S{1,80}) (\S{1,80}) (\d{1,9})")
_N = r"\d{1,12}"
_ENTRY = re.compile(rf"({FORM}) ({_N}) ({_N}) macs ({_N}) results ({_N}) cycles((?: {_N})+)")
_END = " ."  # of a line that is whole
_MADS = 3 * 1.4826  # so many median deviations are three standard deviations, if these are normal
_NOISE = 0.01  # runs that differ by no more than this share are no outliers
_DIP = 0.01  # a wider layer may seem faster by this share
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Layer:
    """A form with channels (`redsc.cost.latency.shape`), and its work: MACs, elements of its results."""

    form: str
    channels: Channels
    macs: int = field(compare=False)
    results: int = field(compare=False)

    @property
    def key(self) -> tuple[str, Channels]:
        """What tells it from others."""
        return self.form, self.channels


@dataclass(frozen=True, slots=True)
class BenchLog:
    """What logs say: target, its core and the kernel library, and the cycles of every run of a layer.

    `count` is how many layers the programs had that wrote them.
    """

    target: str
    core: str
    library: str
    count: int
    runs: Mapping[Layer, tuple[int, ...]]

    def cycles(self) -> dict[Layer, float]:
        """Return the median of what each layer took, without outliers."""
        return {layer: median(_kept(found)) for layer, found in self.runs.items()}

    def notes(self) -> Iterator[Diagnostic]:
        """Yield what the user should know: runs left out, layers that are missing, wide ones that are fast."""
        dropped = sum(len(found) - len(_kept(found)) for found in self.runs.values())
        if dropped:
            total = sum(map(len, self.runs.values()))
            yield Diagnostic("L130", f"{dropped} of {total} runs are outliers and left out")
        if len(self.runs) < self.count:
            message = f"{self.count - len(self.runs)} of {self.count} layers are missing"
            yield Diagnostic(
                "L131", message, hint="redsc measure MODEL --emit DIR --resume LOG measures only these"
            )
        if dips := list(self.dips()):
            shown = (*dips[:_SHOWN], *([f"and {len(dips) - _SHOWN} more"] if len(dips) > _SHOWN else []))
            message = f"{len(dips)} layers are faster than narrower ones by more than {100 * _DIP:g} %"
            hint = "they are kept: kernels like some widths; if the board was busy, measure them again"
            yield Diagnostic("L132", message, shown, hint)

    def dips(self) -> Iterator[str]:
        """Yield where one more step of the grid along an axis makes a layer faster."""
        for form, points in _by_form(self.cycles()).items():
            for narrow, wide in _steps(points):
                if points[wide] < points[narrow] * (1 - _DIP):
                    yield f"{form} {wide}: {points[wide]:,.0f} cycles, {narrow}: {points[narrow]:,.0f}"


def read_logs(paths: Iterable[Path]) -> BenchLog:
    """Return what logs say together; a line that was cut off counts as not there, other text is passed over.

    Raises:
        UsageError: a log cannot be read, a line is wrong, or the logs are of different programs.
    """
    headers, runs = dict[tuple[str, ...], int](), dict[Layer, tuple[int, ...]]()
    for path in paths:
        for number, line in enumerate(_read(path).splitlines(), 1):
            _, mark, text = line.rpartition(_MARK)
            if not mark or not text.rstrip().endswith(_END):
                continue
            text = text.rstrip().removesuffix(_END)
            if header := _HEADER.fullmatch(text):
                version, *facts, count = header.groups()
                if int(version) != LOG_VERSION:
                    raise _wrong(path, number, f"its version is {version}, this redsc reads {LOG_VERSION}")
                headers[tuple(facts)] = max(headers.get(tuple(facts), 0), int(count))
                continue
            layer, cycles = _entry(text, path, number)
            runs[layer] = (*runs.get(layer, ()), *cycles)
    if len(headers) != 1 or not runs:
        what = "are of different targets or kernels" if len(headers) > 1 else "lack their first line, or all others"
        hint = "a log has the lines that begin with `redsc-bench`, all of them as they were printed"
        raise UsageError(f"the logs {what}", code="U232", evidence=map(" ".join, headers), hint=hint)
    (((target, core, library), count),) = headers.items()
    return BenchLog(target, core, library, count, runs)


def _read(path: Path) -> str:
    try:
        return read_file(path, DEFAULT_LIMITS.log_bytes).decode("ascii", "replace")
    except OSError as error:
        hint = "keep its redsc-bench lines" if error.errno == errno.EFBIG else None
        raise UsageError(f"cannot read {path}: {error.strerror}", code="U232", hint=hint) from error


def _entry(text: str, path: Path, number: int) -> tuple[Layer, tuple[int, ...]]:
    found = _ENTRY.fullmatch(text) if len(text) <= _MOST_LINE else None
    if found is None:
        raise _wrong(path, number, f"it is no measurement: {text[:80]!r}")
    form, first, second, macs, results, cycles = found.groups()
    op = form.partition(":")[0]
    if op not in OPS and op not in ENGINE_OPS:
        raise _wrong(path, number, f"there is no operator {op[:80]!r}")
    if not int(first) or not int(second):
        raise _wrong(path, number, "a layer has no channels")
    return Layer(form, (int(first), int(second)), int(macs), int(results)), tuple(map(int, cycles.split()))


def _wrong(path: Path, number: int, why: str) -> UsageError:
    hint = "delete the line; redsc measure --resume then asks for what is missing"
    return UsageError(f"{path.name}, line {number}: {why}", code="U232", hint=hint)


def _kept(runs: Iterable[int]) -> list[int]:
    """Return runs without outliers: those that are far from the median, by the median deviation from it (MAD)."""
    runs = list(runs)
    middle = median(runs)
    far = max(_MADS * median(abs(run - middle) for run in runs), _NOISE * middle)
    return [run for run in runs if abs(run - middle) <= far] or runs


def _by_form(cycles: Mapping[Layer, float]) -> dict[str, dict[Channels, float]]:
    found = defaultdict[str, dict[Channels, float]](dict)
    for layer in sorted(cycles, key=lambda layer: layer.key):
        found[layer.form][layer.channels] = cycles[layer]
    return dict(found)


def _steps(points: Iterable[Channels]) -> Iterator[tuple[Channels, Channels]]:
    """Yield pairs of neighbours of which the second is wider, in one number or in both."""
    points = sorted(points)
    for narrow in points:
        wider = [wide for wide in points if wide != narrow and wide[0] >= narrow[0] and wide[1] >= narrow[1]]
        ranks = {_changed(narrow, wide): wide for wide in reversed(wider)}
        yield from ((narrow, wide) for wide in ranks.values())


def _changed(narrow: Channels, wide: Channels) -> tuple[bool, bool]:
    return wide[0] != narrow[0], wide[1] != narrow[1]


def table_text(log: BenchLog) -> str:
    """Return the cost table of a log as JSON: the layers, and rates for what was not measured.

    Rates are all cycles of an operator by all its MACs, without these by all elements of its results.
    """
    cycles = log.cycles()
    least = min(map(len, log.runs.values()))
    source = f"{len(cycles)} layers on {log.target}, each the median of {least} runs or more"
    facts = {
        "core": log.core,
        "library": log.library,
        "evidence": "measured",
        "source": source,
        "board": log.target,
        "cycles": _rates(cycles),
    }
    head = json.dumps(facts, indent=1)[:-2]
    forms = (
        f"  {json.dumps(form)}: {json.dumps([[*channels, count] for channels, count in points.items()])}"
        for form, points in _by_form(cycles).items()
    )
    return f'{head},\n "layers": {{\n' + ",\n".join(forms) + "\n }\n}\n"


def _rates(cycles: Mapping[Layer, float]) -> dict[str, dict[str, float]]:
    by_op = defaultdict[str, list[Layer]](list)
    for layer in sorted(cycles, key=lambda layer: layer.key):
        by_op[layer.form.partition(":")[0]].append(layer)
    rates = {op: _rate(layers, cycles) for op, layers in by_op.items()}
    return {**rates, OTHER: _rate([layer for layer in cycles if layer.macs] or list(cycles), cycles)}


def _rate(layers: Iterable[Layer], cycles: Mapping[Layer, float]) -> dict[str, float]:
    layers = list(layers)
    macs, results = sum(layer.macs for layer in layers), sum(layer.results for layer in layers)
    kind, work = ("macs", macs) if macs else ("results", results)
    return {kind: round(sum(cycles[layer] for layer in layers) / max(work, 1), 3)}
