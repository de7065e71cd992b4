"""Offsets for buffers in one arena. The nouns are those of google/minimalloc."""

from redsc.cost.arena.check import arena_problems, check_arena
from redsc.cost.arena.plan import ArenaPlan, Effort, plan_arena
from redsc.cost.arena.problem import ArenaProblem, Overlap, View, lower_bound_bytes, most_shared

__all__ = [
    "ArenaPlan",
    "ArenaProblem",
    "Effort",
    "Overlap",
    "View",
    "arena_problems",
    "check_arena",
    "lower_bound_bytes",
    "most_shared",
    "plan_arena",
]
