"""The container: every level in one byte array, read back before it is trusted, with an account of its bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

import numpy as np

from redsc.cost.memory import NetworkMemory
from redsc.errors import InternalError, LimitExceeded
from redsc.formats import (
    SIGNATURE,
    SLOT_BYTES,
    described_as,
    is_tflite,
    read_tflite,
    shared_constants,
    write_models,
)
from redsc.ir import DType, Graph, copy_graph, print_graph
from redsc.limits import DEFAULT_LIMITS, Limits

__all__ = ["Container", "build_container", "is_container", "is_same_model", "slot_bytes", "slot_count"]


@dataclass(frozen=True, slots=True)
class Container:
    """The byte array and where its bytes go.

    Numbers are weights, biases and scales per channel. `shared_weight_bytes` are those that slot 0 and others read;
    `private_bytes[k]` are those that slot k reads and no larger one, of slot 0 those that nobody else reads.
    """

    data: bytes
    shared_weight_bytes: int
    private_bytes: tuple[int, ...]


def build_container(graphs: Sequence[Graph], memory: Sequence[NetworkMemory]) -> Container:
    """Return the container of the levels, the largest first.

    Raises:
        InternalError: a slot does not read back as the level that was written.
    """
    data = write_models(graphs, [item.offsets for item in memory])
    for slot, graph in enumerate(graphs):
        if not is_same_model(read_tflite(slot_bytes(data, slot)), graph):
            raise InternalError(f"slot {slot} does not read back as it was written", code="I704")
    stored = shared_constants(graphs)
    first, *others = (_read_of(graph, stored) for graph in graphs)
    elsewhere = reduce(or_, others, Counter[bytes]())
    shared, known, private = first & elsewhere, first, [(first - elsewhere).total()]
    for reads in others:
        private.append((reads - known).total())
        known = known | reads
    return Container(data, shared.total(), tuple(private))


def is_same_model(a: Graph, b: Graph) -> bool:
    """Whether two graphs are equal in all that a container keeps: structure, types, numbers, names of ports."""
    ports = [[value.name for value in (*graph.inputs, *graph.outputs)] for graph in (a, b)]
    texts = [print_graph(_renamed(graph), with_origins=False) for graph in (a, b)]
    return ports[0] == ports[1] and texts[0] == texts[1]


def is_container(data: bytes) -> bool:
    """Whether redsc wrote this TFLite file: it signs the description of every slot."""
    return described_as(data) == SIGNATURE


def slot_bytes(data: bytes, slot: int) -> bytes:
    """Return the model in a slot: the array from there on."""
    return data[SLOT_BYTES * slot :]


def slot_count(data: bytes, limits: Limits = DEFAULT_LIMITS) -> int:
    """Return how many slots a container has; an ordinary TFLite model has one.

    Raises:
        LimitExceeded: there are more than `limits` allow.
    """
    count = 0
    while is_tflite(data, SLOT_BYTES * count):
        count += 1
        if count > limits.slots:
            raise LimitExceeded(f"the container has more than {limits.slots} slots")
    return count


def _read_of(graph: Graph, stored: Sequence[bytes]) -> Counter[bytes]:
    """Return how many bytes a graph reads of each stored vector, from its start on, and of scales per channel."""
    found = Counter[bytes]()
    for data in {value.data.tobytes() for value in graph.constants() if value.data is not None}:
        found |= Counter({next(vector for vector in stored if vector.startswith(data)): len(data)})
    quants = (value.type.quant for value in graph.constants() if value.type.dtype is not DType.FLOAT32)
    scales = {np.array(quant.scales, np.float32).tobytes() for quant in quants if quant and quant.is_per_channel}
    return found | Counter({vector: len(vector) for vector in scales})


def _renamed(graph: Graph) -> Graph:
    """Return a graph whose values are called by their place."""
    names = {value: f"v{place}" for place, value in enumerate(graph.values())}
    return copy_graph(graph, lambda value: replace(value, name=names[value], producer=None, uses=[]))
