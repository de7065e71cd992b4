"""What skipping a segment of a chain loses, beside what halving the channels behind it does.

    PYTHONPATH=. python benchmarks/segment_losses.py MODEL DATA.npz

Where skipping loses no more, levels may skip the segment (`redsc/passes/losses/segments.py`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from redsc.compile import read_model
from redsc.cost.macs import graph_macs
from redsc.passes.base import Log
from redsc.passes.losses.sensitivity import measure_losses
from redsc.passes.losses.study import float_source
from redsc.passes.quantize.dequantize import real_samples
from redsc.passes.quantize.int8 import is_int8
from redsc.passes.schedule import Schedule
from redsc.passes.slice.skip import skip_blocks
from redsc.passes.spaces.blocks import find_chain_blocks
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime.data.dataset import load_data
from redsc.runtime.evaluate.task import find_task


def main() -> None:
    """Print a row per segment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    asked = parser.parse_args()
    model = read_model(asked.model)
    Schedule().run(model.graph, Log())
    data = load_data(asked.data, model)
    samples = real_samples(model.graph, data.samples) if is_int8(model.graph) else data.samples
    source = float_source(model.graph, Log())
    groups = find_channel_groups(source)
    blocks = find_chain_blocks(source, groups)
    legal = {space.name: (space.size // 2, space.size) for space in groups.free}
    found = measure_losses(source, groups, blocks, legal, samples, find_task(source, data.labels is not None))
    print(f"{'segment':<40} {'MACs':>6} {'skipped':>8} {'halved':>8}")
    for block in blocks:
        layouts = groups.axes[block.result].values()
        spaces = [groups.space(segment.space) for layout in layouts for segment in layout]
        halved = sum(found.of_width(space.name, space.size // 2) for space in spaces if not space.frozen)
        saved = 1 - graph_macs(skip_blocks(source, [block])) / graph_macs(source)
        print(f"{block.name[-40:]:<40} {saved:>6.1%} {found.of_skip(block.name):>8.3f} {halved:>8.3f}")


if __name__ == "__main__":
    main()
