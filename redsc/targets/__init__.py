"""Boards and what an inference costs there: TOML files, one per board and one per core and kernel library."""

from redsc.targets.find import builtin_tables, builtin_targets, find_target, tables_of, with_table
from redsc.targets.target import WORK_KINDS, CostTable, Evidence, Rates, Target

__all__ = [
    "WORK_KINDS",
    "CostTable",
    "Evidence",
    "Rates",
    "Target",
    "builtin_tables",
    "builtin_targets",
    "find_target",
    "tables_of",
    "with_table",
]
