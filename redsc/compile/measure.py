"""What levels and their cascade are worth, on data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from redsc.compile.choice import Choice
from redsc.errors import BudgetError, Diagnostic, UsageError
from redsc.ir import keeps_state
from redsc.options import Options
from redsc.progress import Progress
from redsc.runtime.data.dataset import DataSet, load_data
from redsc.runtime.evaluate.cascade import Cascade, fit_cascade, has_margin, least_samples, read_answers
from redsc.runtime.evaluate.quality import Quality, measure_levels
from redsc.runtime.evaluate.task import Task, find_task

__all__ = ["cascade_of", "measure_quality"]


def measure_quality(
    choice: Choice, options: Options, progress: Progress
) -> tuple[Choice, Sequence[Quality | None], list[Diagnostic]]:
    """Return the quality of every level, without the levels that lose more than they may, and what to say of it.

    They are measured on the evaluation file; without one on the samples that recovery held back.

    Raises:
        UsageError: a bound on the loss without data.
        BudgetError: slot 0 itself loses more.
    """
    levels = choice.levels
    data = _measured_on(choice, options)
    if data is None:
        if options.max_drop is not None:
            raise UsageError("--max-drop needs data", code="U218", hint="give --data, or --eval")
        return choice, [None] * len(levels.networks), []
    progress("measuring the levels")
    quality = measure_levels(choice.model.graph, levels.graphs, data, levels.views)
    doubts = list(_doubts(quality[0], data))
    if options.max_drop is None:
        return choice, quality, doubts
    lost = [inf if item.loss is None and item.value is None else item.loss or 0.0 for item in quality]
    allowed = f"--max-drop allows {_points(options.max_drop)}"
    if lost[0] > options.max_drop:
        message = f"level {levels.names[0]} loses {_points(lost[0])}, {allowed}"
        raise BudgetError(message, code="R505", hint="--protect-full keeps the whole network as it is")
    stays = [slot for slot, loss in enumerate(lost) if loss <= options.max_drop]
    notes = [
        Diagnostic("L110", f"level {levels.names[slot]} is left out: it loses {_points(loss)}, {allowed}")
        for slot, loss in enumerate(lost)
        if slot not in stays
    ]
    return (
        replace(choice, levels=levels.only(stays, options.budgets)),
        [quality[slot] for slot in stays],
        doubts + notes,
    )


def _doubts(quality: Quality, data: DataSet) -> Iterator[Diagnostic]:
    """Yield a warning where the model file itself answers no better than its most frequent label alone would."""
    if data.labels is None or quality.metric != "accuracy":
        return
    assert quality.value is not None
    assert quality.loss is not None
    counts = np.unique(data.labels, return_counts=True)[1]
    found, guessed = quality.value + quality.loss, counts.max() / len(data.labels)
    if found <= guessed:
        message = f"the model file hits {found:.1%} of the labels; one label for all would hit {guessed:.1%}"
        hint = "check the order of the labels, and that samples are scaled and laid out as in training"
        yield Diagnostic("L109", message, hint=hint)


def cascade_of(choice: Choice, options: Options, progress: Progress) -> tuple[Cascade | None, list[Diagnostic]]:
    """Return the cascade of a classifier's levels, None without data or where none pays, and why.

    It is fitted on `--data` and measured on `--eval`; where there is only one of them, on its held-back part.
    """
    levels, data = choice.levels, choice.data
    held = None if options.evaluation is None else load_data(options.evaluation, choice.model)
    known = data or held
    if known is None or len(levels.graphs) == 1:
        return None, []
    data, held = (data, held) if data and held else known.split()
    if find_task(choice.model.graph, data.labels is not None or held.labels is not None) is not Task.CLASSIFY:
        return None, []
    if keeps_state(choice.model.graph):
        return None, [Diagnostic("L111", "no cascade: a second level would step the state of the network again")]
    if not all(has_margin(graph) for graph in levels.graphs):
        return None, [Diagnostic("L111", "no cascade: the output is not int8", hint="--int8-io makes it int8")]
    if len(data.samples) < least_samples():
        needs = f"no cascade: thresholds need {least_samples()} samples, {len(data.samples)} are given to fit them"
        return None, [Diagnostic("L111", needs, hint="give more samples with --data, and others with --eval")]
    progress("fitting the cascade")
    calibration, measured = (read_answers(levels.graphs, part, levels.views) for part in (data, held))
    found = fit_cascade(calibration, measured, [network.macs for network in levels.networks])
    return found, [] if found else [Diagnostic("L111", "no cascade: none is cheaper than the largest level")]


def _measured_on(choice: Choice, options: Options) -> DataSet | None:
    if options.evaluation is not None:
        return load_data(options.evaluation, choice.model)
    is_fitted = choice.weights is not None and any(own.constants or own.scales for own in choice.weights.levels)
    return choice.study.held if choice.study is not None and is_fitted else choice.data


def _points(share: float) -> str:
    return f"{100 * share:.2f} points"
