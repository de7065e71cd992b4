"""Cut a network, and let the layers that read cut channels make up for them: no training, one linear solve each.

The map of GRAIL (CPAL 2026): what goes is predicted from what stays, by ridge regression on the covariances of the
whole network, and the prediction is multiplied into the consumer's weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from redsc.ir import Array, Graph, Node, Value, op_def, real_values
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.consumers import Consumer, find_consumers, kept_channels
from redsc.passes.spaces.space import ChannelGroups
from redsc.runtime.observe.moments import Moments

__all__ = ["RIDGE", "absorb_cut"]

RIDGE = 1e-3  # of the mean variance, as in GRAIL
_LEAST_RIDGE = 1e-30  # where all channels that stay are constant


def absorb_cut(
    permuted: Graph,
    groups: ChannelGroups,
    widths: Mapping[str, int],
    moments: Mapping[str, Moments],
    *,
    solves: bool = True,
) -> Graph:
    """Return a float network cut to `widths` (spaces not named stay whole), its consumers repaired.

    With G the covariance of a consumer's input on the whole network, P the channels that stay and R those that go:

        B = (G[P, P] + lambda I)^-1 G[P, R], lambda = RIDGE * mean diagonal of G[P, P]
        W' = W[.., P] + W[.., R] B^T,  b' = b + W mean(x) - W' mean(x_P)

    1. W' minimises |W x - W' x_P|^2 + lambda |W' - W[.., P]|^2: where nothing can be predicted, or nothing goes,
       the weights stay. (GRAIL's own map also shrinks the channels that stay.)
    2. All taps of a convolution, and all positions of a flattened image, share B. A position has a mean of its own.
    3. A tap that reads padding at some outputs counts in b' by the share of the outputs at which it does not.
    4. Every group of a grouped convolution is a layer of its own.
    5. A dense layer that reads parts of the channels as rows of their own is only cut. Where there are too many
       channels for a covariance, only the bias is repaired.

    Args:
        permuted: the whole network, its channels in order.
        groups: its channel spaces.
        widths: how many channels a space keeps.
        moments: of every activation in `row_lengths(permuted, groups)`.
        solves: whether weights may change; without it B = 0, and only biases do.
    """
    cut = slice_channels(permuted, groups, widths)
    nodes = dict(zip(permuted.nodes, cut.nodes, strict=True))
    for consumer in find_consumers(permuted, groups):
        kept = kept_channels(groups, consumer.heard, widths)
        if len(kept) < consumer.channels <= consumer.depth * consumer.groups:
            rows = kept_channels(groups, groups.axes[consumer.weight.name][consumer.rule.out_axis], widths)
            found = moments[consumer.source.name].folded(consumer.row)
            _set_weights(cut, nodes[consumer.node], consumer, *_repaired(consumer, rows, kept, found, solves))
    return cut


def _repaired(consumer: Consumer, rows: Array, kept: Array, found: Moments, solves: bool) -> tuple[Array, Array]:
    """Return weights (rows, taps, positions, channels kept) of the outputs `rows`, and what to add to the bias."""
    size = consumer.channels // consumer.groups
    weight = np.take(real_values(consumer.weight), rows, consumer.rule.out_axis)
    weight = weight.reshape(len(rows), -1, consumer.depth // size, size)
    result = np.empty((*weight.shape[:3], len(kept) // consumer.groups))
    shift, seen = np.empty(len(rows)), _coverage(consumer)
    group_of = rows * consumer.groups // consumer.weight.type.shape[consumer.rule.out_axis]
    for group in range(consumer.groups):
        mine, inside = group_of == group, np.arange(group * size, (group + 1) * size)
        stays = np.isin(inside, kept)
        mean = found.mean.reshape(-1, consumer.channels)[:, inside]
        guess = _prediction(found.gram if solves else None, inside[stays], inside[~stays])
        result[mine] = weight[mine][..., stays] + weight[mine][..., ~stays] @ guess.T
        shift[mine] = np.einsum("otpc,t,pc->o", weight[mine], seen, mean)
        shift[mine] -= np.einsum("otpc,t,pc->o", result[mine], seen, mean[:, stays])
    return result, shift


def _prediction(gram: Array | None, stays: Array, goes: Array) -> Array:
    """Return B (P, R), with which the channels that go are predicted: x_R ~ B^T x_P, both about their means."""
    if gram is None:
        return np.zeros((len(stays), len(goes)))
    among = gram[np.ix_(stays, stays)]
    ridge = max(RIDGE * float(among.diagonal().mean()), _LEAST_RIDGE)
    result: Array = np.linalg.solve(among + ridge * np.eye(len(stays)), gram[np.ix_(stays, goes)])
    return result


def _set_weights(cut: Graph, node: Node, consumer: Consumer, weight: Array, shift: Array) -> None:
    """Give a node of the cut network weights and a bias of its own."""
    index, old = consumer.rule.followers[0], node.operand(consumer.rule.weight)
    inputs = [*node.inputs, *[None] * (index + 1 - len(node.inputs))]
    bias = inputs[index]
    if bias is None or bias.data is not None:
        shift = shift if bias is None else real_values(bias).reshape(-1) + shift
        inputs[index] = Value.constant(f"{node.outputs[0].name}/bias", shift.astype(np.float32))
    data = weight.reshape(old.type.shape).astype(np.float32)
    inputs[consumer.rule.weight] = Value.constant(f"{node.outputs[0].name}/weight", data)
    cut.rewrite(node, node.op, inputs, node.attrs)


def _coverage(consumer: Consumer) -> Array:
    """Return how many positions of the image every tap (T,) reads per position of the output, on average."""
    node, weight = consumer.node, consumer.weight.type.shape
    if not hasattr(node.attrs, "stride_h"):
        return np.ones(1)
    read, made = op_def(node.op).source(node).type.shape[1:3], node.outputs[0].type.shape[1:3]
    strides = (node.attrs.stride_h, node.attrs.stride_w)
    dilations = (getattr(node.attrs, "dilation_h", 1), getattr(node.attrs, "dilation_w", 1))
    whole, steps = (made, read) if node.op == "TRANSPOSE_CONV" else (read, made)  # it goes the other way round
    rows, columns = (
        _inside(whole[axis], steps[axis], weight[1 + axis], strides[axis], dilations[axis]) / made[axis]
        for axis in (0, 1)
    )
    return np.outer(rows, columns).reshape(-1)


def _inside(size: int, steps: int, taps: int, stride: int, dilation: int) -> Array:
    """Return at how many steps of a window each tap (T,) lies inside; `missing // 2` of the padding comes first."""
    missing = max((steps - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
    places = np.arange(steps)[:, None] * stride + np.arange(taps) * dilation - missing // 2
    found: Array = ((places >= 0) & (places < size)).sum(axis=0)
    return found
