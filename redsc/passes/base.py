"""What a pass is: a frozen dataclass whose fields are its options.

A pass changes a graph in place and logs what it did; the pipeline verifies the graph after each one.
"""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from redsc.errors import InternalError, RedscError, printable
from redsc.ir import Graph, verify_graph

__all__ = ["Exactness", "Log", "LogEntry", "Pass", "Saving", "load", "load_pass", "run_passes"]


_NAME = re.compile(r"'[^']*'")


class Exactness(Enum):
    """What a pass promises about the outputs."""

    BIT_EXACT = "equal bit for bit"
    FLOAT_CLOSE = "equal within 1e-5 relative"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One change, or one refusal with its reason.

    `less_bytes` of activations are not written any more, `growth_bytes` of constants are there besides; None where
    the change is about neither.
    """

    rule: str
    place: str
    text: str
    is_refusal: bool = False
    less_bytes: int | None = None
    growth_bytes: int | None = None

    @property
    def reason(self) -> str:
        """The text without the names in it, by which refusals are alike."""
        return _NAME.sub("'...'", self.text)

    def render(self) -> str:
        """Return one line for `--explain`."""
        verb = "kept" if self.is_refusal else "changed"
        return printable(f"{self.rule}: {verb} {self.place}: {self.sentence}")

    def is_about(self, name: str) -> bool:
        """Whether a node of this name is changed, kept or named."""
        return name == self.place or name in re.split(r"[ ,'();]+", self.text)

    @property
    def sentence(self) -> str:
        """The text with what it saves."""
        less = "" if self.less_bytes is None else f", {self.less_bytes:,} B less to write"
        growth = "" if self.growth_bytes is None else f", {self.growth_bytes:+,} B of constants"
        return f"{self.text}{less}{growth}"


@dataclass(frozen=True, slots=True)
class Saving:
    """What all changes of a pass save: bytes of activations that are not written any more, and of constants."""

    activation_bytes: int = 0
    constant_bytes: int = 0

    def __add__(self, other: Saving) -> Saving:
        return Saving(self.activation_bytes + other.activation_bytes, self.constant_bytes + other.constant_bytes)

    @staticmethod
    def between(before: Saving, after: Saving) -> Saving:
        """Return what one network has less than another."""
        return Saving(
            before.activation_bytes - after.activation_bytes, before.constant_bytes - after.constant_bytes
        )

    @staticmethod
    def all_of(graph: Graph) -> Saving:
        """Return the bytes of all tensors of a network."""
        activations = sum(value.type.nbytes for value in graph.activations())
        return Saving(activations, sum(value.type.nbytes for value in graph.constants()))


@dataclass(slots=True)
class Log:
    """What the passes did, in order, and what each of them saved."""

    entries: list[LogEntry] = field(default_factory=list)
    savings: dict[str, Saving] = field(default_factory=dict)

    def change(
        self, rule: str, place: str, text: str, less_bytes: int | None = None, growth_bytes: int | None = None
    ) -> None:
        """Note a change, with the bytes of activations and constants that it is about."""
        self.entries.append(LogEntry(rule, place, text, False, less_bytes, growth_bytes))

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
    """Run passes in order and return the graph, valid after each that changed it.

    Raises:
        InternalError: a pass left an invalid graph.
    """
    done: list[str] = []
    for item in passes:
        done.append(item.name)
        before = Saving.all_of(graph)
        if item.run(graph, log):
            saved = Saving.between(before, Saving.all_of(graph))
            log.savings[item.name] = log.savings.get(item.name, Saving()) + saved
            _verify(graph, done)
    return graph


def _verify(graph: Graph, done: Sequence[str]) -> None:
    try:
        verify_graph(graph)
    except RedscError as error:
        raise InternalError(
            f"pass {done[-1]} left an invalid graph",
            code="I702",
            evidence=[f"after {', '.join(done)}", *error.diagnostic.evidence],
        ) from error
