"""How long does a compile take, import to files, verification included?

    python benchmarks/compile_time.py [--repeat 3]

Prints seconds per model, and the ratio to a yardstick measured in the same run: starting Python, importing redsc
and running the network once in LiteRT and in TFLM, which no compile that verifies itself can avoid. The bar is 5 s.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from models import LEVELS, MODELS

BAR_SECONDS = 5.0
YARDSTICK = """
import sys
from redsc.formats import write_tflite
from redsc.compile import read_model
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples
graph = read_model(sys.argv[1]).graph
for name in ("litert", "tflm"):
    EXECUTORS[name].run(write_tflite(graph), random_samples(graph, 1))
"""


def seconds(command: Sequence[str], repeat: int) -> float:
    """Return the least wall-clock time of some runs of a command."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Measure every model that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    print(f"{'model':<28} {'compile s':>9} {'yardstick s':>11} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as out:
        for model, ram in MODELS.items():
            if not model.is_file():
                print(f"{model.name:<28} not there: set REDSC_ZOO")
                continue
            levels = ["--levels", LEVELS, "--ram", ram, "-o", out]
            compiled = seconds([sys.executable, "-m", "redsc", "compile", str(model), *levels], repeat)
            yardstick = seconds([sys.executable, "-c", YARDSTICK, str(model)], repeat)
            late = "" if compiled < BAR_SECONDS else f"  over the bar of {BAR_SECONDS} s"
            print(f"{model.name:<28} {compiled:>9.2f} {yardstick:>11.2f} {compiled / yardstick:>6.2f}{late}")


if __name__ == "__main__":
    main()
