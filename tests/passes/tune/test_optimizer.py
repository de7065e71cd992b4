from __future__ import annotations

from math import cos, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.passes.tune.optimizer import State, learning_share

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install redsc[tune]")


def test_a_step_is_one_of_adam() -> None:
    generator = torch.Generator().manual_seed(0)
    start, rates = torch.randn(20, generator=generator), torch.rand(20, generator=generator) * 0.1
    state = State.begin(start.numpy(), 0.0, "cpu")
    groups = [start[index : index + 1].clone().requires_grad_() for index in range(20)]
    adam = torch.optim.Adam(
        [{"params": [item], "lr": float(rate)} for item, rate in zip(groups, rates, strict=True)], betas=(0.9, 0.99)
    )
    for _ in range(10):
        gradient = torch.randn(20, generator=generator)
        for item, number in zip(groups, gradient, strict=True):
            item.grad = number[None].clone()
        adam.step()
        state.update(gradient, rates, torch.full((20,), -np.inf), 1.0)
    assert torch.allclose(state.values, torch.cat(groups).detach(), atol=1e-6)
    assert state.step == 10


def test_no_number_falls_below_its_least_value() -> None:
    state = State.begin(np.ones(2, np.float32), 0.0, "cpu")
    for _ in range(50):
        state.update(torch.ones(2), torch.ones(2), torch.tensor([0.25, -np.inf]), 1.0)
    assert float(state.values[0]) == 0.25
    assert float(state.values[1]) < -10
    assert float(state.average[0]) >= 0.25


def test_the_average_forgets_the_start_soon_and_then_the_last_hundred_steps_count() -> None:
    state = State.begin(np.zeros(1, np.float32), 0.0, "cpu")
    state.values += 1
    still, shares = torch.zeros(1), []
    for _ in range(1000):
        state.update(still, still, torch.full((1,), -np.inf), 1.0)
        shares.append(1 - float(state.average))
    assert shares[30] < 0.01
    state.values += 1
    state.update(still, still, torch.full((1,), -np.inf), 1.0)
    assert float(state.average) == pytest.approx(1.01, abs=1e-4)


def test_the_best_average_is_kept() -> None:
    state = State.begin(np.zeros(1, np.float32), 5.0, "cpu")
    for step, (loss, allowed) in enumerate(
        [(6.0, True), (4.0, False), (4.5, True), (4.6, True), (float("nan"), True)]
    ):
        state.average.fill_(step)
        state.step = step
        state.judge(loss, allowed)
    assert (state.loss, state.best_step, state.waited, float(state.best)) == (4.5, 2, 2, 2.0)


def test_a_state_survives_as_bytes() -> None:
    state = State.begin(np.arange(4, dtype=np.float32), 2.5, "cpu")
    state.update(torch.ones(4), torch.ones(4), torch.full((4,), -np.inf), 0.5)
    again = State.load(state.dump(), state)
    assert again is not None
    assert torch.equal(again.values, state.values)
    assert (again.step, again.loss) == (1, 2.5)
    assert State.load(state.dump(), State.begin(np.zeros(5, np.float32), 0.0, "cpu")) is None
    assert State.load(None, state) is None


@given(st.integers(1, 3000))
def test_the_learning_rate_rises_and_falls_to_zero(steps: int) -> None:
    shares = [learning_share(step, steps) for step in range(steps)]
    assert all(0 < share <= 1 for share in shares)
    for step in range(30, steps):
        assert shares[step] == pytest.approx((1 + cos(pi * step / steps)) / 2)
    assert shares[0] <= 1 / 30
