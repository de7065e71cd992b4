"""SQNR of int8 models against float: redsc, and ai-edge-quantizer on the same model and the same samples.

    python -m venv aeq && aeq/bin/pip install ai-edge-quantizer==0.10.0
    python benchmarks/quantization.py [--aeq-python aeq/bin/python]

100 samples calibrate, the next 200 are measured, in LiteRT's reference kernels. The bar: no more than 0.5 dB below
ai-edge-quantizer. ad01 expects log-mel frames of machines; it gets those of speech.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from redsc.compile import read_model
from redsc.formats import read_tflite, write_tflite
from redsc.ir import Array, Graph
from redsc.options import Calibration, Quantization
from redsc.passes.base import Log
from redsc.passes.ptq import quantize_network
from redsc.runtime.sqnr import measure_sqnr

ROOT = Path(__file__).resolve().parents[1]
ZOO = Path(os.environ.get("REDSC_ZOO", ROOT.parent / "shared" / "zoo"))
WORKER = Path(__file__).with_name("aeq_worker.py")
BAR_DB = 0.5
CALIBRATE, MEASURE = 100, 200


def _photos() -> Array:
    data: Array = np.load(ZOO / "datasets/cifar10/cifar10_train_lossless_2000.npz")["x"].astype(np.float32)
    return data


def _large_photos() -> Array:
    return _photos()[: CALIBRATE + MEASURE].repeat(3, axis=1).repeat(3, axis=2) / np.float32(255)


def _log_energies() -> Array:
    waves: Array = np.load(ZOO / "datasets/kws01/kws01_dev_wav240_int16.npz")["x"]
    frames = np.stack([waves[:, 4000 + 512 * i : 5024 + 512 * i] for i in range(5)], axis=1) / 32768
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(1024))))[..., 1:]
    bands = power.reshape(len(waves), 5, 128, 4).sum(axis=-1)
    result: Array = (10 * np.log10(bands + 1e-10)).astype(np.float32).reshape(len(waves), 640)
    return result


def _fashion() -> Array:
    data: Array = np.load(ROOT / "examples" / "fashion_calib.npz")["x"]
    return data.transpose(0, 2, 3, 1)


MODELS: dict[Path, Callable[[], Array]] = {
    ZOO / "models/mlcommons+tiny/pretrainedResnet.tflite": _photos,
    ZOO / "models/mlcommons+tiny/vww_96_float.tflite": _large_photos,
    ZOO / "models/mlcommons+tiny/ad01_fp32.tflite": _log_energies,
    ROOT / "examples" / "fashion_dscnn.onnx": _fashion,
}


def decibels(graph: Graph, quantized: Graph, samples: list[list[Array]]) -> tuple[float, float]:
    """Return the SQNR of the last layer but one (before a softmax), and of the output."""
    rows = measure_sqnr(graph, quantized, samples)
    return rows[-2].sqnr_db, rows[-1].sqnr_db


def ai_edge_quantizer(python: Path, graph: Graph, samples: list[list[Array]]) -> Graph:
    """Return the graph as ai-edge-quantizer quantises it, with its values named as ours."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "float.tflite").write_bytes(write_tflite(graph))
        np.savez(folder / "calib.npz", x=np.stack([row[0] for row in samples]))
        files = [str(folder / file) for file in ("float.tflite", "calib.npz", "int8.tflite")]
        subprocess.run([str(python), str(WORKER), *files], check=True, capture_output=True)
        return read_tflite((folder / "int8.tflite").read_bytes())


def main() -> None:
    """Measure every model that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aeq-python", type=Path, help="the Python that has ai-edge-quantizer")
    python = parser.parse_args().aeq_python
    if python is None:
        print("ai-edge-quantizer is left out: see --help for how to install it")
    print(f"{'model':<20} {'quantiser':<34} {'last but one':>12} {'output dB':>9} {'s':>5}")
    for path, load in MODELS.items():
        if not path.is_file():
            print(f"{path.stem:<20} not there: set REDSC_ZOO")
            continue
        graph = read_model(path).graph
        kind = graph.inputs[0].type
        rows = [[sample.reshape(kind.shape)] for sample in load()[: CALIBRATE + MEASURE]]
        calibrate, measure = rows[:CALIBRATE], rows[CALIBRATE:]
        if python is not None:
            inner, output = decibels(graph, ai_edge_quantizer(python, graph, calibrate), measure)
            print(f"{path.stem:<20} {'ai-edge-quantizer':<34} {inner:>12.2f} {output:>9.2f}")
            bar = output - BAR_DB
        for method in Calibration:
            for dense in (False, True):
                started = time.perf_counter()
                settings = Quantization(calibration=method, dense_per_channel=dense)
                made = quantize_network(graph, calibrate, settings, Log()).graph
                seconds = time.perf_counter() - started
                inner, output = decibels(graph, made, measure)
                name = f"redsc {method.value}{', dense per channel' if dense else ''}"
                late = "  below the bar" if python is not None and output < bar else ""
                print(f"{path.stem:<20} {name:<34} {inner:>12.2f} {output:>9.2f} {seconds:>5.2f}{late}")


if __name__ == "__main__":
    main()
