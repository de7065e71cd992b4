"""Commands that choose levels: by one selector, by several side by side, under many budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redsc.cli.flags import (
    EVALUATION,
    HTML,
    MODEL,
    budget_flags,
    network_flags,
    other_budget_flags,
    search_flags,
    select_flags,
)
from redsc.cli.option import json_flag
from redsc.cli.terminal import is_quiet, say, waiting
from redsc.cli.verb import Verb

if TYPE_CHECKING:
    from redsc.options import Options

__all__ = ["compare", "levels", "sweep"]


@click.command(cls=Verb, epilog="Example: redsc levels model.tflite --levels 25,50,75,100 --ram 64KiB")
@MODEL
@budget_flags
@select_flags
@network_flags
@click.option(
    "--spaces",
    is_flag=True,
    help="List the channel spaces, their layers, why some are frozen, and the blocks that may be skipped.",
)
def levels(model: Path, spaces: bool, **flags: Any) -> None:
    """Choose the levels of MODEL, print their plan."""
    from redsc.compile import plan_levels, read_as
    from redsc.options import Options
    from redsc.passes.slice.own_biases import own_biases
    from redsc.passes.spaces.structure import find_structure
    from redsc.report.spaces import block_rows, print_spaces, space_rows

    options = Options.parse(**flags)
    if spaces:
        graph = own_biases(read_as(model, options).graph)
        structure = find_structure(graph, options.freeze)
        print_spaces(space_rows(graph, structure.groups), block_rows(graph, structure.blocks))
        return
    with waiting() as progress:
        chosen = plan_levels(model, options, progress).levels
    for item in chosen.diagnostics:
        say(item.render())
    print(chosen.plan.to_json(), end="")


@click.command(
    cls=Verb, epilog="Example: redsc compare model.onnx --data samples.npz --select joint,genetic,uniform"
)
@MODEL
@budget_flags
@click.option(
    "--select",
    metavar="LIST",
    default="joint,genetic,netadapt,reds-bu,uniform",
    show_default=True,
    help="The selectors to compare.",
)
@search_flags
@network_flags
@EVALUATION
@json_flag("the numbers")
def compare(model: Path, select: str, json_to: str | None, **flags: Any) -> None:
    """Choose the levels of MODEL by several selectors, side by side.

    On the same data, losses and budgets, with the same recovery.
    """
    from redsc.cli.select_flags import parse_selectors
    from redsc.compile import compare_selectors
    from redsc.report.comparison import print_comparison

    options = _options_of_several(flags)
    with waiting() as progress:
        found = compare_selectors(model, options, parse_selectors(select), progress)
    for side in found.sides:
        if side.error is not None:
            say(f"{side.selector}: {side.error.render('error')}")
    if json_to:
        print(found.to_json())
    else:
        print_comparison(found)


@click.command(
    cls=Verb, epilog="Example: redsc sweep kws.tflite vww.tflite --ram 32KiB..256KiB --levels 25,50,75,100 -o sweep"
)
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--ram",
    metavar="SIZES",
    required=True,
    help="RAM budgets, like 64KB,128KB or 32KiB..256KiB: 8 in equal ratios, N with /N behind it.",
)
@other_budget_flags
@click.option("--select", metavar="LIST", default="joint", show_default=True, help="Selectors, like joint,genetic.")
@search_flags
@network_flags
@EVALUATION
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("sweep"),
    show_default=True,
    help="Where the files go.",
)
@click.option("--jobs", type=click.IntRange(1, 1024), help="Processes; default: as many as there are cores.")
@click.option("--scheduler", metavar="ADDRESS", help="Compute on this Dask cluster (needs redsc[cluster]).")
@json_flag("the numbers")
@HTML
def sweep(
    models: tuple[Path, ...],
    ram: str,
    select: str,
    output: Path,
    jobs: int | None,
    scheduler: str | None,
    json_to: str | None,
    html: Path | None,
    **flags: Any,
) -> None:
    """Choose levels of every MODEL in every RAM budget.

    By every selector that is named. {name} in --data and --eval stands for a model's name. Points that are finished
    are kept: the same command goes on where it was stopped.
    """
    from redsc.cli.pages import page_file
    from redsc.cli.select_flags import parse_selectors
    from redsc.codegen.files import write_files
    from redsc.report.html import render_sweep
    from redsc.report.sweep import print_sweep
    from redsc.report.sweep_svg import draw_sweep
    from redsc.sweep import grid, parse_ram, run_sweep

    points = grid(parse_ram(ram), parse_selectors(select))
    options = _options_of_several(flags)
    try:
        with waiting() as progress:
            found = run_sweep(models, options, points, output, jobs, scheduler, progress)
    except KeyboardInterrupt:
        say(f"finished points are kept in {output / 'points'}: the same command goes on from there")
        raise
    text = found.to_json()
    write_files(output, {"sweep.json": text.encode(), "sweep.svg": draw_sweep(found).encode()})
    write_files(Path(), page_file(html, lambda: render_sweep(found)))
    if json_to:
        print(text, end="")
        return
    if is_quiet():
        return
    print_sweep(found)
    print(f"\n{output / 'sweep.json'}, {output / 'sweep.svg'}")


def _options_of_several(flags: Mapping[str, Any]) -> Options:
    """Return the options of a command with several selectors: ratios alone do not ask for `ratios`."""
    from redsc.options import Options, Searching

    searching = {name: value for name, value in flags.items() if name in _SEARCHING}
    others = {name: value for name, value in flags.items() if name not in _SEARCHING}
    return replace(Options.parse(**others), searching=Searching.parse(**searching))


_SEARCHING = ("step", "population", "generations", "seed", "ratio", "ratios")
