"""Files beside the results, where they are asked for: a page for browsers, node data for Model Explorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from redsc.report.network import NodeReport
from redsc.report.overlay import render_overlays

__all__ = ["overlay_files", "page_file"]


def page_file(path: Path | None, render: Callable[[], str]) -> dict[str, bytes]:
    """Return the page that `render` gives by its path, if there is one."""
    return {} if path is None else {path.as_posix(): render().encode()}


def overlay_files(
    directory: Path | None, name: str, nodes: Sequence[NodeReport], live_bytes: Sequence[int]
) -> dict[str, bytes]:
    """Return a file per metric that is known of nodes, if there is a directory for them, by their paths."""
    if directory is None:
        return {}
    texts = render_overlays(nodes, live_bytes)
    return {(directory / f"{name}.{metric}.json").as_posix(): text.encode() for metric, text in texts.items()}
