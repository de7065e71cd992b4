"""What the user asks for: frozen, checked once, understood everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from redsc.budgets import Budgets, refuse_flags
from redsc.choices import ArrayForm, Calibration, DenseScales, Emit, Importance, Recovery, Recurrent
from redsc.errors import UsageError
from redsc.option_texts import (
    Crop,
    Size,
    largest_first,
    parse_choice,
    parse_crops,
    parse_levels,
    parse_resolutions,
    parse_shapes,
    parse_share,
    parse_states,
)

__all__ = ["Options", "Quantization", "Searching", "Tuning"]

_DEFAULT_WIDTH_MULTIPLE = 4  # what CMSIS-NN's inner loops take at once; it costs 1 to 2.5 points of MACs


@dataclass(frozen=True, slots=True)
class Quantization:
    """How a float model becomes int8; `keep_float` names operators that stay float."""

    enabled: bool = True
    calibration: Calibration = Calibration.PERCENTILE
    dense: DenseScales = DenseScales.AUTO
    keep_float: tuple[str, ...] = ()


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
class Searching:
    """What some selectors ask besides.

    `netadapt`: every step takes at least the share `step` of what is too much. `genetic`: so many networks in each
    of so many generations, drawn with `seed`. `ratios`: the share of channels that goes, of every space or by the
    file.
    """

    step: float = 0.025
    population: int = 64
    generations: int = 60
    seed: int = 0
    ratio: float | None = None
    ratios: Path | None = None

    @staticmethod
    def parse(
        step: str = "2.5%",
        population: int = 64,
        generations: int = 60,
        seed: int = 0,
        ratio: float | None = None,
        ratios: Path | str | None = None,
    ) -> Searching:
        """Return what the flags of these names say.

        Raises:
            UsageError: the step is no percentage above 0.
        """
        share = parse_share(step)
        if not 0 < share <= 1:
            raise UsageError(f"--step {step}: a step takes more than 0 % and at most 100 %", code="U217")
        return Searching(share, population, generations, seed, ratio, _path(ratios))


@dataclass(frozen=True, slots=True)
class Options:
    """Everything a compile depends on besides the model file.

    Levels are named by their ceilings in percent of the model's MACs and kept largest first; without names there is
    one lossless level. `shapes` are for inputs whose sizes an ONNX file leaves open; `int8_io` drops
    the conversions from and to float at the borders of an int8 network.

    `data` calibrate, choose and repair; the levels are measured on `evaluation`, else on a part of `data` that was
    held back. No level that loses more than `max_drop` (a fraction) is emitted. With `protect_full` slot 0 keeps
    its weights, bit for bit. `uses_cache` is whether slow results are kept on disk for the next time.

    `resolutions` are sizes (height, width) of the images of levels: that of a named one, or with None one that any
    level may have. `crops` (top, left, height, width) are the part that a level sees, or with None all levels.
    `states` are inputs that take an output of the inference before, each with that. `signature` names one of
    several networks in a TFLite file.

    With `traces_layers` the report has the SQNR of every layer, which takes time to measure.

    Raises:
        UsageError: a level is no percentage, or the C engine's files cannot have the form.
    """

    budgets: Budgets = Budgets()
    levels: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    plan: Path | None = None
    selector: str = "joint"
    searching: Searching = Searching()
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
    resolutions: tuple[tuple[str | None, Size], ...] = ()
    crops: tuple[tuple[str | None, Crop], ...] = ()
    states: tuple[tuple[str, str], ...] = ()
    traces_layers: bool = False
    signature: str | None = None
    recurrent: Recurrent = Recurrent.OP

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", largest_first(self.levels))
        if self.budgets.kernels.are_ours:
            refuse_flags("c", "tflm", (("array", self.array.value, "hex"),))

    @property
    def cuts(self) -> bool:
        """Whether levels may be cut: they were asked for, planned, or there are data to judge them by."""
        is_asked = self.levels or self.plan or self.resolutions or self.crops
        return bool(is_asked or self.data or self.selector == "ratios")

    @staticmethod
    def parse(
        *,
        ram: str | None = None,
        flash: str | None = None,
        macs: str | None = None,
        latency: str | None = None,
        levels: str | None = None,
        resident: str = "all",
        share: str = "strided",
        cache: str | None = None,
        freeze: Iterable[str] = (),
        resolution: str | None = None,
        crop: Iterable[str] = (),
        plan: Path | str | None = None,
        select: str | None = None,
        ratio: float | None = None,
        ratios: Path | str | None = None,
        step: str = "2.5%",
        population: int = 64,
        generations: int = 60,
        seed: int = 0,
        shape: Iterable[str] = (),
        state: Iterable[str] = (),
        signature: str | None = None,
        recurrent: str = "op",
        target: str | None = None,
        cost_table: Path | str | None = None,
        kernels: str | None = None,
        backend: str = "tflm",
        prefer: str = "speed",
        int8_io: bool = False,
        data: Path | str | None = None,
        importance: str = "auto",
        recover: str = "nested",
        protect_full: bool = False,
        tune: bool = False,
        tune_steps: int = 1500,
        tune_flip: bool = False,
        tune_device: str = "cpu",
        no_cache: bool = False,
        no_quantize: bool = False,
        keep_float: Iterable[str] = (),
        calibration: str = "percentile",
        dense_weights: str = "auto",
        eval: Path | str | None = None,
        max_drop: str | None = None,
        name: str | None = None,
        array: str = "hex",
        emit: str = "files",
    ) -> Options:
        """Return what the flags of `redsc compile` say: each keyword is the flag of its name, in the same words.

        Raises:
            UsageError: a flag does not say what it should, or flags contradict each other.
        """
        if ratio is not None or ratios is not None:
            select = _ratios_alone(select, levels, plan)
        return Options(
            budgets=Budgets.parse(
                ram=ram,
                flash=flash,
                macs=macs,
                latency=latency,
                resident=resident,
                share=share,
                cache=cache,
                target=target,
                cost_table=cost_table,
                kernels=kernels,
                backend=backend,
                prefer=prefer,
            ),
            levels=() if levels is None else parse_levels(levels),
            freeze=tuple(freeze),
            plan=_path(plan),
            selector=select or "joint",
            searching=Searching.parse(step, population, generations, seed, ratio, ratios),
            name=name,
            data=_path(data),
            quantization=Quantization(
                enabled=not no_quantize,
                calibration=parse_choice("calibration", calibration, Calibration),
                dense=parse_choice("dense-weights", dense_weights, DenseScales),
                keep_float=tuple(keep_float),
            ),
            shapes=parse_shapes(shape),
            states=parse_states(state),
            signature=signature,
            recurrent=parse_choice("recurrent", recurrent, Recurrent),
            int8_io=int8_io,
            importance=parse_choice("importance", importance, Importance),
            recovery=parse_choice("recover", recover, Recovery),
            protect_full=protect_full,
            tuning=Tuning(tune_steps, flip=tune_flip, device=tune_device) if tune else None,
            evaluation=_path(eval),
            max_drop=None if max_drop is None else parse_share(max_drop),
            uses_cache=not no_cache,
            array=parse_choice("array", array, ArrayForm),
            emit=parse_choice("emit", emit, Emit),
            resolutions=() if resolution is None else parse_resolutions(resolution),
            crops=parse_crops(crop),
        )


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)


def _ratios_alone(select: str | None, levels: str | None, plan: Path | str | None) -> str:
    """Return the selector that ratios ask for, where nothing else asks for another one."""
    if select not in (None, "ratios") or levels is not None or plan is not None:
        message = "--ratio and --ratios make one level, without --select, --levels and --plan"
        raise UsageError(message, code="U226", hint="`redsc compare` puts ratios beside other selectors")
    return "ratios"
