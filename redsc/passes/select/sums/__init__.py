"""What levels cost, as sums of terms over widths and skipped blocks: a solver adds them up and cuts no graph.

`terms`, `nodes`, `nesting` and `polynomials` are what all are made of; `macs`, `cycles`, `ram` (with `tail` and
`node_bytes`) and `flash` are one cost each, and `costs` holds them all.
"""
