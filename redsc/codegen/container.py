"""The container: every level in one byte array, read back before it is trusted, with an account of its bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from redsc.cost.memory import NetworkMemory
from redsc.errors import InternalError
from redsc.formats import SIGNATURE, SLOT_BYTES, described_as, read_tflite, shared_constants, write_models
from redsc.ir import DType, Graph, copy_graph, print_graph

__all__ = [
    "Container",
    "build_container",
    "is_container",
    "is_same_model",
    "slot_bytes",
    "slot_count",
]

_IDENTIFIER = b"TFL3"


@dataclass(frozen=True, slots=True)
class Container:
    """The byte array and where its bytes go.

    `private_bytes[k]` are numbers that slot k alone reads, weights, biases and scales per channel;
    `shared_weight_bytes` are those that several slots read.
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
    reads = [_vectors_of(graph, stored) for graph in graphs]
    readers = Counter(vector for vectors in reads for vector in vectors)
    shared = sum(len(vector) for vector, count in readers.items() if count > 1)
    private = (sum(len(vector) for vector in vectors if readers[vector] == 1) for vectors in reads)
    return Container(data, shared, tuple(private))


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


def slot_count(data: bytes) -> int:
    """Return how many slots a container has; an ordinary TFLite model has one."""
    count = 0
    while data[SLOT_BYTES * count + 4 : SLOT_BYTES * count + 8] == _IDENTIFIER:
        count += 1
    return count


def _vectors_of(graph: Graph, stored: Sequence[bytes]) -> set[bytes]:
    """Return the stored vectors that a graph reads, itself or a prefix of them, and its scales per channel."""
    wanted = {value.data.tobytes() for value in graph.constants() if value.data is not None}
    quants = (value.type.quant for value in graph.constants() if value.type.dtype is not DType.FLOAT32)
    scales = {np.array(quant.scales, np.float32).tobytes() for quant in quants if quant and quant.is_per_channel}
    return {next(vector for vector in stored if vector.startswith(data)) for data in wanted} | scales


def _renamed(graph: Graph) -> Graph:
    """Return a graph whose values are called by their place."""
    names = {value: f"v{place}" for place, value in enumerate(graph.values())}
    return copy_graph(graph, lambda value: replace(value, name=names[value], producer=None, uses=[]))
