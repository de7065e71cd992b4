"""Measure the C engine and write what was found into docs/results.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from . import __doc__ as about
from .cmsis_nn import find_cmsis_nn
from .kernels import Kernel, measure_kernels
from .machine import MissingTool, build_counter, versions
from .networks import NETWORKS, Network, NotCompiled, measure_network
from .section import Results, problems, render_section, replace_section

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "results.md"
_SAMPLES, _QUICK_SAMPLES = 32, 2
_FLAGS, _QUICK_FLAGS = ("-O2", "-Os"), ("-O2",)


def main() -> int:
    """Return 0, or 1 where an output is wrong or a tool is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.firmware",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"by default {', '.join(NETWORKS)}")
    parser.add_argument("--quick", action="store_true", help="two inputs, -O2 only; docs/results.md stays as it is")
    parser.add_argument("--only-kernels", action="store_true", help="no networks; docs/results.md stays as it is")
    asked = parser.parse_args()
    if unknown := set(asked.models) - set(NETWORKS):
        parser.error(f"no such model: {', '.join(sorted(unknown))}")
    names = [] if asked.only_kernels else asked.models or list(NETWORKS)
    try:
        results = measure(names, asked.quick)
    except MissingTool as error:
        print(error, file=sys.stderr)
        return 1
    if wrong := problems(results):
        print("\n".join(wrong), file=sys.stderr)
        return 1
    section = render_section(results)
    print(section)
    if not asked.quick and [network.name for network in results.networks] == list(NETWORKS):
        replace_section(_PAGE, section)
    return 0


def measure(names: list[str], quick: bool) -> Results:
    """Measure networks and kernels; a network that cannot be compiled is named on stderr.

    Raises:
        MissingTool: a tool is not installed.
    """
    samples, flags = (_QUICK_SAMPLES, _QUICK_FLAGS) if quick else (_SAMPLES, _FLAGS)
    with tempfile.TemporaryDirectory(prefix="redsc-") as name:
        folder = Path(name)
        plugin, reason = build_counter(folder)
        networks = [found for name in names if (found := _network(name, folder, flags, samples, plugin))]
        kernels: tuple[Kernel, ...] = measure_kernels(folder, find_cmsis_nn(), plugin)
        return Results(networks, kernels, samples, flags, versions(), reason)


def _network(name: str, folder: Path, flags: tuple[str, ...], samples: int, plugin: Path | None) -> Network | None:
    print(f"{name} ...", file=sys.stderr)
    try:
        return measure_network(name, folder, flags, samples, plugin)
    except NotCompiled as error:
        print(f"{name}: {error}", file=sys.stderr)
        return None


if __name__ == "__main__":
    sys.exit(main())
