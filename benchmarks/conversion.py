"""How long import and quantisation take, and what they are worth.

    python benchmarks/conversion.py [--accuracy] [--levels]

A row per export of the zoo: seconds to import, and to quantise with 64 samples, against the yardstick of the same
process: one onnxruntime session of the file, without graph optimisation, and one run. An import may take 0.5 s.
`--accuracy` runs the models of the zoo's README on all keywords and on all 10,000 images of Fashion-MNIST, in
LiteRT's optimised kernels. `--levels` compiles levels 25,50,75,100 of the zoo's larger networks.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from models import DATASETS, LEVELS, NETWORKS, ZOO

from redsc.compile import compile_model, read_model
from redsc.formats import Model, write_tflite
from redsc.ir import Array, Graph
from redsc.option_texts import parse_levels
from redsc.options import Options, Quantization
from redsc.passes.base import Log
from redsc.passes.quantize.ptq import quantize_network
from redsc.runtime import EXECUTORS
from redsc.runtime.litert import trace
from redsc.runtime.ports import quantize_samples, to_real

NETS = ("dscnn", "resnet8", "mbv2", "conv1d", "det", "flatcnn", "miscacts", "silu_se", "ae")
BAR_SECONDS = 0.5
SAMPLES = 64
LARGE = (
    "STMicroelectronics+stm32ai-modelzoo-services/mobilenet_v2_128_0.5.onnx",
    "Linzaer+Ultra-Light-Fast-Generic-Face-Detector-1MB/version-RFB-320.onnx",
    "ShiqiYu+libfacedetection.train/yunet_n_320_320.onnx",
    "mit-han-lab+tinyengine/detection.tflite",
    "mediapipe-0.10.14/hand_recrop.tflite",
)


def in_graph(model: Model, data: Array) -> list[list[Array]]:
    """Return samples for the only input of a model in its graph's layout."""
    (port,) = model.inputs
    return [[np.ascontiguousarray(port.to_graph(sample.reshape(port.source_shape)))] for sample in data]


def conversion() -> None:
    """Print a row per export."""
    print(f"{'export':<18} {'import s':>8} {'yardstick s':>11} {'quantise s':>10} {'onnx B':>9} {'int8 B':>8}")
    files = sorted(path for net in NETS for path in (ZOO / "exports").glob(f"{net}.*.onnx"))
    for path in files:
        started = time.perf_counter()
        model = read_model(path)
        imported = time.perf_counter()
        data = np.random.default_rng(0).standard_normal((SAMPLES, *model.inputs[0].source_shape), np.float32)
        samples = in_graph(model, data)
        ready = time.perf_counter()
        graph = quantize_network(model.graph, samples, Quantization(), Log()).graph
        quantised = time.perf_counter()
        EXECUTORS["onnxruntime"].run(model.runnable, [[data[0]]])
        done = time.perf_counter()
        late = "" if imported - started < BAR_SECONDS else f"  over the bar of {BAR_SECONDS} s"
        print(
            f"{path.stem:<18} {imported - started:>8.3f} {done - quantised:>11.3f} {quantised - ready:>10.3f} "
            f"{path.stat().st_size:>9,} {len(write_tflite(graph)):>8,}{late}"
        )


def _fashion() -> tuple[Array, Array, Array]:
    def unpack(name: str, skip: int) -> Array:
        data = gzip.decompress((DATASETS / "fashion_mnist" / name).read_bytes())
        return np.frombuffer(data, np.uint8, -1, skip)

    train = np.load(DATASETS / "fashion_mnist/train_first10000.npz")["x"][:200]
    images = unpack("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    return (
        (images / np.float32(255)).astype(np.float32),
        unpack("t10k-labels-idx1-ubyte.gz", 8),
        train / np.float32(255),
    )


def _keywords() -> tuple[Array, Array, Array]:
    archive = np.load(DATASETS / "kws01/kws01_dev600.npz")
    return archive["x"], archive["y"], archive["x"][::6]


def _keywords_float() -> tuple[Array, Array, Array]:
    x, y, _ = _keywords()
    real = (x.astype(np.float32) - 83) * np.float32(0.5847)
    return real, y, real[::6]


TABLE: dict[str, tuple[Callable[[], tuple[Array, Array, Array]], float]] = {
    "mlcommons+tiny/kws_ref_model.tflite": (_keywords, 90.2),
    "mlcommons+tiny/kws_ref_model_float32.tflite": (_keywords_float, 90.0),
    "FraCorti+REDS-vision/fashion_mnist_ds_cnn_s_float.tflite": (_fashion, 90.6),
    "FraCorti+REDS-vision/fashion_mnist_ds_cnn_s_int8.tflite": (_fashion, 90.28),
    "FraCorti+REDS-vision/reds_fashion_mnist_dscnn_s_b1.onnx": (_fashion, 90.6),
}


def percent(graph: Graph, samples: list[list[Array]], labels: Array) -> float:
    """Return the accuracy of a graph."""
    output = [value.name for value in graph.values()].index(graph.outputs[0].name)
    rows = trace(write_tflite(graph), quantize_samples(graph, samples), [output], optimized=True)
    found = [int(np.argmax(to_real(row[0], graph.outputs[0].type))) for row in rows]
    return 100 * float(np.mean(np.array(found) == labels))


def accuracy() -> None:
    """Print a row per model of the table."""
    print(f"\n{'model':<40} {'samples':>7} {'README %':>8} {'imported %':>10} {'int8 here %':>11}")
    for name, (load, published) in TABLE.items():
        model = read_model(NETWORKS / name)
        x, labels, calibrate = load()
        samples = in_graph(model, x)
        found, here = percent(model.graph, samples, labels), ""
        if model.inputs[0].dtype == "float32":
            made = quantize_network(model.graph, in_graph(model, calibrate), Quantization(), Log()).graph
            here = f"{percent(made, samples, labels):.2f}"
        print(f"{Path(name).name:<40} {len(x):>7,} {published:>8.2f} {found:>10.2f} {here:>11}")


def levels() -> None:
    """Print the seconds that four levels of a large network take, float and int8."""
    print(f"\n{'model':<30} {'float or as it is s':>19} {'with 16 samples s':>17}")
    for name in LARGE:
        path, times = NETWORKS / name, []
        (port,) = read_model(path).inputs
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data.npz"
            np.savez(data, x=np.random.default_rng(0).standard_normal((16, *port.source_shape), np.float32))
            for given in (None, data):
                started = time.perf_counter()
                compile_model(path, Options(levels=parse_levels(LEVELS), data=given))
                times.append(time.perf_counter() - started)
        print(f"{path.stem:<30} {times[0]:>19.1f} {times[1]:>17.1f}")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accuracy", action="store_true")
    parser.add_argument("--levels", action="store_true")
    asked = parser.parse_args()
    conversion()
    if asked.accuracy:
        accuracy()
    if asked.levels:
        levels()


if __name__ == "__main__":
    main()
