"""Writes what the check links: three networks of four levels, compiled, and every level as a stock file of its own.

Run as `python -m tests.check_tflm.make_models FOLDER`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from redsc.codegen.container import slot_bytes
from redsc.compile import compile_model, slice_level
from redsc.cost.memory import head_bytes
from redsc.cost.tflm.planning import planning_bytes
from redsc.cost.tflm.structs import Abi
from redsc.cost.tflm.tail import state_bytes, tail_bytes
from redsc.formats import planned_offsets, read_tflite, write_tflite
from redsc.ir import Activation, DType, Graph, Padding
from redsc.options import Options
from tests.helpers import NetBuilder

__all__ = ["NETWORKS", "host_resident_bytes", "main"]

LEVELS = ("100", "75", "50", "25")
HOST = Abi(pointer_bytes=8, enum_bytes=4)  # TFLM's own build for a 64-bit host: no recording, no compression


def joined_net() -> Graph:
    """Return an int8 network whose cut layers read a prefix, two runs behind a concatenation, a flattened image."""
    net = NetBuilder(DType.INT8, seed=1)
    stem = net.conv(net.input(1, 9, 8, 3), 16, padding=Padding.SAME, activation=Activation.RELU)
    stem = net.depthwise(stem, padding=Padding.SAME, stride_h=1, stride_w=1)
    pair = net.concat(net.conv(stem, 16, 1), net.conv(stem, 24, padding=Padding.SAME, dilation_h=2, dilation_w=2))
    small = net.pool(net.conv(pair, 24, stride_h=2, stride_w=2), "AVERAGE_POOL_2D")
    inner = net.dense(net.reshape(small, 1, small.type.elements), 32, activation=Activation.RELU)
    return net.outputs(net.dense(inner, 10))


def residual_net() -> Graph:
    """Return a float32 network with an addition."""
    net = NetBuilder(DType.FLOAT32, seed=2)
    stem = net.conv(net.input(1, 6, 6, 2), 16, activation=Activation.RELU6)
    branch = net.conv(net.conv(stem, 24), 16)
    return net.outputs(net.dense(net.pool(net.add(stem, branch), "MAX_POOL_2D", 3), 4))


def window_net() -> Graph:
    """Return an int8 network whose state is the frames before: whatever the level, it is the same."""
    net = NetBuilder(DType.INT8, seed=3)
    frames = net.conv(net.stream(net.input(1, 1, 1, 6), 3), 32, 1, activation=Activation.RELU)
    frames = net.conv(net.pool(frames, "AVERAGE_POOL_2D", filter_h=4, filter_w=1), 24, 1)
    return net.outputs(net.dense(frames, 5))


NETWORKS: dict[str, Callable[[], Graph]] = {"joined": joined_net, "residual": residual_net, "window": window_net}


def host_resident_bytes(container: bytes) -> int:
    """Return the arena that holds every level at once where TFLM is built for a 64-bit host."""
    slots = [slot_bytes(container, slot) for slot in range(len(LEVELS))]
    graphs = [read_tflite(slot) for slot in slots]
    heads = [head_bytes(graph, planned_offsets(slot), HOST) for graph, slot in zip(graphs, slots, strict=True)]
    head = max(max(pair) for pair in zip(heads, (planning_bytes(graph, HOST) for graph in graphs), strict=True))
    return head + sum(tail_bytes(graph, HOST) for graph in graphs) - sum(state_bytes(g, HOST) for g in graphs[1:])


def main(folder: Path) -> None:
    """Write the sources of both networks, their stock levels and the sizes of their arenas on the host."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = []
    for name, make in NETWORKS.items():
        source = folder / f"{name}_source.tflite"
        source.write_bytes(write_tflite(make()))
        made = compile_model(source, Options(levels=LEVELS, selector="uniform", name=name))
        for path, data in made.files.items():
            (folder / path).write_bytes(data)
        for level in LEVELS:
            stock = slice_level(folder / f"{name}.tflite", level)
            (folder / f"{name}_stock_{level}.tflite").write_bytes(stock)
        sizes.append(f"#define {name.upper()}_HOST_BYTES {host_resident_bytes(made.files[f'{name}.tflite'])}u\n")
    (folder / "host_arenas.h").write_text("".join(sizes))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
