"""Runs models with strided ops in the interpreter of the tflite-micro wheel, with the kernels that redsc ships."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from redsc.errors import ExecutorError
from redsc.formats import count_ports
from redsc.ir import Array
from redsc.runtime.tflm import ARENA_BYTES, ArenaUse, recorded_arena
from tests.firmware.build import HERE, HOST_CPP, KERNELS, WARNINGS, build

__all__ = ["ABI", "measure_strided_arena", "run_strided"]

ABI = f"-I{HERE / 'abi'}"
_REGISTERER = "redsc_register_ops"
_FLAGS = ("-std=c++11", *WARNINGS, "-O2", "-fPIC", "-shared", "-fvisibility=hidden", ABI)
# of tflite::micro, as the wheel's compiler named them: GetEvalInput and GetEvalOutput, then those of the context
_CONTEXT, _NODE = "NS0_13TfLiteContextE", "NS0_10TfLiteNodeE"
_FUNCTIONS = tuple(
    f"_ZN6tflite5micro{len(name)}{name}E{arguments}"
    for name, arguments in (
        ("GetEvalInput", f"PK{_CONTEXT}PK{_NODE}i"),
        ("GetEvalOutput", f"PK{_CONTEXT}PK{_NODE}i"),
        ("MicroContextRequestScratchBufferInArena", f"P{_CONTEXT}mPi"),
        ("MicroContextGetScratchBuffer", f"P{_CONTEXT}i"),
    )
)


def run_strided(
    model: bytes, samples: Sequence[Sequence[Array]], arena_bytes: int = ARENA_BYTES
) -> list[list[Array]]:
    """Run every sample as `redsc.runtime.tflm.run` does; the model may hold REDSC_ ops.

    Raises:
        ExecutorError: TFLM or a kernel refuses the model or an input.
    """
    interpreter = _load(model, arena_bytes)
    outputs = count_ports(model)[1]
    try:
        return [_invoke(interpreter, sample, outputs) for sample in samples]
    except (RuntimeError, ValueError) as error:
        raise ExecutorError(f"TFLM refuses the model: {error}") from error


def measure_strided_arena(model: bytes) -> ArenaUse:
    """Return what the allocator uses, as `redsc.runtime.tflm.measure_arena` does."""
    return recorded_arena(_load(model, ARENA_BYTES))


@cache
def _runtime() -> Any:
    """Import the wheel and make the ops known to its process; skips where there is no wheel or no compiler."""
    pytest.importorskip("tflite_micro", reason="strided ops run in the interpreter of the tflite-micro wheel")
    library = build(HOST_CPP, (HERE / "wheel_ops.cc", *KERNELS), _FLAGS)
    from tflite_micro.python.tflite_micro import _runtime, runtime

    wheel = ctypes.CDLL(_runtime.__file__)
    ops = ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)  # the wheel looks the registerer up by name
    ops.redsc_bind_wheel(*(ctypes.cast(getattr(wheel, name), ctypes.c_void_p) for name in _FUNCTIONS))
    return runtime


def _load(model: bytes, arena_bytes: int) -> Any:
    try:
        return _runtime().Interpreter.from_bytes(model, custom_op_registerers=[_REGISTERER], arena_size=arena_bytes)
    except (RuntimeError, ValueError) as error:
        raise ExecutorError(f"TFLM refuses the model: {error}") from error


def _invoke(interpreter: Any, sample: Sequence[Array], outputs: int) -> list[Array]:
    for index, array in enumerate(sample):
        interpreter.set_input(np.ascontiguousarray(array), index)
    interpreter.invoke()
    return [interpreter.get_output(index) for index in range(outputs)]
