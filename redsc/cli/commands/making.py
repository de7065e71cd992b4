"""Commands that make firmware of a model, and check what was made."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redsc.choices import ArrayForm, Emit
from redsc.cli.config import config_in_use
from redsc.cli.flags import (
    EVALUATION,
    HTML,
    MODEL,
    OVERLAY,
    budget_flags,
    network_flags,
    select_flags,
)
from redsc.cli.option import choice, file, json_flag
from redsc.cli.terminal import inform, is_quiet, say, waiting
from redsc.cli.verb import Verb

if TYPE_CHECKING:
    from redsc.compile import Artefact
    from redsc.report.explanation import Explanation

__all__ = ["compile_command", "slice_command", "verify"]

_EVERYTHING = "*"  # what --explain is about without a name
_MODELS = (".onnx", ".tflite")


class _Compile(Verb):
    """A command whose `--explain` may stand before the model: a model file is no NODE."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the flags."""
        whole = f"--explain={_EVERYTHING}"
        words = (
            whole if word == "--explain" and behind.lower().endswith(_MODELS) else word
            for word, behind in pairwise([*args, ""])
        )
        return super().parse_args(ctx, list(words))


@click.command(
    "compile", cls=_Compile, epilog="Example: redsc compile model.onnx --ram 200KB --data samples.npz -o out"
)
@MODEL
@budget_flags
@select_flags
@network_flags
@EVALUATION
@click.option("--max-drop", metavar="PERCENT", help="Leave out levels that lose more, like 2%.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Where the files go.",
)
@click.option("--name", metavar="NAME", help="Prefix of files and C symbols; default: the model's file name.")
@choice(
    "--array",
    ArrayForm,
    "The array in NAME.c: numbers, or NAME.tflite itself, read by the assembler (GCC and Clang).",
    ArrayForm.HEX,
)
@choice("--emit", Emit, "What to write: the files, or an Arduino library with a sketch.", Emit.FILES)
@file(
    "--depfile",
    "FILE",
    "Write for Make and Ninja which files the result depends on; its target is NAME.report.json.",
)
@json_flag("the report")
@HTML
@OVERLAY
@click.option("--dry-run", is_flag=True, help="Do everything but write; say what would be written.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if files on disk would change, name them.")
@click.option(
    "--explain",
    metavar="[NODE]",
    is_flag=False,
    flag_value=_EVERYTHING,
    help="Say what bounds the peak and the levels, what each pass changed and refused, and why; or all that of"
    " one NODE.",
)
def compile_command(
    model: Path,
    output: Path,
    name: str | None,
    depfile: Path | None,
    json_to: str | None,
    html: Path | None,
    overlay: Path | None,
    dry_run: bool,
    check: bool,
    explain: str | None,
    **flags: Any,
) -> None:
    """Compile MODEL (.onnx or .tflite) into firmware files.

    MODEL alone becomes the whole network in the least RAM. --levels adds nested sub-networks of it, --data makes a
    float network int8, and chooses, repairs and measures the levels. --ram bounds them all: what does not fit is an
    error that says why.
    """
    from redsc.codegen.depfile import input_files, render_depfile, write_depfile
    from redsc.codegen.files import write_files
    from redsc.compile import compile_model, explain_node
    from redsc.compile import explain as explain_all
    from redsc.options import Options
    from redsc.report.terminal import print_files, print_report

    started = time.perf_counter()
    options = replace(Options.parse(name=name, **flags), traces_layers=bool(html or overlay))
    with waiting() as progress:
        artefact = compile_model(model, options, progress)
        progress("explaining")
        explanation = explain_all(artefact, options) if explain else None
        told = explain_node(artefact, options, explain) if explain not in (None, _EVERYTHING) else ()
    for item in artefact.report.diagnostics:
        say(item.render())
    inputs = input_files(artefact.choice.model, options, config_in_use())
    report_path = output / artefact.report_path
    planned = _files(artefact, output, html, overlay)
    planned |= {} if depfile is None else {depfile.as_posix(): render_depfile(report_path, inputs)}
    if check:
        return _check(planned)
    if not dry_run:
        write_files(Path(), planned)
        if depfile is not None:
            write_depfile(depfile, report_path, inputs)
    seconds = time.perf_counter() - started
    if json_to:
        more = {} if explanation is None else {"explanation": explanation.to_dict()}
        print(json.dumps({**artefact.report.to_dict(), **more, "seconds": round(seconds, 3)}, indent=1))
        return None
    if not is_quiet():
        print_report(artefact.report)
        if dry_run:
            print_files("dry run: nothing was written, these files would be", planned, _states(planned))
        else:
            print_files(f"files in {output}", artefact.files)
    if told:
        print("\n".join(("", *told)))
    elif explanation is not None:
        _print_explanation(explanation, artefact)
    inform(f"\n{seconds:.1f} s")
    return None


def _files(artefact: Artefact, output: Path, html: Path | None, overlay: Path | None) -> dict[str, bytes]:
    """Return all files that were asked for but the depfile, by their paths."""
    from redsc.cli.pages import overlay_files, page_file
    from redsc.report.html import render_report

    largest = artefact.report.levels[0]
    return {
        **{(output / path).as_posix(): data for path, data in artefact.files.items()},
        **page_file(html, lambda: render_report(artefact.report)),
        **overlay_files(overlay, artefact.name, largest.nodes, largest.live_bytes),
    }


def _states(planned: Mapping[str, bytes]) -> dict[str, str]:
    """Return what writing files would do, by name."""
    from redsc.codegen.files import compare_files

    return {name: state.value for name, state in compare_files(Path(), planned).items()}


def _check(planned: Mapping[str, bytes]) -> None:
    """Print the files that would change, and exit with 1 if there are any."""
    changed = {name: state for name, state in _states(planned).items() if state != "the same"}
    for name, state in changed.items():
        print(f"{name} is {state}")
    click.get_current_context().exit(1 if changed else 0)


def _print_explanation(explanation: Explanation, artefact: Artefact) -> None:
    """Print the page about everything, with the SQNR of every layer where a float model became int8."""
    from redsc.report.explanation import explanation_lines
    from redsc.report.text import print_table

    print("\n".join(("", *explanation_lines(explanation))))
    if rows := artefact.layer_sqnr():
        print()
        print_table(["layer", "op", "SQNR dB"], [row.cells() for row in rows])


@click.command("slice", cls=Verb, epilog="Example: redsc slice out/model.tflite --level 50 -o half.tflite")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--level", required=True, metavar="NAME", help="The level's name, like 50.")
@file("--plan", None, "The plan; SOURCE is then the model file.")
@network_flags
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE.tflite", help="Where it goes."
)
def slice_command(source: Path, level: str, plan: Path | None, output: Path, **flags: Any) -> None:
    """Write one level as a .tflite of its own.

    SOURCE is a container that redsc wrote, or with --plan the model file it was made of.
    """
    from redsc.codegen.files import write_files
    from redsc.compile import slice_level
    from redsc.options import Options

    data = slice_level(source, level, plan, Options.parse(**flags))
    write_files(output.parent, {output.name: data})
    inform(f"{output}: level {level}, {len(data):,} B")


@click.command(
    cls=Verb, epilog="Example: redsc verify out/model.tflite --model model.tflite --plan out/model.plan.json"
)
@click.argument("container", type=click.Path(path_type=Path))
@file("--model", None, "The model file that the container was made of.")
@file("--plan", None, "The plan that the container was made with.")
@network_flags
def verify(container: Path, model: Path | None, plan: Path | None, **flags: Any) -> None:
    """Run every slot of CONTAINER as a check.

    Each must answer like the level as a file of its own, in LiteRT and in TFLM; with --model and --plan it must be
    the level that the plan makes of the model.
    """
    from redsc.compile import verify_container
    from redsc.options import Options
    from redsc.report.terminal import verification_lines
    from redsc.report.text import print_facts

    with waiting() as progress:
        rows = verify_container(container, model, plan, progress, Options.parse(**flags))
    print_facts(verification_lines(rows))
