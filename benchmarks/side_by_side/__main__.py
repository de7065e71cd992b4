"""Run the comparisons that are asked for."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from . import __doc__ as about
from . import conversion, order, packing, quantization
from .process import ROOT
from .setting import Setting

COMPARISONS = {
    "conversion": conversion.compare,
    "quantization": quantization.compare,
    "order": order.compare,
    "packing": packing.compare,
}


def main() -> None:
    """Print a row per input and tool."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, default=ROOT / "build" / "environments", metavar="FOLDER")
    parser.add_argument("--minimalloc", type=Path, metavar="PROGRAM", help="the compiled minimalloc")
    parser.add_argument("--tflite-tools", type=Path, metavar="FOLDER", help="the sources of eliberis/tflite-tools")
    parser.add_argument("--limit", type=int, default=120, help="seconds of a core for one tool and input")
    parser.add_argument("--quick", action="store_true", help="few inputs")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(COMPARISONS))
    given = parser.parse_args()
    zoo = Path(os.environ.get("REDSC_ZOO", ROOT.parent / "shared" / "zoo"))
    with tempfile.TemporaryDirectory() as scratch:
        setting = Setting(
            zoo=zoo.resolve(),
            environments=given.environments.resolve(),
            scratch=Path(scratch),
            limit=given.limit,
            is_quick=given.quick,
            minimalloc=given.minimalloc and given.minimalloc.resolve(),
            tflite_tools=given.tflite_tools and given.tflite_tools.resolve(),
        )
        print(f"{'input':<30} {'tool':<26} {'core s':>8} {'MB':>7}  result")
        for name in given.names or COMPARISONS:
            for row in COMPARISONS[name](setting):
                print(row, flush=True)


if __name__ == "__main__":
    main()
