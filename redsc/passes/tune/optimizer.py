"""The state of a run of tuning, and one step of its optimiser: all vectors."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from math import cos, inf, pi
from typing import TYPE_CHECKING, Any

from redsc.ir import Array

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["State", "learning_share"]

_BETAS = (0.9, 0.99)
_EPSILON = 1e-8
_AVERAGING = 0.99  # of the average that stays in a step
_WARM_UP = 30  # steps
_VECTORS = ("values", "mean", "square", "average", "best")


@dataclass(slots=True)
class State:
    """Everything that a run needs to go on: plain numbers and vectors.

    `values` are trained, `mean` and `square` are Adam's moments of their gradient. `average` is the exponential
    moving average of the values, `best` the one with the least `loss` on held-back data so far, after `best_step`;
    `waited` counts the measurements since.
    """

    values: Tensor
    mean: Tensor
    square: Tensor
    average: Tensor
    best: Tensor
    step: int = 0
    loss: float = inf
    best_step: int = 0
    waited: int = 0

    @staticmethod
    def begin(start: Array, loss: float, device: str) -> State:
        """Return the state before the first step."""
        import torch

        values = torch.tensor(start, device=device)
        zeros = torch.zeros_like(values)
        return State(values, zeros, zeros.clone(), values.clone(), values.clone(), loss=loss)

    def update(self, gradient: Tensor, rates: Tensor, lows: Tensor, share: float) -> None:
        """Make a step of Adam (Kingma and Ba, ICLR 2015) with a rate and a least value of its own for every number.

        The average forgets faster at first, min(0.99, (1 + t) / (10 + t)), so that the start does not stay in it.
        """
        import torch

        self.step += 1
        self.mean.lerp_(gradient, 1 - _BETAS[0])
        self.square.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1 - _BETAS[1])
        scale = (self.square / (1 - _BETAS[1] ** self.step)).sqrt_().add_(_EPSILON)
        self.values.addcdiv_(self.mean * rates, scale, value=-share / (1 - _BETAS[0] ** self.step))
        torch.maximum(self.values, lows, out=self.values)
        self.average.lerp_(self.values, 1 - min(_AVERAGING, (1 + self.step) / (10 + self.step)))

    def judge(self, loss: float, is_allowed: bool) -> None:
        """Keep the average as the best where its loss is less than any before."""
        self.waited += 1
        if is_allowed and loss < self.loss:
            self.best.copy_(self.average)
            self.loss, self.best_step, self.waited = loss, self.step, 0

    def dump(self) -> bytes:
        """Return the state as bytes."""
        import torch

        file = io.BytesIO()
        torch.save({field.name: _on_cpu(getattr(self, field.name)) for field in fields(self)}, file)
        return file.getvalue()

    @staticmethod
    def load(data: bytes | None, like: State) -> State | None:
        """Return the state of `dump`, None where the bytes hold none like this one."""
        import torch

        if data is None:
            return None
        try:
            found = torch.load(io.BytesIO(data), map_location=like.values.device, weights_only=True)
            state = State(**found)
            fits = all(getattr(state, name).shape == like.values.shape for name in _VECTORS)
        except Exception:  # torch, pickle and zipfile raise families of their own on damaged data
            return None
        return state if fits else None


def _on_cpu(value: Any) -> Any:
    return value.cpu() if hasattr(value, "cpu") else value


def learning_share(step: int, steps: int) -> float:
    """Return the factor on the learning rates at a step: it rises over 30 steps, and falls as a cosine to 0."""
    return min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + cos(pi * step / steps))
