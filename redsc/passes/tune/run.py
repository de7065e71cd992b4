"""One run of tuning: every step all levels learn, and the best weights on held-back data are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from redsc.errors import UnsupportedError
from redsc.formats import write_tflite
from redsc.ir import Graph
from redsc.options import Tuning
from redsc.passes.losses.study import Study
from redsc.passes.slice.nested import LevelSet, NestedWeights, build_level
from redsc.passes.tune.batches import Batch, Batches, columns
from redsc.passes.tune.heads import find_heads
from redsc.passes.tune.lesson import Lesson
from redsc.passes.tune.network import LevelNetwork
from redsc.passes.tune.optimizer import State, learning_share
from redsc.passes.tune.parameters import Parameters, find_parameters
from redsc.passes.tune.pytorch import deterministic, require_torch
from redsc.runtime.evaluate.task import Task
from redsc.store import Store

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TuneProgress", "tune"]

_METHOD = 2  # goes up when the same inputs get other weights
_SAVE_SECONDS = 30.0
_CHECKS, _LEAST_PERIOD = 40, 25  # measurements on held-back data in a run, and steps between two of them
_PATIENCE = 20  # measurements without a better one: half a run
_MOST_AT_ONCE = 4  # levels that learn from one batch


@dataclass(frozen=True, slots=True)
class TuneProgress:
    """Where a run stands after `step` of `steps`.

    By slot: `losses` of its last batch, and `held` on held-back data at the last measurement. `best_step` is the
    step whose weights are the best so far; 0 means those that tuning began with.
    """

    step: int
    steps: int
    losses: Mapping[int, float]
    held: Mapping[int, float]
    best_step: int


def _silent(_progress: TuneProgress) -> None: ...


def tune(
    levels: LevelSet,
    weights: NestedWeights,
    study: Study,
    tuning: Tuning,
    *,
    protect_full: bool = False,
    progress: Callable[[TuneProgress], None] = _silent,
) -> NestedWeights:
    """Return weights with which all levels are better on held-back data, or the given ones.

    Every step all levels learn from one batch, or of more than four the first, the last and two others. Adam with a
    rate of its own for every array, a moving average of the weights, and the seed, the steps and the batches of
    `tuning`. The average is measured on held-back samples at every fortieth of the run: the one with the least sum
    of losses is kept, if no level but slot 0 is worse than at the start. A run that finds no better one for half
    its length stops.

    The study's store keeps the state of a run every 30 s, when `progress` raises, and at its end: the same call
    goes on from there. The same inputs give the same bits on one machine, stopped in between or not.

    Args:
        levels: the permuted network, float, and its levels.
        weights: where to begin. Constants and factors that a level has not, it does not get.
        study: the teacher, with the inputs of `levels.graph`; the samples, maybe with labels: class numbers for the
            first output; and its task, which says what outputs hold that no SOFTMAX, LOG_SOFTMAX or LOGISTIC makes:
            logits or quantities.
        tuning: steps, batch, learning rate, seed, mirroring, device.
        protect_full: whether slot 0 and its bank stay as they are.
        progress: called after every step; what it raises ends the run.

    Raises:
        UnsupportedError: PyTorch cannot run a part of the network, or no output of it is float.
        UsageError: PyTorch or the device is missing.
    """
    require_torch(tuning.device)
    teacher, task = study.source, study.task
    _require_answers(teacher, task)
    slots = range(int(protect_full), len(weights.levels))
    parameters = find_parameters(levels, weights, slots)
    if not parameters.start:
        return weights
    samples, held = columns(study.fit), columns(study.held)
    with deterministic():
        networks = {slot: LevelNetwork(levels, weights, slot, parameters, task, tuning.device) for slot in slots}
        lesson = Lesson(teacher, networks, task, samples, tuning.device)
        run = _Run(lesson, Batches.of(teacher, samples, tuning), held, parameters, tuning)
        key = _key(levels, weights, teacher, (samples, held), (task, tuning, protect_full))
        state = run.go(progress, study.store, key)
    return parameters.put_back(weights, state.best.cpu().numpy())


def _require_answers(teacher: Graph, task: Task) -> None:
    """Check that the teacher has something to say."""
    if not find_heads(teacher, task):
        evidence = [f"{value.name}: {value.type.dtype.value}{list(value.type.shape)}" for value in teacher.outputs]
        message = "levels learn from float outputs, this network has none"
        raise UnsupportedError(message, code="N410", evidence=evidence, hint="leave tuning out")


class _Run:
    """The parts of a run that do not change."""

    def __init__(
        self, lesson: Lesson, batches: Batches, held: Batch, parameters: Parameters, tuning: Tuning
    ) -> None:
        import torch

        self.lesson, self.batches, self.held, self.parameters = lesson, batches, held, parameters
        self.tuning, self.slots = tuning, list(lesson.networks)
        self.rates = torch.tensor(parameters.rate_vector() * tuning.learning_rate, device=tuning.device)
        self.lows = torch.tensor(parameters.floor_vector(), device=tuning.device)
        self.period = max(_LEAST_PERIOD, tuning.steps // _CHECKS)
        self.taught = lesson.ask_teacher(held)
        self.start = self.measure(torch.tensor(parameters.flatten(), device=tuning.device))

    def go(self, progress: Callable[[TuneProgress], None], store: Store, key: str) -> State:
        """Return the state at the end of the run, from the beginning or from where the store has it."""
        state = State.begin(self.parameters.flatten(), self.total(self.start), self.tuning.device)
        state = State.load(store.get(key), state) or state
        saved, held = monotonic(), self.start
        losses: dict[int, float] = {}
        while state.step < self.tuning.steps and state.waited < _PATIENCE:
            losses |= self.step(state)
            if state.step % self.period == 0 or state.step == self.tuning.steps:
                held = self.measure(state.average)
                state.judge(
                    self.total(held), is_allowed=all(held[slot] <= self.start[slot] for slot in held if slot)
                )
            try:
                progress(TuneProgress(state.step, self.tuning.steps, dict(losses), held, state.best_step))
            except BaseException:
                store.put(key, state.dump())
                raise
            if monotonic() - saved > _SAVE_SECONDS:
                store.put(key, state.dump())
                saved = monotonic()
        store.put(key, state.dump())
        return state

    def step(self, state: State) -> dict[int, float]:
        """Make one step; return the losses of the levels that learned."""
        import torch

        step, steps = state.step, self.tuning.steps
        gradient = torch.zeros_like(state.values)
        views = self.parameters.views(state.values)
        for view, part in zip(views.values(), self.parameters.views(gradient).values(), strict=True):
            view.requires_grad_().grad = part
        losses = self.lesson.learn(self.batches.draw(step), views, self.chosen(step), step / steps)
        state.update(gradient, self.rates, self.lows, learning_share(step, steps))
        return losses

    def chosen(self, step: int) -> list[int]:
        """Return the slots that learn at a step: of many the first, the last and two others.

        The sandwich rule of Yu and Huang, "Universally slimmable networks and improved training techniques" (ICCV
        2019).
        """
        if len(self.slots) <= _MOST_AT_ONCE:
            return self.slots
        generator = np.random.default_rng((self.tuning.seed, step))
        inner = generator.choice(self.slots[1:-1], _MOST_AT_ONCE - 2, replace=False)
        return [self.slots[0], *sorted(int(slot) for slot in inner), self.slots[-1]]

    def measure(self, vector: Tensor) -> dict[int, float]:
        """Return the loss of every level on held-back data."""
        return self.lesson.measure(self.held, self.taught, self.parameters.views(vector))

    def total(self, losses: Mapping[int, float]) -> float:
        """Return the weighted sum of losses."""
        return sum(self.lesson.weight(slot) * loss for slot, loss in losses.items())


def _key(
    levels: LevelSet,
    weights: NestedWeights,
    teacher: Graph,
    batches: Iterable[Batch],
    settings: Iterable[object],
) -> str:
    """Return the address of a run: a hash over everything that it depends on."""
    import torch

    graphs = [teacher, levels.graph, *(build_level(levels, weights, slot) for slot in range(len(weights.levels)))]
    banks = [array for bank in weights.banks for _, array in sorted(bank.items())]
    sharing = [
        levels.plan,
        [sorted(bank) for bank in weights.banks],
        *((own.bank, sorted(own.constants), sorted(own.scales)) for own in weights.levels),
    ]
    data = [array for batch in batches for array in (*batch.inputs, batch.labels) if array is not None]
    hashes = [hashlib.sha256(np.ascontiguousarray(array).data).digest() for array in (*banks, *data)]
    return Store.key(
        "tune",
        _METHOD,
        str(torch.__version__),
        *map(repr, (sharing, *settings)),
        *map(write_tflite, graphs),
        *hashes,
    )
