"""A level as a differentiable function of the parameters that it shares and of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from redsc.ir import Array, Graph, Shape, Value, copy_graph
from redsc.passes.slice.nested import LevelSet, NestedWeights, build_level, replace_constants, weight_axes
from redsc.passes.slice.resize_inputs import resize_inputs
from redsc.passes.tune.heads import find_heads
from redsc.passes.tune.parameters import Key, Parameters
from redsc.runtime.data.view import View, area_shares
from redsc.runtime.evaluate.task import Task
from redsc.runtime.torch import TorchGraph

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LevelNetwork"]


@dataclass(frozen=True, slots=True)
class _Derivation:
    """How a constant of a level is derived: rows and columns of `source`, times factors along an axis.

    `source` is a parameter or a fixed tensor. `places` are indices into the flattened source; None says that the
    constant, of the shape `shape`, is the first of each axis.
    """

    source: Key | Tensor
    shape: tuple[int, ...]
    places: Tensor | None = None
    factors: Key | None = None
    axis: int = 0

    def make(self, views: Mapping[Key, Tensor]) -> Tensor:
        made = views[self.source] if isinstance(self.source, Key) else self.source
        if self.places is not None:
            made = made.reshape(-1)[self.places]
        else:
            made = made[tuple(slice(n) for n in self.shape)]
        if self.factors is not None:
            made = made * views[self.factors].reshape(-1, *(1,) * (made.ndim - 1 - self.axis))
        return made


class LevelNetwork:
    """One level: `constants` makes its weights of the parameters, `run` answers with them.

    Rows and columns are found by cutting a network whose constants hold their own places: what `build_level` takes
    is what is taken here, by construction.
    """

    def __init__(
        self, levels: LevelSet, weights: NestedWeights, slot: int, parameters: Parameters, task: Task, device: str
    ) -> None:
        graph = build_level(levels, weights, slot)
        self.view = levels.plan.levels[slot].view
        graph = resize_inputs(graph, self.view.input_size)
        self.network = TorchGraph(graph, [head.value for head in find_heads(graph, task)], device)
        self._derivations = dict(_derivations(levels, weights, slot, parameters, device))

    def constants(self, views: Mapping[Key, Tensor]) -> dict[str, Tensor]:
        """Return the level's constants that depend on parameters; gradients flow into the parameters."""
        return {name: derivation.make(views) for name, derivation in self._derivations.items()}

    def run(self, inputs: Sequence[Tensor], constants: Mapping[str, Tensor]) -> list[Tensor]:
        """Return the values that the loss looks at, each (N, *shape), for what the level sees of the inputs."""
        return self.network.run([_seen(self.view, tensor) for tensor in inputs], constants)


def _seen(view: View, tensor: Tensor) -> Tensor:
    """Return what a level sees of an input (N, *shape): of images as `View.of` has it, of others all."""
    import torch

    if tensor.ndim != 5:
        return tensor
    if view.crop:
        top, left, height, width = view.crop
        tensor = tensor[:, :, top : top + height, left : left + width]
    if view.size is None:
        return tensor
    shares = (area_shares(*sizes) for sizes in zip(tensor.shape[2:4], view.size, strict=True))
    rows, columns = (torch.tensor(share, dtype=tensor.dtype, device=tensor.device) for share in shares)
    return torch.einsum("ih,nbhwc,jw->nbijc", rows, tensor, columns)


def _derivations(
    levels: LevelSet, weights: NestedWeights, slot: int, parameters: Parameters, device: str
) -> list[tuple[str, _Derivation]]:
    import torch

    own = weights.levels[slot]
    whole = {value.name: value.type.shape for value in levels.graph.constants()}
    cut = levels.cut(replace_constants(levels.graph, weights.banks[own.bank]), slot)
    places = {value.name: value.data for value in levels.cut(_places(levels), slot).constants()}
    axes, found = weight_axes(cut), []
    for value in cut.constants():
        name, shape = value.name, value.type.shape
        bank, scale = Key("bank", own.bank, name), Key("scale", slot, name)
        factors = scale if scale in parameters.start else None
        if Key("own", slot, name) in parameters.start:
            found.append((name, _Derivation(Key("own", slot, name), shape)))
        elif bank in parameters.start:
            chosen = _chosen(places[name], whole[name], device)
            found.append((name, _Derivation(bank, shape, chosen, factors, axes.get(name, 0))))
        elif factors is not None:
            found.append(
                (name, _Derivation(torch.tensor(value.data, device=device), shape, None, factors, axes[name]))
            )
    return found


def _places(levels: LevelSet) -> Graph:
    """Return the network with constants that hold their own places."""

    def copy(value: Value) -> Value:
        if value.data is None or value.data.dtype != np.float32:
            return Value(value.name, value.type, value.data)
        return Value.constant(value.name, np.arange(value.data.size).reshape(value.data.shape))

    return copy_graph(levels.graph, copy)


def _chosen(places: Array | None, whole: Shape, device: str) -> Tensor | None:
    """Return the places of a level's constant in that of the whole network, None where they are the first ones."""
    import torch

    assert places is not None
    first = np.arange(np.prod(whole, dtype=np.int64)).reshape(whole)[tuple(slice(n) for n in places.shape)]
    return None if np.array_equal(first, places) else torch.tensor(places, device=device)
