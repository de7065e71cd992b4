"""What a pass is: a frozen dataclass whose fields are its options.

A pass changes a graph in place and logs what it did; the pipeline verifies the graph after each one.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from redsc.errors import InternalError, RedscError, printable
from redsc.ir import Graph, verify_graph

__all__ = ["Exactness", "Log", "LogEntry", "Pass", "load", "load_pass", "run_passes"]


class Exactness(Enum):
    """What a pass promises about the outputs."""

    BIT_EXACT = "equal bit for bit"
    FLOAT_CLOSE = "equal within 1e-5 relative"
    LOSSY = "changes results"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One change, or one refusal with its reason."""

    rule: str
    place: str
    text: str
    is_refusal: bool = False

    def render(self) -> str:
        """Return one line for `--explain`."""
        verb = "kept" if self.is_refusal else "changed"
        return printable(f"{self.rule}: {verb} {self.place}: {self.text}")


@dataclass(slots=True)
class Log:
    """What the passes did, in order."""

    entries: list[LogEntry] = field(default_factory=list)

    def change(self, rule: str, place: str, text: str) -> None:
        """Note a change."""
        self.entries.append(LogEntry(rule, place, text))

    def refuse(self, rule: str, place: str, reason: str) -> None:
        """Note why a rule did not fire where one might expect it to."""
        self.entries.append(LogEntry(rule, place, reason, is_refusal=True))


@dataclass(frozen=True, slots=True)
class Pass(ABC):
    """A transformation of a graph, named as on the command line."""

    name: ClassVar[str]
    summary: ClassVar[str]
    preserves: ClassVar[Exactness]

    @abstractmethod
    def run(self, graph: Graph, log: Log) -> bool:
        """Change the graph; return whether anything changed."""


def load(where: str) -> Any:
    """Return what a lazy table names as `module:name`."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


def load_pass(where: str) -> Pass:
    """Return the pass at `module:Class`."""
    made: Pass = load(where)()
    return made


def run_passes(graph: Graph, passes: Iterable[Pass], log: Log) -> Graph:
    """Run passes in order and return the graph, valid after each.

    Raises:
        InternalError: a pass left an invalid graph.
    """
    done: list[str] = []
    for item in passes:
        item.run(graph, log)
        done.append(item.name)
        try:
            verify_graph(graph)
        except RedscError as error:
            raise InternalError(
                f"pass {item.name} left an invalid graph",
                code="I702",
                evidence=[f"after {', '.join(done)}", *error.diagnostic.evidence],
            ) from error
    return graph
