"""The small interface behind which the real runtimes stand. There is no interpreter of our own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from redsc.ir import Array
from redsc.runtime.steps import Links

__all__ = ["EXECUTORS", "Executor", "Runner", "installed", "interpreter_of"]

Runner = Callable[[bytes, Sequence[Sequence[Array]]], list[list[Array]]]
"""`run(model bytes, samples) -> outputs`: a sample is one array per graph input."""


@dataclass(frozen=True, slots=True)
class Executor:
    """A runtime: its name in reports, the package it needs, and where its `run` is."""

    name: str
    package: str
    module: str

    def refusal(self, model: bytes) -> str | None:
        """Return why a sound model must not be run, None where it may."""
        refuse: Callable[[bytes], str | None] | None = getattr(
            importlib.import_module(self.module), "refusal", None
        )
        return refuse(model) if refuse else None

    def run(self, model: bytes, samples: Sequence[Sequence[Array]]) -> list[list[Array]]:
        """Run a model in this process on every sample, each time from the initial state of its variables."""
        runner: Runner = importlib.import_module(self.module).run
        return runner(model, samples)

    def run_steps(self, model: bytes, samples: Sequence[Sequence[Array]], links: Links = ()) -> list[list[Array]]:
        """Run a model on samples that follow one another: its variables keep their state from one to the next.

        Inputs of `links` do so as well: they take an output of the sample before.
        """
        runner: Callable[..., list[list[Array]]] = importlib.import_module(self.module).run_steps
        return runner(model, samples, links=links)


EXECUTORS: Mapping[str, Executor] = {
    item.name: item
    for item in (
        Executor("litert", "ai_edge_litert", "redsc.runtime.litert"),
        Executor("tflm", "tflite_micro", "redsc.runtime.tflm"),
        Executor("onnxruntime", "onnxruntime", "redsc.runtime.onnxruntime"),
    )
}


def interpreter_of(model: bytes) -> Executor:
    """Return the runtime that answers for a sound .tflite file: LiteRT, or tflite-micro where that must not."""
    return EXECUTORS["tflm" if EXECUTORS["litert"].refusal(model) else "litert"]


def installed(name: str) -> bool:
    """Whether the package of an executor can be imported."""
    return importlib.util.find_spec(EXECUTORS[name].package) is not None
