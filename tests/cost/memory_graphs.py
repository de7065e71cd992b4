"""Published networks as sizes and steps, and hard instances of packing: the zoo's files, and what is known of them.

Sizes are plain bytes there, without alignment, as in the table of peaks.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from redsc.cost.arena import ArenaProblem
from redsc.cost.buffer import Buffer
from redsc.cost.liveness import LiveRange
from redsc.cost.order import OrderProblem, Step

__all__ = ["FOLDER", "PEAKS", "load_packing", "load_problem"]

FOLDER = "memory/graphs"
PEAKS = {  # given, greedy, bound of all orders, optimum
    "amoeba_32_f36_n6": (368_640, 313_344, 221_184, 294_912),
    "darts_224_f12_n4": (1_028_608, 878_080, 702_464, 777_728),
    "nasnet_32_f32_n6": (589_824, 442_368, 393_216, 442_368),
    "randwire_n16_s7": (97_216, 97_216, 97_216, 97_216),
    "randwire_n32_s0": (175_812, 137_592, 97_216, 114_660),
    "two_branch": (3_136, 3_136, 3_136, 3_136),
}


def load_problem(path: Path) -> OrderProblem:
    """Return the problem in a file: tensors with bytes, steps with inputs and outputs."""
    text = json.loads(path.read_text(encoding="utf-8"))
    number = {int(name): index for index, name in enumerate(text["tensors"])}
    return OrderProblem(
        sizes=tuple(text["tensors"].values()),
        steps=tuple(
            Step(tuple(dict.fromkeys(number[t] for t in op["ins"])), tuple(number[t] for t in op["outs"]))
            for op in text["ops"]
        ),
        inputs=frozenset(number[t] for t in text["inputs"]),
        outputs=frozenset(number[t] for t in text["outputs"]),
    )


def load_packing(path: Path) -> ArenaProblem:
    """Return buffers from a file in the format of google/minimalloc: id, lower, upper, size; [lower, upper)."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    lives = [LiveRange(int(row["lower"]), int(row["upper"])) for row in rows]
    return ArenaProblem(
        tuple(Buffer(row["id"], int(row["size"]), live) for row, live in zip(rows, lives, strict=True))
    )
