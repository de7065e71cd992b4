"""onnxruntime: what an import from ONNX is measured against."""

from __future__ import annotations

from collections.abc import Sequence

import onnxruntime

from redsc.errors import ExecutorError
from redsc.ir import Array

__all__ = ["run", "run_steps"]


def run(model: bytes, samples: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """Run every sample on one thread, without graph optimisation.

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
        return [list(session.run(None, dict(zip(names, sample, strict=True)))) for sample in samples]
    except Exception as error:  # onnxruntime raises classes of its own binding
        raise ExecutorError(f"onnxruntime refuses the model: {error}") from error


run_steps = run  # an ONNX model has no variables
