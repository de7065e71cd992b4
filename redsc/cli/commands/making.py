"""Commands that make firmware of a model, and check what was made."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from redsc.cli.flags import (
    EVALUATION,
    HTML,
    MODEL,
    OVERLAY,
    budget_flags,
    network_flags,
    select_flags,
)
from redsc.cli.terminal import say, waiting
from redsc.cli.verb import Verb

__all__ = ["compile_command", "slice_command", "verify"]


@click.command(
    "compile", cls=Verb, epilog="Example: redsc compile model.onnx --ram 200KB --data samples.npz -o out"
)
@MODEL
@budget_flags
@select_flags
@network_flags
@EVALUATION
@click.option("--max-drop", metavar="PERCENT", help="Leave out levels that lose more, like 2%.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("out"), show_default=True)
@click.option("--name", metavar="NAME", help="Prefix of files and C symbols; default: the model's file name.")
@click.option(
    "--array",
    type=click.Choice(["hex", "incbin"]),
    default="hex",
    show_default=True,
    help="The array in NAME.c: numbers, or NAME.tflite itself, read by the assembler (GCC and Clang).",
)
@click.option(
    "--emit",
    type=click.Choice(["files", "arduino"]),
    default="files",
    show_default=True,
    help="What to write: the files, or an Arduino library with a sketch.",
)
@click.option(
    "--depfile",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write for Make and Ninja which files the result depends on; its target is NAME.report.json.",
)
@click.option("--json", "json_to", metavar="-", type=click.Choice(["-"]), help="Print the report as JSON.")
@HTML
@OVERLAY
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@click.option("--explain", is_flag=True, help="Print what each lossless pass did and why not more.")
def compile_command(
    model: Path,
    output: Path,
    name: str | None,
    depfile: Path | None,
    json_to: str | None,
    html: Path | None,
    overlay: Path | None,
    dry_run: bool,
    explain: bool,
    **flags: Any,
) -> None:
    """Compile MODEL (.onnx or .tflite) into firmware files."""
    from redsc.cli.pages import write_overlays, write_page
    from redsc.codegen.depfile import write_depfile
    from redsc.codegen.files import write_files
    from redsc.compile import compile_model
    from redsc.options import Options
    from redsc.report.html import render_report
    from redsc.report.terminal import print_report, print_table

    started = time.perf_counter()
    options = replace(Options.parse(name=name, **flags), traces_layers=bool(html or overlay))
    with waiting() as progress:
        artefact = compile_model(model, options, progress)
    if not dry_run:
        write_files(output, artefact.files)
        largest = artefact.report.levels[0]
        write_page(html, lambda: render_report(artefact.report))
        write_overlays(overlay, artefact.name, largest.nodes, largest.live_bytes)
        if depfile is not None:
            write_depfile(depfile, output / artefact.report_path, artefact.choice.model, options)
    for item in artefact.report.diagnostics:
        say(item.render())
    if explain:
        say("\n".join(entry.render() for entry in artefact.log.entries) or "no lossless pass found anything to do")
    seconds = time.perf_counter() - started
    if json_to:
        print(json.dumps({**artefact.report.to_dict(), "seconds": round(seconds, 3)}, indent=1))
        return
    if explain and (rows := artefact.layer_sqnr()):
        print_table(["layer", "op", "SQNR dB"], [row.cells() for row in rows])
    print_report(artefact.report, artefact.files, None if dry_run else str(output))
    print(f"\n{seconds:.1f} s")


@click.command("slice", cls=Verb, epilog="Example: redsc slice out/model.tflite --level 50 -o half.tflite")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--level", required=True, metavar="NAME", help="The level's name, like 50.")
@click.option("--plan", type=click.Path(path_type=Path), help="The plan; SOURCE is then the model file.")
@network_flags
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE.tflite")
def slice_command(source: Path, level: str, plan: Path | None, output: Path, **flags: Any) -> None:
    """Write one level as a .tflite of its own.

    SOURCE is a container that redsc wrote, or with --plan the model file it was made of.
    """
    from redsc.codegen.files import write_files
    from redsc.compile import slice_level
    from redsc.options import Options

    data = slice_level(source, level, plan, Options.parse(**flags))
    write_files(output.parent, {output.name: data})
    print(f"{output}: level {level}, {len(data):,} B")


@click.command(
    cls=Verb, epilog="Example: redsc verify out/model.tflite --model model.tflite --plan out/model.plan.json"
)
@click.argument("container", type=click.Path(path_type=Path))
@click.option("--model", type=click.Path(path_type=Path), help="The model file that the container was made of.")
@click.option("--plan", type=click.Path(path_type=Path), help="The plan that the container was made with.")
@network_flags
def verify(container: Path, model: Path | None, plan: Path | None, **flags: Any) -> None:
    """Run every slot of CONTAINER as a check.

    Each must answer like the level as a file of its own, in LiteRT and in TFLM; with --model and --plan it must be
    the level that the plan makes of the model.
    """
    from redsc.compile import verify_container
    from redsc.options import Options
    from redsc.report.terminal import verification_lines

    with waiting() as progress:
        rows = verify_container(container, model, plan, progress, Options.parse(**flags))
    print("\n".join(verification_lines(rows)))
