"""The search that proves what it finds: levels as variables of CP-SAT on a grid of widths, then as real networks.

`search` drives it: `narrow` leaves out widths by bounds (`dynamic_program`), `cp_sat` solves all levels (`cp_level`
is one of them), `settle` makes the answer keep the real budgets, `refine` goes on to finer grids.
"""
