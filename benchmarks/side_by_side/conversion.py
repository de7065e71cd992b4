"""ONNX to .tflite: redsc and onnx2tf, on the exports of PyTorch in the zoo."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from redsc.ir import Array

from .litert import load
from .process import ROOT, Taken, redsc, run
from .row import Row, attempt
from .setting import Setting

__all__ = ["compare"]

ONNX2TF = ("onnx2tf-2.6.9", "onnx2tf-1.29.24")
_SAMPLES = "calibration_image_sample_data_20x128x128x3_float32.npy"  # which 1.29 else asks the network for


def compare(setting: Setting) -> Iterator[Row]:
    """Yield a row per network and tool, with the error of its answer to PyTorch's."""
    names = sorted(path.name.split(".")[0] for path in (setting.zoo / "exports").glob("*.dynamo18.onnx"))
    np.save(setting.scratch / _SAMPLES, np.random.default_rng(0).random((20, 128, 128, 3), np.float32))
    for name in names[:: 4 if setting.is_quick else 1]:
        source, out = setting.zoo / "exports" / f"{name}.dynamo18.onnx", setting.scratch / name
        judged = partial(error, setting.zoo / "exports" / f"{name}.io.npz")
        made = out / f"{name}_dynamo18.tflite"
        yield attempt(name, "redsc", partial(_redsc, setting, source, out), judged, made)
        for tool in ONNX2TF:
            folder = out / tool
            made = folder / f"{name}.dynamo18_float32.tflite"
            yield attempt(name, tool, partial(_onnx2tf, setting, tool, source, folder), judged, made)


def _redsc(setting: Setting, source: Path, out: Path) -> Taken:
    return run(redsc("compile", source, "-o", out), ROOT, setting.limit)


def _onnx2tf(setting: Setting, tool: str, source: Path, out: Path) -> Taken:
    program = setting.programs(tool) / "onnx2tf"
    return run([program, "-i", source, "-o", out], setting.scratch, setting.limit)


def error(recorded: Path, made: Path) -> str:
    """Return the largest error to PyTorch's recorded answer, relative to its largest number, and the operators."""
    data = np.load(recorded)
    try:
        interpreter = load(made)
        (port,), result = interpreter.get_input_details(), interpreter.get_output_details()[0]
        interpreter.set_tensor(port["index"], _laid_out(data["x"], tuple(port["shape"])))
        interpreter.invoke()
    except (RuntimeError, ValueError) as failed:
        return f"does not run in LiteRT: {str(failed).splitlines()[0][:50]}"
    found = _laid_out(data["y0"], tuple(result["shape"])), interpreter.get_tensor(result["index"])
    largest = float(np.abs(found[0] - found[1]).max() / np.abs(found[0]).max())
    return f"error {largest:.1e}, {len(interpreter._get_ops_details())} operators, {made.stat().st_size:,} B"


def _laid_out(numbers: Array, shape: tuple[int, ...]) -> Array:
    """Return PyTorch's array in the shape of a port, channels last if that fits; axes of one are no matter."""
    sizes = [size for size in shape if size > 1]
    for form in (numbers, np.moveaxis(numbers, 1, -1)):
        if [size for size in form.shape if size > 1] == sizes:
            return np.ascontiguousarray(form).reshape(shape)
    raise ValueError(f"a port has the shape {[int(size) for size in shape]}")
