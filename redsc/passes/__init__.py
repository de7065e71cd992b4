"""Transformations, one per file, in folders by the step they belong to.

1. `simplify` makes a network smaller without loss.
2. `spaces` finds what a level may cut: channels that belong together, blocks.
3. `losses` measures what each cut costs.
4. `select` searches the widths of every level and returns a frozen plan.
5. `slice` makes the graphs of a plan; `levels` drives steps 2 to 5.
6. `recover` and `tune` repair what slicing broke.
7. `quantize` makes int8 of it, `realize` brings weights and scales together.
8. `schedule` orders the nodes, `ship` lays the levels side by side, `flash` says what they take there.

`SIMPLIFY` lists the lossless passes in the order in which they run, `STAGED` those that a later stage runs where it
needs them, `SELECTORS` the searches for levels.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SELECTORS", "SIMPLIFY", "STAGED"]

SIMPLIFY: Mapping[str, str] = {
    "skip-joining": "redsc.passes.simplify.skip_joining:SkipJoining",
    "drop-dead-nodes": "redsc.passes.simplify.drop_dead_nodes:DropDeadNodes",
    "fold-constants": "redsc.passes.simplify.fold_constants:FoldConstants",
    "fold-padding": "redsc.passes.simplify.fold_padding:FoldPadding",
    "drop-identities": "redsc.passes.simplify.drop_identities:DropIdentities",
    "drop-flattening": "redsc.passes.simplify.drop_flattening:DropFlattening",
    "restore-clipping": "redsc.passes.simplify.restore_clipping:RestoreClipping",
    "fold-affine": "redsc.passes.simplify.fold_affine:FoldAffine",
    "split-dense": "redsc.passes.simplify.split_dense:SplitDense",
    "fuse-activation": "redsc.passes.simplify.fuse_activation:FuseActivation",
    "fuse-hard-swish": "redsc.passes.simplify.fuse_hard_swish:FuseHardSwish",
    "drop-constant-channels": "redsc.passes.simplify.drop_constant_channels:DropConstantChannels",
}

STAGED: Mapping[str, str] = {
    "drop-border-conversions": "redsc.passes.simplify.drop_border_conversions:DropBorderConversions",
    "expand-log-softmax": "redsc.passes.quantize.expand_log_softmax:ExpandLogSoftmax",
    "tabulate": "redsc.passes.quantize.tabulate:Tabulate",
    "fuse-lookups": "redsc.passes.quantize.fuse_lookups:FuseLookups",
    "schedule": "redsc.passes.schedule:Schedule",
}

SELECTORS: Mapping[str, str] = {
    "joint": "redsc.passes.select.selectors.joint:select_joint",
    "reds-bu": "redsc.passes.select.selectors.reds:select_bottom_up",
    "reds-td": "redsc.passes.select.selectors.reds:select_top_down",
    "netadapt": "redsc.passes.select.selectors.netadapt:select_netadapt",
    "genetic": "redsc.passes.select.selectors.genetic:select_genetic",
    "ratios": "redsc.passes.select.selectors.ratios:select_ratios",
    "uniform": "redsc.passes.select.selectors.uniform:select_uniform",
}
