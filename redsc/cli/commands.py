"""The commands. Heavy modules are imported inside them: `--help` and `--version` stay instant."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import redsc
from redsc.cli.flags import (
    EVALUATION,
    MODEL,
    SHAPE,
    budget_flags,
    network_flags,
    options_of,
    other_budget_flags,
    search_flags,
    select_flags,
)
from redsc.cli.terminal import say, waiting
from redsc.errors import UsageError, did_you_mean
from redsc.version import __version__

if TYPE_CHECKING:
    from redsc.options import Options

__all__ = ["cli"]


class _Commands(click.Group):
    """A group that suggests the nearest command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            hint = did_you_mean(args[0], self.commands)
            ctx.fail(f"there is no command {args[0]!r}." + (f" {hint.capitalize()}" if hint else ""))
        return super().resolve_command(ctx, args)


def _print_cmake_dir(ctx: click.Context, _flag: click.Parameter, is_asked: bool) -> None:
    if is_asked and not ctx.resilient_parsing:
        print((Path(redsc.__file__).parent / "codegen" / "cmake").as_posix())
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="redsc")
@click.option(
    "--cmake-dir",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_cmake_dir,
    help="Print where CMake's find_package(redsc) finds it, and exit.",
)
def cli() -> None:
    """Compile a neural network into nested levels that share one weight array, in the least RAM there is."""


@cli.command("compile")
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
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@click.option("--explain", is_flag=True, help="Print what each lossless pass did and why not more.")
def compile_command(
    model: Path,
    output: Path,
    name: str | None,
    depfile: Path | None,
    json_to: str | None,
    dry_run: bool,
    explain: bool,
    **flags: Any,
) -> None:
    """Compile MODEL (.onnx or .tflite) into firmware files."""
    from redsc.codegen.depfile import write_depfile
    from redsc.codegen.files import write_files
    from redsc.compile import compile_model
    from redsc.report.terminal import print_report, print_table

    started = time.perf_counter()
    options = options_of(flags, name)
    with waiting() as progress:
        artefact = compile_model(model, options, progress)
    if not dry_run:
        write_files(output, artefact.files)
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


@cli.command()
@MODEL
@SHAPE
@click.option("--json", "json_to", metavar="-", type=click.Choice(["-"]), help="Print the numbers as JSON.")
def analyze(model: Path, shapes: tuple[str, ...], json_to: str | None) -> None:
    """Say what MODEL needs: RAM, flash, MACs.

    RAM is that of TFLM, part by part, with what is live at the peak.
    """
    from redsc.compile import read_model
    from redsc.options import parse_shapes
    from redsc.report.analysis import analyze_model, print_analysis

    found = read_model(model, shapes=parse_shapes(shapes))
    for item in found.notes:
        say(item.render())
    analysis = analyze_model(found)
    if json_to:
        print(json.dumps(analysis.to_dict(), indent=1))
    else:
        print_analysis(analysis)


@cli.command()
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
    from redsc.compile import plan_levels, read_model
    from redsc.passes.recover.prepare import own_biases
    from redsc.passes.structure import find_structure
    from redsc.report.spaces import block_rows, print_spaces, space_rows

    options = options_of(flags)
    if spaces:
        graph = own_biases(read_model(model, shapes=options.shapes).graph)
        structure = find_structure(graph, options.freeze)
        print_spaces(space_rows(graph, structure.groups), block_rows(graph, structure.blocks))
        return
    with waiting() as progress:
        chosen = plan_levels(model, options, progress).levels
    for item in chosen.diagnostics:
        say(item.render())
    print(chosen.plan.to_json(), end="")


@cli.command()
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
@click.option("--json", "json_to", metavar="-", type=click.Choice(["-"]), help="Print the numbers as JSON.")
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


@cli.command()
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
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("sweep"), show_default=True)
@click.option("--jobs", type=click.IntRange(1, 1024), help="Processes; default: as many as there are cores.")
@click.option("--scheduler", metavar="ADDRESS", help="Compute on this Dask cluster (needs redsc[cluster]).")
@click.option("--json", "json_to", metavar="-", type=click.Choice(["-"]), help="Print the numbers as JSON.")
def sweep(
    models: tuple[Path, ...],
    ram: str,
    select: str,
    output: Path,
    jobs: int | None,
    scheduler: str | None,
    json_to: str | None,
    **flags: Any,
) -> None:
    """Choose the levels of every MODEL in every RAM budget, by every selector.

    {name} in --data and --eval stands for a model's name. Finished points are kept: the same command goes on where
    it was stopped.
    """
    from redsc.cli.select_flags import parse_selectors
    from redsc.codegen.files import write_files
    from redsc.report.sweep import print_sweep
    from redsc.report.sweep_svg import render_sweep
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
    write_files(output, {"sweep.json": text.encode(), "sweep.svg": render_sweep(found).encode()})
    if json_to:
        print(text, end="")
        return
    print_sweep(found)
    print(f"\n{output / 'sweep.json'}, {output / 'sweep.svg'}")


def _options_of_several(flags: Mapping[str, Any]) -> Options:
    """Return the options of a command with several selectors: ratios alone do not ask for `ratios`."""
    from redsc.cli.select_flags import searching_of

    several = {**flags, "ratio": None, "ratios": None}
    return replace(options_of(several), searching=searching_of(flags))


@cli.command("slice")
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

    data = slice_level(source, level, plan, options_of(flags))
    write_files(output.parent, {output.name: data})
    print(f"{output}: level {level}, {len(data):,} B")


@cli.command()
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
    from redsc.report.terminal import verification_lines

    with waiting() as progress:
        rows = verify_container(container, model, plan, progress, options_of(flags))
    print("\n".join(verification_lines(rows)))


@cli.command()
@click.argument("model", type=click.Path(path_type=Path), required=False)
@click.option("--emit", type=click.Path(path_type=Path), metavar="DIR", help="Write the bench's C files there.")
@click.option(
    "--widths", type=click.IntRange(2, 64), default=5, show_default=True, help="Widths per space that it measures."
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="LOG",
    multiple=True,
    help="Only what it lacks. Repeatable.",
)
@click.option(
    "--read", type=click.Path(path_type=Path), metavar="LOG", multiple=True, help="Make the table. Repeatable."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.json", help="Where the table goes.")
@budget_flags
@select_flags
@network_flags
def measure(
    model: Path | None,
    emit: Path | None,
    widths: int,
    resume: tuple[Path, ...],
    read: tuple[Path, ...],
    output: Path | None,
    **flags: Any,
) -> None:
    """Measure MODEL's layers on your board.

    With --emit it writes a bench of the C engine: with --levels of these levels' layers, else of those that any
    level can have, at a few widths. With --read it makes a cost table of what the bench printed.
    """
    from redsc.codegen.files import write_files
    from redsc.compile.bench import make_bench
    from redsc.cost.bench_log import read_logs, table_text

    if read and output is not None and model is None:
        log = read_logs(read)
        write_files(output.parent, {output.name: table_text(log).encode()})
        for item in log.notes():
            say(item.render())
        print(f"{output}: {len(log.runs):,} layers of {log.core} with {log.library} kernels")
        return
    if model is None or emit is None or read:
        hint = "redsc measure MODEL --target NAME --emit DIR, then redsc measure --read LOG -o table.json"
        raise UsageError("measure writes a bench or reads its log", code="U233", hint=hint)
    with waiting() as progress:
        bench = make_bench(model, options_of({**flags, "backend": "c"}), widths, resume, progress)
    write_files(emit, bench.files)
    known = f", the logs have {bench.known:,} more" if bench.known else ""
    print(f"{emit}: a bench of {bench.count:,} layers{known}")


@cli.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "json_to", metavar="-", type=click.Choice(["-"]), help="Print all that is known as JSON.")
def targets(names: tuple[str, ...], json_to: str | None) -> None:
    """List the boards that --target knows.

    With NAMEs, which may be files, only these, with what their memory is and where the figures are from.
    """
    from redsc.report.targets import print_target, print_targets, targets_dict
    from redsc.targets import builtin_targets, find_target

    found = [find_target(name) for name in names] or list(builtin_targets().values())
    if json_to:
        print(json.dumps(targets_dict(found), indent=1))
    elif names:
        for target in found:
            print_target(target)
    else:
        print_targets(found)


@cli.command()
@click.option("--markdown", is_flag=True, help="Print the page of the documentation, docs/ops.md.")
def ops(markdown: bool) -> None:
    """List the translated operators, and the others."""
    from redsc.report.operators import operators_page, print_operators

    if markdown:
        print(operators_page(), end="")
    else:
        print_operators()
