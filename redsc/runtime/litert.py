"""LiteRT with its reference kernels: what bit-exact claims are measured against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from redsc.errors import ExecutorError
from redsc.formats import has_front_end, has_short_memory, has_variables
from redsc.ir import Array
from redsc.runtime.steps import Links, run_linked

__all__ = ["refusal", "run", "run_steps", "trace"]

_OPTIMIZED = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def refusal(model: bytes) -> str | None:
    """Return why LiteRT must not run a sound model: it would crash, or lacks an op."""
    if has_front_end(model):
        return "LiteRT lacks the ops of tflite-micro's audio front end"
    return "LiteRT reads the state of every quantised SVDF as int16" if has_short_memory(model) else None


def run(model: bytes, samples: Sequence[Sequence[Array]], *, optimized: bool = False) -> list[list[Array]]:
    """Run every sample; inputs and outputs are in the model's own order.

    The optimised kernels, in one thread, are for floats of which nobody needs the last bit. A model with variables
    is loaded anew for every sample: LiteRT has no way back to the state before CALL_ONCE.

    Raises:
        ExecutorError: LiteRT refuses the model or an input.
    """
    if has_variables(model):
        return [row for sample in samples for row in run_steps(model, [sample], optimized=optimized)]
    return run_steps(model, samples, optimized=optimized)


def run_steps(
    model: bytes, samples: Sequence[Sequence[Array]], *, optimized: bool = False, links: Links = ()
) -> list[list[Array]]:
    """Run samples one after the other, as `run`; variables and `links` keep their state from one to the next.

    Raises:
        ExecutorError: LiteRT refuses the model or an input.
    """
    try:
        interpreter = _load(model, _OPTIMIZED, num_threads=1) if optimized else _interpreter(model)
        return run_linked(_runner(interpreter), samples, links)
    except (RuntimeError, ValueError) as error:
        raise ExecutorError(f"LiteRT refuses the model: {error}") from error


def trace(
    model: bytes, samples: Sequence[Sequence[Array]], tensors: Sequence[int], *, optimized: bool = False
) -> Iterator[list[Array]]:
    """Run every sample and yield what the tensors with these numbers hold after it, intermediate ones included.

    The optimised kernels, in one thread, are for floats of which nobody needs the last bit.

    Raises:
        ExecutorError: LiteRT refuses the model or an input.
    """
    try:
        options = {"num_threads": 1, "experimental_preserve_all_tensors": True}
        interpreter = _load(model, _OPTIMIZED, **options) if optimized else _interpreter(model, **options)
        invoke = _runner(interpreter)
        for sample in samples:
            invoke(sample)
            yield [interpreter.get_tensor(index) for index in tensors]
    except (RuntimeError, ValueError) as error:
        raise ExecutorError(f"LiteRT refuses the model: {error}") from error


def _interpreter(model: bytes, **options: Any) -> Any:
    """The reference resolver lacks ELU, CEIL and ROUND: a model with them runs on LiteRT's own kernels."""
    try:
        return _load(model, OpResolverType.BUILTIN_REF, **options)
    except (RuntimeError, ValueError) as error:
        if "Didn't find op" not in str(error):
            raise
    return _load(model, _OPTIMIZED, **options)


def _load(model: bytes, resolver: Any, **options: Any) -> Any:
    if reason := refusal(model):
        raise ExecutorError(reason)
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=resolver, **options)
    interpreter.allocate_tensors()
    return interpreter


def _runner(interpreter: Any) -> Callable[[Sequence[Array]], list[Array]]:
    """Return what runs a sample; to ask for the tensors' numbers every time takes as long as a small network."""
    inputs = [detail["index"] for detail in interpreter.get_input_details()]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]

    def invoke(sample: Sequence[Array]) -> list[Array]:
        for index, array in zip(inputs, sample, strict=True):
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]

    return invoke
