"""Consecutive inferences, whatever runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from redsc.ir import Array

__all__ = ["Links", "run_linked"]

Links = Sequence[tuple[int, int]]
"""Inputs that take an output of the inference before, as numbers of both; the first one takes what is given."""


def run_linked(
    invoke: Callable[[Sequence[Array]], list[Array]], samples: Sequence[Sequence[Array]], links: Links
) -> list[list[Array]]:
    """Run samples one after the other, each with what the one before it gave to the inputs of `links`."""
    rows: list[list[Array]] = []
    for sample in samples:
        fed = list(sample)
        for source, output in links if rows else ():
            fed[source] = rows[-1][output]
        rows.append(invoke(fed))
    return rows
