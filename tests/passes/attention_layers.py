"""Attention through which heads can be followed, in the ways in which it is written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from redsc.ir import Array, Value
from tests.helpers import NetBuilder

__all__ = ["ATTENTION", "attention"]


def attention(net: NetBuilder, value: Value, heads: int, depth: int) -> Value:
    """Return self-attention between the pixels of an image, with a layer each for queries, keys and values."""
    tokens = _tokens(net, value)
    query, key, mine = (_heads(net, net.dense(tokens, heads * depth), heads) for _ in range(3))
    return _merged(net, value, _mixed(net, query, key, mine))


def _tokens(net: NetBuilder, image: Value) -> Value:
    _, height, width, channels = image.type.shape
    return net.reshape(image, height * width, channels)


def _heads(net: NetBuilder, value: Value, heads: int) -> Value:
    """Return [heads, tokens, depth]."""
    tokens, size = value.type.shape
    return _turned(net, net.reshape(value, tokens, heads, size // heads))


def _turned(net: NetBuilder, value: Value) -> Value:
    return net.node("TRANSPOSE", value, _ints(1, 0, 2))


def _mixed(net: NetBuilder, query: Value, key: Value, value: Value, mask: Array | None = None) -> Value:
    scores = net.node("BATCH_MATMUL", query, key, adj_y=True)
    if mask is not None:
        scores = net.add(scores, net.builder.constant("mask", mask, scores.type.quant))
    return net.node("BATCH_MATMUL", net.softmax(scores), value)


def _merged(net: NetBuilder, image: Value, mixed: Value) -> Value:
    """Return an image of what the heads say side by side, projected."""
    heads, tokens, depth = mixed.type.shape
    rows = net.reshape(_turned(net, mixed), tokens, heads * depth)
    return net.reshape(net.dense(rows, 6), *image.type.shape[:3], 6)


def _ints(*numbers: int) -> Array:
    return np.array(numbers, np.int32)


def _separate(net: NetBuilder, value: Value) -> Value:
    return attention(net, value, 3, 4)


def _packed(net: NetBuilder, value: Value) -> Value:
    """One layer makes queries, keys and values; they are cut apart before the heads are."""
    query, key, mine = (_heads(net, piece, 3) for piece in net.split(net.dense(_tokens(net, value), 36), 3))
    return _merged(net, value, _mixed(net, query, key, mine))


def _packed_and_cut_at_once(net: NetBuilder, value: Value) -> Value:
    cut = net.reshape(net.dense(_tokens(net, value), 36), 16, 3, 3, 4)
    pieces = net.split(net.node("TRANSPOSE", cut, _ints(1, 2, 0, 3)), 3, axis=0)
    query, key, mine = (net.reshape(piece, 3, 16, 4) for piece in pieces)
    return _merged(net, value, _mixed(net, query, key, mine))


def _packed_by_head(net: NetBuilder, value: Value) -> Value:
    """Every head has its query, key and value side by side."""
    cut = net.reshape(net.dense(_tokens(net, value), 36), 16, 3, 12)
    query, key, mine = net.split(_turned(net, cut), 3)
    return _merged(net, value, _mixed(net, query, key, mine))


def _keys_turned_as_a_matrix(net: NetBuilder, value: Value) -> Value:
    """Keys are transposed before their heads are cut apart."""
    tokens = _tokens(net, value)
    turned = net.node("TRANSPOSE", net.dense(tokens, 12), _ints(1, 0))
    scores = net.node("BATCH_MATMUL", _heads(net, net.dense(tokens, 12), 3), net.reshape(turned, 3, 4, 16))
    mixed = net.node("BATCH_MATMUL", net.softmax(scores), _heads(net, net.dense(tokens, 12), 3))
    return _merged(net, value, mixed)


def _one_key_for_all_heads(net: NetBuilder, value: Value) -> Value:
    tokens = _tokens(net, value)
    query = _heads(net, net.dense(tokens, 12), 3)
    key, mine = (_heads(net, net.dense(tokens, 4), 1) for _ in range(2))
    return _merged(net, value, _mixed(net, query, key, mine))


def _a_mask_for_each_head(net: NetBuilder, value: Value) -> Value:
    tokens = _tokens(net, value)
    kind = np.float32 if value.type.quant is None else np.int8
    mask = net.random.integers(-9, 9, (3, 16, 16)).astype(kind)
    query, key, mine = (_heads(net, net.dense(tokens, 12), 3) for _ in range(3))
    return _merged(net, value, _mixed(net, query, key, mine, mask))


def _queries_without_their_mean(net: NetBuilder, value: Value) -> Value:
    """Something is computed over the channels of each head, which stay then."""
    query, key, mine = (_heads(net, net.dense(_tokens(net, value), 12), 3) for _ in range(3))
    centered = net.node("SUB", query, net.mean(query, 2, keep_dims=True))
    return _merged(net, value, _mixed(net, net.node("ABS", centered), key, mine))


def _rotated(net: NetBuilder, value: Value) -> Value:
    """The halves of every head's queries change places."""
    query, key, mine = (_heads(net, net.dense(_tokens(net, value), 12), 3) for _ in range(3))
    left, right = net.split(query, 2)
    return _merged(net, value, _mixed(net, net.concat(right, left), key, mine))


def _one_head(net: NetBuilder, value: Value) -> Value:
    """There is no axis of heads: only what values say can be cut."""
    query, key, mine = (net.reshape(net.dense(_tokens(net, value), 4), 1, 16, 4) for _ in range(3))
    mixed = net.node("BATCH_MATMUL", net.softmax(net.node("BATCH_MATMUL", query, key, adj_y=True)), mine)
    return net.reshape(net.dense(net.reshape(mixed, 16, 4), 6), 1, 4, 4, 6)


ATTENTION: dict[str, Callable[[NetBuilder, Value], Value]] = {
    "separate": _separate,
    "packed": _packed,
    "packed and cut at once": _packed_and_cut_at_once,
    "packed by head": _packed_by_head,
    "keys turned as a matrix": _keys_turned_as_a_matrix,
    "one key for all heads": _one_key_for_all_heads,
    "a mask for each head": _a_mask_for_each_head,
    "queries without their mean": _queries_without_their_mean,
    "rotated": _rotated,
    "one head": _one_head,
}
