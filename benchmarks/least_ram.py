"""What the lossless work saves: RAM of the whole network, and how long it takes to find the order and the plan.

    python benchmarks/least_ram.py

In bytes. File: TFLM's own head for the model file as it is. Arenas are those of the tflite-micro wheel (x86-64),
with which the network is loaded and run; MACs and weights are what is left of those in the file. Seconds are of
the search for the order and of the three plans; the last column has them in runs of the network in tflite-micro.
"""

from __future__ import annotations

import time
from pathlib import Path

from models import NETWORKS, TINY

from redsc.choices import Kernels
from redsc.compile import read_model
from redsc.cost.macs import graph_macs
from redsc.cost.memory import arena_bytes, head_bytes, measure_memory
from redsc.cost.tflm.structs import X86_64_RECORDING
from redsc.formats import load_model, write_tflite
from redsc.ir import Graph
from redsc.passes.base import Log
from redsc.passes.schedule import Schedule
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples

MODELS = (
    *(
        TINY / f"{name}.tflite"
        for name in ("vww_96_int8", "pretrainedResnet_quant", "kws_ref_model", "str_ww_ref_model", "ad01_int8")
    ),
    NETWORKS / "GenCPruneX" / "base_clean.int8io.tflite",
    NETWORKS / "mediapipe-0.10.14" / "hand_recrop.tflite",
    NETWORKS / "mit-han-lab+tinyengine" / "detection.tflite",
)


def main() -> None:
    """Print the figures of every model that is there."""
    print(
        f"{'model':<24} {'file':>9} {'safe':>9} {'reference':>9} {'cmsis-nn':>9} "
        f"{'arena file':>10} {'safe':>9} {'reference':>9} {'MACs':>5} {'weights':>7} {'seconds':>7} {'/ run':>6}"
    )
    for path in MODELS:
        print(row(path) if path.is_file() else f"{path.stem:<24} not there: set REDSC_ZOO", flush=True)


def row(path: Path) -> str:
    """Return the figures of a model."""
    before, graph = load_model(path).graph, read_model(path).graph
    started = time.perf_counter()
    Schedule().run(graph, Log())
    plans = {kernels: measure_memory(graph, kernels) for kernels in Kernels}
    seconds = time.perf_counter() - started
    arenas = [
        arena_bytes(before, {}, X86_64_RECORDING),
        *(arena_bytes(graph, plans[k].offsets, X86_64_RECORDING) for k in (Kernels.SAFE, Kernels.REFERENCE)),
    ]
    heads = [head_bytes(before, {}), *(plan.head_bytes for plan in plans.values())]
    macs, weights = graph_macs(graph) / graph_macs(before), weight_bytes(graph) / weight_bytes(before)
    return (
        f"{path.stem:<24} {heads[0]:>9,} {heads[1]:>9,} {heads[2]:>9,} {heads[3]:>9,} "
        f"{arenas[0]:>10,} {arenas[1]:>9,} {arenas[2]:>9,} {macs:>5.2f} {weights:>7.2f} "
        f"{seconds:>7.2f} {seconds / run_seconds(before):>6.1f}"
    )


def weight_bytes(graph: Graph) -> int:
    """Return the bytes of all constants."""
    return sum(value.type.nbytes for value in graph.constants())


def run_seconds(graph: Graph) -> float:
    """Return what one run in tflite-micro takes, loading included."""
    model, samples = write_tflite(graph), random_samples(graph, 1)
    started = time.perf_counter()
    EXECUTORS["tflm"].run(model, samples)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
