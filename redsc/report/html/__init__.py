"""Reports as pages: one file each, with everything inside, that a browser shows without a network."""

from __future__ import annotations

from redsc.report.html.page import render_analysis, render_report, render_sweep

__all__ = ["render_analysis", "render_report", "render_sweep"]
