"""Float to int8: redsc in three ways and ai-edge-quantizer, from the same .tflite and the same samples.

100 samples calibrate, 200 others are measured. The bar: no more than 0.5 dB below ai-edge-quantizer.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from redsc.ir import Array
from redsc.runtime.compare import signal_to_noise_db

from .litert import load
from .process import ROOT, Taken, redsc, run, task
from .row import Row, attempt
from .samples import MODELS
from .setting import Setting

__all__ = ["compare"]

CALIBRATE, MEASURE = 100, 200
WAYS: dict[str, tuple[str, ...]] = {
    "redsc": (),
    "redsc minmax": ("--calibration", "minmax"),
    "redsc dense per tensor": ("--dense-weights", "per-tensor"),
}
_RIVAL = "ai-edge-quantizer-0.10.0"
_WORKER = Path(__file__).with_name("quantize_worker.py")


def compare(setting: Setting) -> Iterator[Row]:
    """Yield a row per network and way, with the SQNR of its output to that of the float model."""
    for path, samples_of in list(MODELS.items())[slice(3, 5) if setting.is_quick else slice(None)]:
        name = Path(path).name.split(".")[0]
        folder = setting.scratch / f"{name}-int8"
        folder.mkdir()
        source, data = folder / "float.tflite", folder / "calib.npz"
        run(task("convert", setting.zoo / path, source), ROOT, setting.limit)
        shape = tuple(load(source).get_input_details()[0]["shape"])
        samples = samples_of(setting.zoo, CALIBRATE + MEASURE, shape).reshape(-1, *shape)
        np.savez(data, x=samples[:CALIBRATE])
        judged = partial(ratio, source, samples[CALIBRATE:])
        for number, (way, flags) in enumerate(WAYS.items()):
            made = folder / str(number) / "q.tflite"
            yield attempt(name, way, partial(_redsc, setting, source, data, flags, made), judged, made)
        made = folder / "rival.tflite"
        yield attempt(name, _RIVAL, partial(_ai_edge_quantizer, setting, source, data, made), judged, made)


def _redsc(setting: Setting, source: Path, data: Path, flags: tuple[str, ...], made: Path) -> Taken:
    fixed = "--data", data, "--levels", "100", "--name", made.stem, "-o", made.parent
    return run(redsc("compile", source, *fixed, *flags), ROOT, setting.limit)


def _ai_edge_quantizer(setting: Setting, source: Path, data: Path, made: Path) -> Taken:
    python = setting.programs(_RIVAL) / "python"
    return run([python, _WORKER, source, data, made], setting.scratch, setting.limit)


def ratio(source: Path, samples: Array, made: Path) -> str:
    """Return the signal to quantisation noise of the first output in dB, in LiteRT's plain kernels.

    With it the size of the file, and how many QUANTIZE and DEQUANTIZE are in it.
    """
    try:
        wanted, found = ([[row] for row in _answers(load(path), samples)] for path in (source, made))
        ops = [item["op_name"] for item in load(made)._get_ops_details()]
    except (RuntimeError, ValueError) as failed:
        return f"does not run in LiteRT: {str(failed).splitlines()[0][:50]}"
    conversions = sum(op in ("QUANTIZE", "DEQUANTIZE") for op in ops)
    note = f", {conversions} conversions" if conversions else ""
    return f"{signal_to_noise_db(wanted, found):.1f} dB, {made.stat().st_size:,} B{note}"


def _answers(interpreter: Any, samples: Array) -> list[Array]:
    (port,), result = interpreter.get_input_details(), interpreter.get_output_details()[0]
    answers = []
    for sample in samples:
        interpreter.set_tensor(port["index"], _to_port(sample, port))
        interpreter.invoke()
        answers.append(_from_port(interpreter.get_tensor(result["index"]), result))
    return answers


def _to_port(sample: Array, port: dict[str, Any]) -> Array:
    scale, zero = port["quantization"]
    if not scale:
        return sample
    numbers: Array = np.clip(np.rint(sample / np.float32(scale)) + zero, -128, 127).astype(port["dtype"])
    return numbers


def _from_port(numbers: Array, port: dict[str, Any]) -> Array:
    scale, zero = port["quantization"]
    real: Array = (numbers.astype(np.float32) - zero) * np.float32(scale) if scale else numbers
    return real
