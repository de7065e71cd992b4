"""Float to int8: redsc and ai-edge-quantizer, from the same .tflite and the same samples."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from redsc.ir import Array
from redsc.runtime.compare import signal_to_noise_db

from .litert import load
from .process import ROOT, Taken, redsc, run, task
from .row import Row, attempt
from .setting import Setting

__all__ = ["compare"]

NETS = ("resnet8", "dscnn", "mbv2", "silu_se", "det", "conv1d", "ae")
CALIBRATE, MEASURE = 100, 100
_WORKER = Path(__file__).parents[1] / "aeq_worker.py"


def compare(setting: Setting) -> Iterator[Row]:
    """Yield a row per network and tool, with the SQNR of its output to that of the float model."""
    for name in NETS[: 2 if setting.is_quick else None]:
        folder = setting.scratch / f"{name}-int8"
        folder.mkdir()
        source, data = folder / "float.tflite", folder / "calib.npz"
        run(task("convert", setting.zoo / "exports" / f"{name}.dynamo18.onnx", source), ROOT, setting.limit)
        samples = _noise(source)
        np.savez(data, x=samples[:CALIBRATE])
        judged = partial(ratio, source, samples[CALIBRATE:])
        made = folder / "int8" / "q.tflite"
        yield attempt(name, "redsc", partial(_redsc, setting, source, data, made), judged, made)
        made = folder / "aeq.tflite"
        do = partial(_ai_edge_quantizer, setting, source, data, made)
        yield attempt(name, "ai-edge-quantizer-0.10.0", do, judged, made)


def _redsc(setting: Setting, source: Path, data: Path, made: Path) -> Taken:
    flags = "--data", data, "--levels", "100", "--name", made.stem, "-o", made.parent
    return run(redsc("compile", source, *flags), ROOT, setting.limit)


def _ai_edge_quantizer(setting: Setting, source: Path, data: Path, made: Path) -> Taken:
    python = setting.programs("ai-edge-quantizer-0.10.0") / "python"
    return run([python, _WORKER, source, data, made], setting.scratch, setting.limit)


def _noise(model: Path) -> Array:
    """Return samples from a normal distribution, as PyTorch's recorded input."""
    shape = load(model).get_input_details()[0]["shape"]
    return np.random.default_rng(1).standard_normal((CALIBRATE + MEASURE, *shape), np.float32)


def ratio(source: Path, samples: Array, made: Path) -> str:
    """Return the signal to quantisation noise of the first output in dB, in LiteRT's plain kernels."""
    try:
        wanted, found = ([[row] for row in _answers(path, samples)] for path in (source, made))
    except (RuntimeError, ValueError) as failed:
        return f"does not run in LiteRT: {str(failed).splitlines()[0][:50]}"
    return f"{signal_to_noise_db(wanted, found):.1f} dB, {made.stat().st_size:,} B"


def _answers(model: Path, samples: Array) -> list[Array]:
    interpreter = load(model)
    (port,), result = interpreter.get_input_details(), interpreter.get_output_details()[0]
    answers = []
    for sample in samples:
        scale, zero = port["quantization"]
        stored = np.clip(np.rint(sample / np.float32(scale)) + zero, -128, 127) if scale else sample
        interpreter.set_tensor(port["index"], stored.astype(port["dtype"]))
        interpreter.invoke()
        scale, zero = result["quantization"]
        numbers = interpreter.get_tensor(result["index"]).astype(np.float32)
        answers.append((numbers - zero) * np.float32(scale) if scale else numbers)
    return answers
