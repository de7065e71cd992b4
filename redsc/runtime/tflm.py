"""The TFLM interpreter of the `tflite-micro` wheel: reference kernels, the real allocator."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from redsc.errors import ExecutorError
from redsc.formats import count_ports, has_variables
from redsc.ir import Array
from redsc.runtime.steps import Links, run_linked

__all__ = ["ARENA_BYTES", "ArenaUse", "measure_arena", "recorded_arena", "run", "run_steps"]

ARENA_BYTES = 64 << 20  # a multiple of 16: the tail's alignment then depends on the model only


@dataclass(frozen=True, slots=True)
class ArenaUse:
    """What the wheel's recording allocator prints, in bytes."""

    head_bytes: int
    tail_bytes: int


def run(model: bytes, samples: Sequence[Sequence[Array]], arena_bytes: int = ARENA_BYTES) -> list[list[Array]]:
    """Run every sample in an arena of the given size; a model with variables is loaded anew for each.

    Raises:
        ExecutorError: TFLM refuses the model or an input.
    """
    if has_variables(model):
        return [row for sample in samples for row in run_steps(model, [sample], arena_bytes)]
    return run_steps(model, samples, arena_bytes)


def run_steps(
    model: bytes, samples: Sequence[Sequence[Array]], arena_bytes: int = ARENA_BYTES, *, links: Links = ()
) -> list[list[Array]]:
    """Run samples one after the other, as `run`; variables and `links` keep their state from one to the next.

    Raises:
        ExecutorError: TFLM refuses the model or an input.
    """
    interpreter = _load(model, arena_bytes)
    inputs, outputs = count_ports(model)
    if any(len(sample) != inputs for sample in samples):
        raise ExecutorError(f"the model has {inputs} inputs, a sample has another number")
    try:
        return run_linked(partial(_invoke, interpreter, outputs), samples, links)
    except (RuntimeError, ValueError) as error:
        raise ExecutorError(f"TFLM refuses the model: {error}") from error


def measure_arena(model: bytes) -> ArenaUse:
    """Return what the allocator uses for a model."""
    return recorded_arena(_load(model))


def recorded_arena(interpreter: Any) -> ArenaUse:
    """Return what the allocator of an interpreter printed; it prints to the process's stderr only."""
    with tempfile.TemporaryFile() as captured:
        stderr = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            interpreter.print_allocations()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        captured.seek(0)
        text = captured.read().decode(errors="replace")
    found = dict(re.findall(r"Arena allocation (head|tail) (\d+) bytes", text))
    return ArenaUse(int(found["head"]), int(found["tail"]))


def _load(model: bytes, arena_bytes: int = ARENA_BYTES) -> Any:
    from tflite_micro import runtime  # the extra redsc[tflm]

    try:
        return runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
    except (RuntimeError, ValueError) as error:
        raise ExecutorError(f"TFLM refuses the model: {error}") from error


def _invoke(interpreter: Any, outputs: int, sample: Sequence[Array]) -> list[Array]:
    for index, array in enumerate(sample):
        interpreter.set_input(np.ascontiguousarray(array), index)
    interpreter.invoke()
    return [interpreter.get_output(index) for index in range(outputs)]
