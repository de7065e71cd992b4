"""The order in which every layer of every level reads its weights: by simulation of the cache before the flash."""

from __future__ import annotations

from collections.abc import Sequence

from redsc.choices import Kernels
from redsc.cost.cache import Cache
from redsc.engine.blocks import BLOCKED, ConvReads, WeightOrder, choose_order
from redsc.engine.constants import pool_constants
from redsc.engine.program import constants_of
from redsc.engine.rows import emit_levels
from redsc.engine.state import lay_out_variables
from redsc.ir import Graph

__all__ = ["find_orders"]


def find_orders(graphs: Sequence[Graph], kernels: Kernels, cache: Cache) -> list[dict[str, WeightOrder]]:
    """Return for every level, the largest first, the best order of its int8 convolutions and dense layers.

    The names are those of the layers' results. Addresses are those in the one array of constants, which begins a
    line. Each layer finds the cache empty: others, and other data, have passed through it since the last inference.

    Raises:
        CannotTranslate: the engine has no kernel for a node.
    """
    levels = emit_levels(graphs, kernels)
    constants = [constant for level in levels for _, call in level for constant in constants_of(call)]
    pool = pool_constants([*constants, *lay_out_variables(graphs).stored])
    return [
        {
            node.outputs[0].name: choose_order(ConvReads.of(call, pool), cache)
            for node, call in level
            if call.function in BLOCKED
        }
        for level in levels
    ]
