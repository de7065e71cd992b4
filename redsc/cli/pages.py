"""Files beside the results, where they are asked for: a page for browsers, node data for Model Explorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from redsc.codegen.files import write_files
from redsc.report.network import NodeReport
from redsc.report.overlay import render_overlays

__all__ = ["write_overlays", "write_page"]


def write_page(path: Path | None, render: Callable[[], str]) -> None:
    """Write the page that `render` gives, if there is a path for it."""
    if path is not None:
        write_files(path.parent, {path.name: render().encode()})


def write_overlays(
    directory: Path | None, name: str, nodes: Sequence[NodeReport], live_bytes: Sequence[int]
) -> None:
    """Write a file per metric that is known of nodes, if there is a directory for them."""
    if directory is not None:
        texts = render_overlays(nodes, live_bytes)
        write_files(directory, {f"{name}.{metric}.json": text.encode() for metric, text in texts.items()})
