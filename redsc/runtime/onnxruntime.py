"""onnxruntime: what an import from ONNX is measured against."""

from __future__ import annotations

from collections.abc import Sequence

import onnxruntime

from redsc.errors import ExecutorError
from redsc.ir import Array
from redsc.runtime.steps import Links, run_linked

__all__ = ["run", "run_steps"]


def run(model: bytes, samples: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """Run every sample on one thread, without graph optimisation.

    Raises:
        ExecutorError: onnxruntime refuses the model or an input.
    """
    return run_steps(model, samples)


def run_steps(model: bytes, samples: Sequence[Sequence[Array]], *, links: Links = ()) -> list[list[Array]]:
    """Run samples one after the other, as `run`; an ONNX model has no variables, but `links` keep their state.

    Raises:
        ExecutorError: onnxruntime refuses the model or an input.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names = [item.name for item in session.get_inputs()]
        return run_linked(
            lambda sample: list(session.run(None, dict(zip(names, sample, strict=True)))), samples, links
        )
    except Exception as error:  # onnxruntime raises classes of its own binding
        raise ExecutorError(f"onnxruntime refuses the model: {error}") from error
