"""The options of a command with many of them, in groups: what one needs first is read first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

__all__ = ["GROUPS", "write_groups"]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "What you want": (
        *("--ram", "--flash", "--macs", "--latency", "--levels", "--data", "--eval", "--target", "--backend"),
        *("--max-drop", "--emit", "--widths", "--resume", "--read", "--jobs", "--scheduler"),
    ),
    "What comes out": (
        *("--output", "--name", "--array", "--html", "--overlay", "--json", "--explain", "--depfile"),
        *("--dry-run", "--check", "--spaces", "--level"),
    ),
    "How levels are made": (
        *("--select", "--plan", "--freeze", "--resolution", "--crop", "--importance", "--recover"),
        *("--protect-full", "--tune", "--tune-steps", "--tune-flip", "--tune-device"),
    ),
    "What single selectors ask besides": (
        *("--ratio", "--ratios", "--step", "--population", "--generations", "--seed"),
    ),
    "How int8 is made": ("--calibration", "--dense-weights", "--keep-float", "--no-quantize", "--int8-io"),
    "What runs it, and from where": ("--kernels", "--prefer", "--share", "--resident", "--cache", "--cost-table"),
    "How the model file is read": ("--shape", "--state", "--signature", "--recurrent", "--model"),
    "Of every command": ("--config", "--print-config", "--no-cache", "--quiet", "--verbose", "--color", "--help"),
}


def write_groups(options: Sequence[click.Parameter], ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the help of options under the titles of `GROUPS`, those of no group first."""
    place = {flag: title for title, flags in GROUPS.items() for flag in flags}
    found: dict[str, list[tuple[str, str]]] = {"Options": [], **{title: [] for title in GROUPS}}
    for option in options:
        if isinstance(option, click.Option) and (record := option.get_help_record(ctx)):
            titles = [place[flag] for flag in option.opts if flag in place]
            found[(*titles, "Options")[0]].append(record)
    for title, records in found.items():
        if records:
            with formatter.section(title):
                formatter.write_dl(records)
