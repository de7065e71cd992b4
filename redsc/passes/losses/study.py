"""A float network and what samples say about it: the base of importance, sensitivity, recovery and tuning."""

from __future__ import annotations

from dataclasses import dataclass

from redsc.ir import Graph
from redsc.passes.base import Log
from redsc.passes.quantize.dequantize import dequantize
from redsc.passes.quantize.int8 import is_int8
from redsc.passes.slice.own_biases import own_biases
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.evaluate.divergence import Judge
from redsc.runtime.evaluate.task import Task, find_task
from redsc.store import Store

__all__ = ["Study", "float_source"]


@dataclass(frozen=True, slots=True)
class Study:
    """The float network, each layer with a bias of its own, and the samples: those to fit and those held back.

    `judge` compares answers on the held-back samples with the network's own.
    """

    source: Graph
    fit: DataSet
    held: DataSet
    task: Task
    judge: Judge
    store: Store

    @staticmethod
    def of(source: Graph, data: DataSet, store: Store) -> Study:
        """Return the study of a float network on samples in its own layout and range.

        Raises:
            ExecutorError: LiteRT refuses the network.
        """
        fit, held = data.split()
        task = find_task(source, data.labels is not None)
        judge = Judge.of(source, held.samples, task, held.labels)
        return Study(source, fit, held, task, judge, store)


def float_source(graph: Graph, log: Log) -> Graph:
    """Return the float form of a network that recovery can work on: every layer has a bias of its own.

    An int8 network is dequantised; its values note the scales that they are meant to get again.
    """
    return own_biases(dequantize(graph, log) if is_int8(graph) else graph)
