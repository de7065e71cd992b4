"""IF of a TFLite file: which subgraph it runs, what that reads, what it gives (tensorflow/lite/kernels/if.cc)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tflite

from redsc.errors import MalformedModel
from redsc.formats.tflite.accessors import indices, options_of
from redsc.formats.tflite.read.conditions import Known
from redsc.formats.tflite.read.tensors import operands, pick
from redsc.ir import DType, Value

__all__ = ["IF", "Choice", "find_choice", "give_results", "pass_operands"]

IF = "IF"


@dataclass(frozen=True, slots=True)
class Choice:
    """An IF: its operands after the condition, where its results go, and the subgraph that it runs, or why not."""

    name: str
    operands: Sequence[Value | None]
    results: Sequence[int]
    branch: int | None
    refusal: str = ""


def find_choice(tensors: Sequence[Value], operator: Any, known: Known) -> Choice:
    """Return what an IF does.

    Raises:
        MalformedModel: it has no condition, or no branches.
    """
    condition, *given = operands(IF, tensors, operator) or [None]
    results = indices(operator.OutputsAsNumpy())
    options = options_of(operator, tflite.IfOptions)
    if condition is None or (condition.type.dtype, condition.type.elements) != (DType.BOOL, 1) or options is None:
        raise MalformedModel("IF has no condition that is one truth value, or no branches")
    name = pick(tensors, results[0], "IF output").name if results else condition.name
    found = known.of(condition)
    if found is None:
        causes = ", ".join(sorted(map(repr, known.causes(condition))))
        return Choice(name, given, results, None, f"its condition is computed from {causes}")
    branches = options.ElseSubgraphIndex(), options.ThenSubgraphIndex()
    return Choice(name, given, results, branches[bool(found.reshape(-1)[0])])


def pass_operands(choice: Choice, own: list[Value], places: Sequence[int]) -> None:
    """Put the operands of an IF where the subgraph that it runs has its inputs.

    Raises:
        MalformedModel: they are others.
    """
    if len(places) != len(choice.operands):
        raise MalformedModel(f"IF {choice.name!r} has {len(choice.operands)} operands, its branch {len(places)}")
    for place, value in zip(places, choice.operands, strict=True):
        if value is None or pick(own, place, "input of a branch").type != value.type:
            raise MalformedModel(f"IF {choice.name!r} gives its branch another tensor than that takes")
        own[place] = value


def give_results(choice: Choice, tensors: list[Value], results: Sequence[Value]) -> None:
    """Put what a branch gives where an IF has its results.

    Raises:
        MalformedModel: they are others.
    """
    if len(results) != len(choice.results):
        raise MalformedModel(f"IF {choice.name!r} has {len(choice.results)} results, its branch {len(results)}")
    for place, value in zip(choice.results, results, strict=True):
        wanted = pick(tensors, place, "IF output")
        if wanted.is_constant or wanted.producer or wanted.type.dtype is not value.type.dtype:
            raise MalformedModel(f"IF {choice.name!r} gives {wanted.name!r}, which is something else")
        tensors[place] = value
