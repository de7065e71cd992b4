"""Importance by gradients: the first-order effect of every channel on the loss (extra `redsc[tune]`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from redsc.ir import Array, Graph
from redsc.passes.losses.importance import heard_scores
from redsc.passes.spaces.consumers import find_consumers
from redsc.passes.spaces.space import ChannelGroups
from redsc.passes.tune.batches import columns
from redsc.passes.tune.heads import Head, Kind, find_heads, label_loss
from redsc.passes.tune.pytorch import require_torch
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.evaluate.task import Task

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["taylor_scores"]

_BATCH = 64


def taylor_scores(graph: Graph, groups: ChannelGroups, data: DataSet, task: Task) -> dict[str, Array]:
    """Return E[(sum over positions of gradient * activation)^2] of every channel, per space name.

    Molchanov et al., "Importance Estimation for Neural Network Pruning" (CVPR 2019), on activations: by how much
    the loss would change, to first order, if the channel were zero. Each layer that reads a space counts alike.

    The loss is the cross-entropy to the labels, without labels to the network's own classes; of a regression half
    of the squared outputs.

    Args:
        graph: a float network.
        groups: its channel spaces.
        data: samples, maybe with labels.
        task: what the outputs are.

    Raises:
        UnsupportedError: PyTorch cannot run a part of the network.
        UsageError: PyTorch is missing.
    """
    require_torch("cpu")
    from redsc.runtime.torch import TorchGraph

    (head, *_) = find_heads(graph, task)
    consumers = {consumer.source: consumer for consumer in find_consumers(graph, groups)}
    sources = list(consumers)
    network = TorchGraph(graph, [*sources, head.value])
    effects = [np.zeros(consumer.channels) for consumer in consumers.values()]
    for batch in columns(data).parts(_BATCH):
        *activations, answer = network.run([_leaf(array) for array in batch.inputs])
        rows = _effects(activations, _loss(head, answer, batch.labels), [len(effect) for effect in effects])
        for effect, found in zip(effects, rows, strict=True):
            effect += found
    layouts = [consumer.heard for consumer in consumers.values()]
    return heard_scores(graph, groups, zip(layouts, effects, strict=True))


def _leaf(array: Array) -> Tensor:
    """Return an input that gradients flow through, so that every activation behind it has one."""
    import torch

    return torch.tensor(array).requires_grad_()


def _loss(head: Head, answer: Tensor, labels: Array | None) -> Tensor:
    """Return the loss of a batch, summed over its samples."""
    import torch

    if head.kind is Kind.REAL:
        return answer.square().sum() / 2
    rows = answer.detach().reshape(len(answer), -1)
    own = rows.argmax(1) if rows.shape[1] > 1 else (rows[:, 0] > 0).long()
    return label_loss(head, answer, own if labels is None else torch.tensor(labels)) * len(answer)


def _effects(activations: Sequence[Tensor], loss: Tensor, channels: Sequence[int]) -> list[Array]:
    """Return per activation (N, ... of rows of C) the sum over samples of (sum over rows of g * a)^2 (C)."""
    import torch

    gradients = torch.autograd.grad(loss, activations)
    pairs = zip(activations, gradients, strict=True)
    products = (activation.detach() * gradient for activation, gradient in pairs)
    sums = (p.reshape(len(p), -1, size).sum(1) for p, size in zip(products, channels, strict=True))
    return [found.square().sum(0).numpy().astype(np.float64) for found in sums]
