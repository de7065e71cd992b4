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
from typing import Any

import numpy as np

from redsc.choices import Calibration, DenseScales
from redsc.compile import read_model
from redsc.formats import write_tflite
from redsc.formats.model import Port
from redsc.formats.onnx.layout import laid_out
from redsc.ir import Array, Graph
from redsc.options import Quantization
from redsc.passes.base import Log
from redsc.passes.quantize.ptq import quantize_network
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import signal_to_noise_db
from redsc.runtime.evaluate.sqnr import measure_sqnr
from redsc.runtime.ports import dequantize_rows, quantize_samples

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


def _noise(net: str) -> Callable[[], Array]:
    """Return samples as those of PyTorch's recorded input: standard normal."""

    def load() -> Array:
        shape = np.load(ZOO / "exports" / f"{net}.io.npz")["x"].shape
        return np.random.default_rng(1).standard_normal((CALIBRATE + MEASURE, *shape[1:]), np.float32)

    return load


NETS = ("ae", "conv1d", "det", "dscnn", "flatcnn", "mbv2", "miscacts", "resnet8", "silu_se")

MODELS: dict[Path, Callable[[], Array]] = {
    ZOO / "models/mlcommons+tiny/pretrainedResnet.tflite": _photos,
    ZOO / "models/mlcommons+tiny/vww_96_float.tflite": _large_photos,
    ZOO / "models/mlcommons+tiny/ad01_fp32.tflite": _log_energies,
    ROOT / "examples" / "fashion_dscnn.onnx": _fashion,
    **{ZOO / "exports" / f"{net}.dynamo18.onnx": _noise(net) for net in NETS},
}


def decibels(graph: Graph, quantized: Graph, samples: list[list[Array]]) -> tuple[float, float]:
    """Return the SQNR of the last layer but one (before a softmax), and of the first output."""
    rows = measure_sqnr(graph, quantized, samples)
    wanted = EXECUTORS["litert"].run(write_tflite(graph), samples)
    found = EXECUTORS["litert"].run(write_tflite(quantized), quantize_samples(quantized, samples))
    real = dequantize_rows(quantized, found)
    output = signal_to_noise_db([row[:1] for row in wanted], [row[:1] for row in real])
    return rows[-2].sqnr_db if len(rows) > 1 else output, output


def ai_edge_quantizer(python: Path, graph: Graph, samples: list[list[Array]]) -> bytes:
    """Return the model that ai-edge-quantizer makes of a graph."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "float.tflite").write_bytes(write_tflite(graph))
        np.savez(folder / "calib.npz", x=np.stack([row[0] for row in samples]))
        files = [str(folder / file) for file in ("float.tflite", "calib.npz", "int8.tflite")]
        subprocess.run([str(python), str(WORKER), *files], check=True, capture_output=True)
        return (folder / "int8.tflite").read_bytes()


def _measure_rival(
    name: str, python: Path, graph: Graph, calibrate: list[list[Array]], measure: list[list[Array]]
) -> float:
    """Print and return the SQNR of ai-edge-quantizer's output, minus infinity where it fails."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        made = ai_edge_quantizer(python, graph, calibrate)
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = Interpreter(model_content=made, experimental_op_resolver_type=plain)
        interpreter.allocate_tensors()
    except (subprocess.CalledProcessError, RuntimeError, ValueError) as error:
        print(f"{name:<20} {'ai-edge-quantizer':<34} fails: {type(error).__name__}")
        return -float("inf")
    found = []
    (source,), result = interpreter.get_input_details(), interpreter.get_output_details()[0]
    for (sample,) in measure:
        interpreter.set_tensor(source["index"], _to_port(sample, source))
        interpreter.invoke()
        found.append([_from_port(interpreter.get_tensor(result["index"]), result)])
    wanted = EXECUTORS["litert"].run(write_tflite(graph), measure)
    output = signal_to_noise_db([row[:1] for row in wanted], found)
    ops = [item["op_name"] for item in interpreter._get_ops_details()]
    conversions = sum(op in ("QUANTIZE", "DEQUANTIZE") for op in ops)
    note = f"  with {conversions} QUANTIZE and DEQUANTIZE" if conversions else ""
    print(f"{name:<20} {'ai-edge-quantizer':<34} {'':>12} {output:>9.2f}{note}")
    return output


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


def _placed(port: Port, sample: Array, in_graph_layout: bool) -> Array:
    """Return a sample in the graph's layout."""
    if in_graph_layout:
        return np.ascontiguousarray(sample.reshape(laid_out(port.source_shape, port.axes)))
    return np.ascontiguousarray(port.to_graph(sample.reshape(port.source_shape)))


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
        model = read_model(path)
        graph, port = model.graph, model.inputs[0]
        is_source = port.layout == "source" or path.stem == "fashion_dscnn"
        rows = [[_placed(port, sample, is_source)] for sample in load()[: CALIBRATE + MEASURE]]
        calibrate, measure = rows[:CALIBRATE], rows[CALIBRATE:]
        if python is not None:
            bar = _measure_rival(path.stem, python, graph, calibrate, measure) - BAR_DB
        for method in Calibration:
            for dense in DenseScales:
                started = time.perf_counter()
                settings = Quantization(calibration=method, dense=dense)
                made = quantize_network(graph, calibrate, settings, Log()).graph
                seconds = time.perf_counter() - started
                inner, output = decibels(graph, made, measure)
                name = f"redsc {method.value}{'' if dense is DenseScales.AUTO else f', dense {dense.value}'}"
                late = "  below the bar" if python is not None and output < bar else ""
                print(f"{path.stem:<20} {name:<34} {inner:>12.2f} {output:>9.2f} {seconds:>5.2f}{late}")


if __name__ == "__main__":
    main()
