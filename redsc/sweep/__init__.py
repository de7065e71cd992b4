"""Many compiles at once: models x RAM budgets x selectors, on all cores or on a cluster."""

from redsc.sweep.grid import Point, grid, parse_ram
from redsc.sweep.run import run_sweep

__all__ = ["Point", "grid", "parse_ram", "run_sweep"]
