from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from redsc.options import Tuning
from redsc.passes.losses.study import Study
from redsc.passes.slice.nested import NestedWeights, plain_weights
from redsc.store import Store
from tests.passes.tuning import (
    QUICK,
    SHORT,
    dataset,
    same_bits,
    small_task,
    weights_of,
)

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install redsc[tune]")

from redsc.passes.tune import TuneProgress, tune  # noqa: E402  # after the check for PyTorch

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_same_call_gives_the_same_bits_and_another_seed_gives_others() -> None:
    levels, study = small_task()
    weights = plain_weights(levels)
    first, again, other = (tune(levels, weights, study, replace(SHORT, seed=seed)) for seed in (0, 0, 1))
    assert same_bits(first, again)
    assert not same_bits(first, other)


class Stop(Exception):
    pass


def stop_after(steps: int) -> Callable[[TuneProgress], None]:
    def progress(found: TuneProgress) -> None:
        if found.step == steps:
            raise Stop

    return progress


@pytest.mark.parametrize("stops", [(1,), (9, 26)])
def test_a_run_goes_on_where_it_stopped_to_the_same_bits(tmp_path: Path, stops: tuple[int, ...]) -> None:
    levels, study = small_task()
    weights, kept = plain_weights(levels), replace(study, store=Store(tmp_path))
    whole: list[TuneProgress] = []
    wanted = tune(levels, weights, study, SHORT, progress=whole.append)
    for steps in stops:
        with pytest.raises(Stop):
            tune(levels, weights, kept, SHORT, progress=stop_after(steps))
    rest: list[TuneProgress] = []
    assert same_bits(tune(levels, weights, kept, SHORT, progress=rest.append), wanted)
    assert [item.step for item in rest] == list(range(stops[-1] + 1, SHORT.steps + 1))
    assert rest[-1] == whole[-1]
    done: list[TuneProgress] = []
    assert same_bits(tune(levels, weights, kept, SHORT, progress=done.append), wanted)
    assert done == []  # it has ended


def test_another_call_does_not_go_on_from_there(tmp_path: Path) -> None:
    levels, known = small_task()
    study = replace(known, store=Store(tmp_path))

    def first_step(weights: NestedWeights, study: Study, tuning: Tuning = QUICK, protect: bool = False) -> int:
        steps: list[int] = []

        def progress(found: TuneProgress) -> None:
            steps.append(found.step)
            stop_after(found.step)(found)

        with pytest.raises(Stop):
            tune(levels, weights, study, tuning, protect_full=protect, progress=progress)
        return steps[0]

    plain, own = plain_weights(levels), weights_of(levels, (0, 0))
    assert first_step(plain, study) == 1
    assert first_step(plain, study) == 2
    assert first_step(own, study) == 1
    assert first_step(own, study, protect=True) == 1
    assert first_step(plain, replace(study, fit=dataset(levels.graph, 96, seed=2))) == 1
    assert first_step(plain, study, replace(QUICK, learning_rate=0.001)) == 1
    assert first_step(plain, study) == 3


def test_a_damaged_state_is_none(tmp_path: Path) -> None:
    levels, known = small_task()
    store = Store(tmp_path)
    call = (levels, plain_weights(levels), replace(known, store=store), replace(QUICK, steps=3))
    wanted = tune(*call)
    (file,) = tmp_path.iterdir()
    key = file.name.split(".")[0]
    good = store.get(key)
    assert good is not None
    for bad in (b"", good[: len(good) // 2], good[:-100] + bytes(100), b"PK\3\4"):
        store.put(key, bad)
        steps: list[TuneProgress] = []
        assert same_bits(tune(*call, progress=steps.append), wanted)
        assert len(steps) == 3
