"""Orders of weights for a cache: chosen by what they save, as far as the RAM for them is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from redsc.budgets import Budgets
from redsc.choices import FlashCache
from redsc.compile.choice import Choice
from redsc.cost.cache import CACHES
from redsc.cost.memory import NetworkMemory, measure_memory, resident_bytes
from redsc.engine.blocks import WeightOrder
from redsc.engine.orders import find_orders
from redsc.engine.rows import refusals
from redsc.ir import Graph
from redsc.progress import Progress
from redsc.report.data import CacheLevel, CacheReport

__all__ = ["order_for_cache"]

Orders = Mapping[str, WeightOrder]


def order_for_cache(choice: Choice, budgets: Budgets, progress: Progress) -> tuple[Choice, CacheReport | None]:
    """Return levels whose layers read their weights in blocks where that saves cycles, and what it saves.

    1. A layer in blocks reads its operand again for every block, so its result must lie apart. Its level's arena is
       planned anew: with a RAM budget it may grow up to that, else not at all.
    2. All that save are taken at once if they fit, else one by one, those that save most first.
    """
    levels = choice.levels
    if budgets.cache is FlashCache.NONE or refusals(levels.graphs, budgets.kernels):
        return choice, None  # the writer refuses what it has no kernel for
    progress("simulating the cache")
    cache = CACHES[budgets.cache.value]
    orders = find_orders(levels.graphs, budgets.kernels, cache)
    networks, blocks = list(levels.networks), list[dict[str, int]]()
    for slot, found in enumerate(orders):
        taken, memory = _fitting(
            [network.memory for network in networks], slot, networks[slot].shipped, found, budgets
        )
        networks[slot] = replace(networks[slot], memory=memory)
        blocks.append({name: order.block for name, order in taken.items()})
    rows = tuple(
        _level(name, found, chosen) for name, found, chosen in zip(levels.names, orders, blocks, strict=True)
    )
    report = CacheReport(budgets.cache.value, cache.line_bytes, cache.fill_cycles, rows)
    levels = replace(levels, networks=tuple(networks))
    return replace(choice, levels=levels, blocks=tuple(blocks)), report


def _fitting(
    memory: Sequence[NetworkMemory], slot: int, graph: Graph, orders: Orders, budgets: Budgets
) -> tuple[Orders, NetworkMemory]:
    """Return the orders that a level takes, with its arena; `memory` is that of all levels as they are."""

    def plan(names: Orders) -> NetworkMemory | None:
        planned = measure_memory(graph, budgets.kernels, apart=names)
        if budgets.ram_bytes is None:
            return planned if planned.head_bytes <= memory[slot].head_bytes else None
        others = [*memory[:slot], planned, *memory[slot + 1 :]]
        return planned if resident_bytes(others, budgets.resident) <= budgets.ram_bytes else None

    useful = {name: order for name, order in orders.items() if order.block}
    if not useful:
        return {}, memory[slot]
    if whole := plan(useful):
        return useful, whole
    taken, best = dict[str, WeightOrder](), memory[slot]
    for name, order in sorted(useful.items(), key=lambda item: -item[1].saved):
        if found := plan({**taken, name: order}):
            taken, best = {**taken, name: order}, found
    return taken, best


def _level(name: str, orders: Orders, blocks: Mapping[str, int]) -> CacheLevel:
    return CacheLevel(
        level=name,
        lines=sum(order.lines for order in orders.values()),
        fills_before=sum(order.fills_before for order in orders.values()),
        fills=sum(order.fills if layer in blocks else order.fills_before for layer, order in orders.items()),
        saved_cycles=round(sum(orders[layer].saved for layer in blocks)),
        blocks=blocks,
        without_room=sum(order.block > 0 for order in orders.values()) - len(blocks),
    )
