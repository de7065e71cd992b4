from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import DType
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.evaluate.cascade import Answers, fit_cascade, has_margin, least_samples, read_answers
from redsc.runtime.evaluate.cascade_search import Step
from redsc.runtime.evaluate.quality import wilson_interval
from tests.helpers import small_net

MACS = (1000, 400, 100)


def answers(count: int, seed: int = 0) -> Answers:
    """Return three levels of which only the largest is right on a sample that the smaller ones are not sure of."""
    random = np.random.default_rng(seed)
    margins = random.integers(0, 256, (3, count))
    hits = np.stack([np.ones(count, bool), margins[1] > 40, margins[2] > 90])
    return Answers(margins, hits, "agreement")


def test_margins_and_hits_are_those_of_the_integers() -> None:
    graphs = [small_net(seed=seed) for seed in (0, 9)]
    samples = random_samples(graphs[0], 30)
    labels = np.arange(30) % 5
    outputs = [EXECUTORS["litert"].run(write_tflite(graph), samples) for graph in graphs]
    drawn = np.random.default_rng(0).permutation(30)
    plain, labelled = read_answers(graphs, DataSet(samples, None)), read_answers(graphs, DataSet(samples, labels))
    for slot, sample in np.ndindex(2, 30):
        number = drawn[sample]
        row = sorted(outputs[slot][number][0].ravel().tolist())
        taken, first = (int(np.argmax(outputs[index][number][0])) for index in (slot, 0))
        assert plain.margins[slot, sample] == row[-1] - row[-2]
        assert plain.hits[slot, sample] == (taken == first)
        assert labelled.hits[slot, sample] == (taken == labels[number])
    assert (plain.metric, labelled.metric) == ("agreement", "accuracy")
    assert plain.hits[0].all()


def test_of_many_samples_a_thousand_are_run_at_most() -> None:
    graph = small_net()
    samples = random_samples(graph, 1300)
    assert read_answers([graph], DataSet(samples, np.zeros(1300, np.int64))).samples == 1000


def test_only_int8_outputs_of_several_classes_have_margins() -> None:
    assert has_margin(small_net())
    assert not has_margin(small_net(DType.FLOAT32))


def test_a_cascade_keeps_its_bound_and_is_measured_on_other_samples() -> None:
    calibration, held = answers(1000), answers(500, seed=1)
    found = fit_cascade(calibration, held, MACS)
    assert found is not None
    assert [step.slot for step in found.steps] == [2, 1, 0]
    assert (found.fitted_on, found.measured.samples) == (1000, 500)
    first, second, _ = found.steps
    goes = held.margins[2] < first.threshold
    ends = goes & (held.margins[1] < second.threshold)
    right = np.where(ends, held.hits[0], np.where(goes, held.hits[1], held.hits[2]))
    assert found.measured.value == pytest.approx(right.mean())
    assert found.measured.loss == pytest.approx(1 - right.mean())
    assert found.measured.interval == pytest.approx(wilson_interval(int(right.sum()), 500), abs=1e-6)
    assert found.measured.macs == round(100 + 400 * goes.mean() + 1000 * ends.mean())
    assert found.measured.shares == pytest.approx((1 - goes.mean(), goes.mean() - ends.mean(), ends.mean()))


def test_the_share_that_is_lost_is_bounded_for_new_samples() -> None:
    bound = Fraction(1, 50)
    losses = []
    for seed in range(60):
        found = fit_cascade(answers(200, seed), answers(200, seed + 1000), MACS[:2], bound)  # one threshold
        losses.append(found.measured.loss if found else 0.0)
    assert 0 < np.mean(losses) <= bound


def test_too_few_samples_give_none() -> None:
    assert least_samples() == 199
    assert least_samples(Fraction(3, 100)) == 33
    assert fit_cascade(answers(198), answers(10), MACS) is None
    assert fit_cascade(answers(199), answers(10), MACS) is not None


def test_a_level_that_is_as_good_as_the_largest_is_a_cascade_of_one() -> None:
    hits = np.ones((2, 300), bool)
    same = Answers(np.zeros((2, 300), np.int64), hits, "accuracy")
    found = fit_cascade(same, same, MACS[:2])
    assert found is not None
    assert found.steps == (Step(1),)
    assert (found.measured.macs, found.measured.loss, found.measured.shares) == (400, 0.0, (1.0,))


def test_levels_that_are_never_right_give_none() -> None:
    hits = np.stack([np.ones(300, bool), np.zeros(300, bool)])
    useless = Answers(np.full((2, 300), 255), hits, "accuracy")
    assert fit_cascade(useless, useless, MACS[:2]) is None
