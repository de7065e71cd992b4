"""The command line. Heavy modules are imported inside the commands: `--help` and `--version` stay instant."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redsc.errors import InternalError, RedscError, did_you_mean
from redsc.version import __version__

if TYPE_CHECKING:
    from redsc.options import Options

__all__ = ["main"]

_INTERRUPTED = 130
_MODEL = click.argument("model", type=click.Path(path_type=Path))
_KERNELS = click.option(
    "--kernels",
    type=click.Choice(["safe", "reference", "cmsis-nn"]),
    default="safe",
    show_default=True,
    help="The firmware's kernels: where results may lie over operands.",
)
_BUDGET_FLAGS = (
    click.option("--ram", metavar="SIZE", help="RAM budget, like 200KB (1000) or 64KiB (1024)."),
    click.option("--flash", metavar="SIZE", help="Flash budget for the model array."),
    click.option("--macs", metavar="COUNT", help="Budget for the MACs of the largest level, like 2.5M."),
    click.option("--latency", metavar="TIME", help="Budget for one inference of the largest level, like 50ms."),
    click.option("--target", metavar="NAME", help="Whose table counts it: cortex-m4-cmsis-nn."),
    click.option(
        "--levels", metavar="LIST", help="Level names: ceilings in percent of the MACs, like 25,50,75,100."
    ),
    click.option(
        "--resident",
        type=click.Choice(["all", "one"]),
        default="all",
        show_default=True,
        help="Levels that are ready at the same time.",
    ),
    click.option("--freeze", metavar="SPACE", multiple=True, help="Keep the width of a channel space. Repeatable."),
    click.option("--plan", type=click.Path(path_type=Path), help="Use this plan instead of searching one."),
    click.option(
        "--select",
        type=click.Choice(["joint", "reds-bu", "reds-td", "uniform"]),
        default="joint",
        show_default=True,
        help="How widths are chosen: exactly for all levels at once, one by one as REDS does, or all spaces alike.",
    ),
)
_SHAPE = click.option(
    "--shape",
    "shapes",
    metavar="INPUT=SIZES",
    multiple=True,
    help="Sizes that an ONNX file leaves open, like image=1,3,48,192. Repeatable.",
)
_NETWORK_FLAGS = (  # on them the network depends, and with it what a container is compared with
    _SHAPE,
    _KERNELS,
    click.option(
        "--int8-io", is_flag=True, help="Drop conversions from and to float at the borders of an int8 model."
    ),
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        metavar="FILE.npz",
        help="Samples `x`, maybe labels `y`: a float model becomes int8, levels are recovered and measured.",
    ),
    click.option(
        "--importance",
        type=click.Choice(["auto", "energy", "weights", "taylor"]),
        default="auto",
        show_default=True,
        help="Which channels go first; auto: those of the least energy on the data, else of the least weights.",
    ),
    click.option(
        "--recover",
        type=click.Choice(["nested", "private", "off"]),
        default="nested",
        show_default=True,
        help="What may change to repair levels: all weights, what levels do not share, or nothing.",
    ),
    click.option("--protect-full", is_flag=True, help="Keep the weights of slot 0: a second bank for the others."),
    click.option("--tune", is_flag=True, help="Distil all levels from the original (needs redsc[tune])."),
    click.option("--tune-steps", metavar="COUNT", default=1500, show_default=True, help="Steps of 128 samples."),
    click.option("--tune-flip", is_flag=True, help="Mirrored samples are as good: tune on them too."),
    click.option(
        "--tune-device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Where to tune."
    ),
    click.option("--no-cache", is_flag=True, help="Keep nothing on disk for the next time."),
    click.option("--no-quantize", is_flag=True, help="Keep a float model float."),
    click.option("--keep-float", metavar="NODE", multiple=True, help="Keep an operator float. Repeatable."),
    click.option(
        "--calibration",
        type=click.Choice(["minmax", "percentile", "entropy"]),
        default="percentile",
        show_default=True,
        help="How the data give the ranges of activations.",
    ),
    click.option(
        "--dense-weights",
        type=click.Choice(["auto", "per-tensor", "per-channel"]),
        default="auto",
        show_default=True,
        help="Scales of a dense layer's weights; auto: per channel where it halves their noise.",
    ),
)


class _Commands(click.Group):
    """A group that suggests the nearest command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            hint = did_you_mean(args[0], self.commands)
            ctx.fail(f"there is no command {args[0]!r}." + (f" {hint.capitalize()}" if hint else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="redsc")
def cli() -> None:
    """Compile a neural network into nested levels that share one weight array, in the least RAM there is."""


def _budget_flags(command: Callable[..., None]) -> Callable[..., None]:
    return _with_flags(command, _BUDGET_FLAGS)


def _network_flags(command: Callable[..., None]) -> Callable[..., None]:
    return _with_flags(command, _NETWORK_FLAGS)


def _with_flags(
    command: Callable[..., None], flags: Sequence[Callable[[Callable[..., None]], Callable[..., None]]]
) -> Callable[..., None]:
    for flag in reversed(flags):
        command = flag(command)
    return command


@cli.command("compile")
@_MODEL
@_budget_flags
@_network_flags
@click.option(
    "--share",
    type=click.Choice(["copies"]),
    default="copies",
    help="How levels share weights: stock ops, with copies of what cannot be shared.",
)
@click.option(
    "--eval",
    "evaluation",
    type=click.Path(path_type=Path),
    metavar="FILE.npz",
    help="Measure the levels on these samples; default: a part of --data that is held back.",
)
@click.option("--max-drop", metavar="PERCENT", help="Leave out levels that lose more, like 2%.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("out"), show_default=True)
@click.option("--name", metavar="NAME", help="Prefix of files and C symbols; default: the model's file name.")
@click.option("--json", "json_to", metavar="-", type=click.Choice(["-"]), help="Print the report as JSON.")
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@click.option("--explain", is_flag=True, help="Print what each lossless pass did and why not more.")
def compile_command(
    model: Path, output: Path, name: str | None, json_to: str | None, dry_run: bool, explain: bool, **flags: Any
) -> None:
    """Compile MODEL (.onnx or .tflite) into firmware files."""
    from redsc.codegen.files import write_files
    from redsc.compile import compile_model
    from redsc.report.terminal import print_report, print_table

    started = time.perf_counter()
    with _progress() as progress:
        artefact = compile_model(model, _options(flags, name), progress)
    if not dry_run:
        write_files(output, artefact.files)
    for item in artefact.report.diagnostics:
        _say(item.render())
    if explain:
        _say("\n".join(entry.render() for entry in artefact.log.entries) or "no lossless pass found anything to do")
    seconds = time.perf_counter() - started
    if json_to:
        print(json.dumps({**artefact.report.to_dict(), "seconds": round(seconds, 3)}, indent=1))
        return
    if explain and (rows := artefact.layer_sqnr()):
        print_table(["layer", "op", "SQNR dB"], [row.cells() for row in rows])
    print_report(artefact.report, artefact.files, None if dry_run else str(output))
    print(f"\n{seconds:.1f} s")


@cli.command()
@_MODEL
@_SHAPE
@click.option("--json", "json_to", metavar="-", type=click.Choice(["-"]), help="Print the numbers as JSON.")
def analyze(model: Path, shapes: tuple[str, ...], json_to: str | None) -> None:
    """Say what MODEL needs: RAM, flash, MACs.

    RAM is that of TFLM, part by part, with what is live at the peak.
    """
    from redsc.compile import read_model
    from redsc.options import parse_shapes
    from redsc.report.analysis import analyze_model, print_analysis

    analysis = analyze_model(read_model(model, shapes=parse_shapes(shapes)))
    if json_to:
        print(json.dumps(analysis.to_dict(), indent=1))
    else:
        print_analysis(analysis)


@cli.command()
@_MODEL
@_budget_flags
@_network_flags
@click.option(
    "--spaces", is_flag=True, help="List the channel spaces, their layers, and why some are frozen, instead."
)
def levels(model: Path, spaces: bool, **flags: Any) -> None:
    """Choose the levels of MODEL, print their plan."""
    from redsc.compile import plan_levels, read_model
    from redsc.passes.groups import find_channel_groups
    from redsc.passes.recover.prepare import own_biases
    from redsc.report.spaces import print_spaces, space_rows

    options = _options(flags)
    if spaces:
        graph = own_biases(read_model(model, shapes=options.shapes).graph)
        print_spaces(space_rows(graph, find_channel_groups(graph, options.freeze)))
        return
    with _progress() as progress:
        chosen = plan_levels(model, options, progress).levels
    for item in chosen.diagnostics:
        _say(item.render())
    print(chosen.plan.to_json(), end="")


@cli.command("slice")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--level", required=True, metavar="NAME", help="The level's name, like 50.")
@click.option("--plan", type=click.Path(path_type=Path), help="The plan; SOURCE is then the model file.")
@_network_flags
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE.tflite")
def slice_command(source: Path, level: str, plan: Path | None, output: Path, **flags: Any) -> None:
    """Write one level as a .tflite of its own.

    SOURCE is a container that redsc wrote, or with --plan the model file it was made of.
    """
    from redsc.codegen.files import write_files
    from redsc.compile import slice_level

    data = slice_level(source, level, plan, _options(flags))
    write_files(output.parent, {output.name: data})
    print(f"{output}: level {level}, {len(data):,} B")


@cli.command()
@click.argument("container", type=click.Path(path_type=Path))
@click.option("--model", type=click.Path(path_type=Path), help="The model file that the container was made of.")
@click.option("--plan", type=click.Path(path_type=Path), help="The plan that the container was made with.")
@_network_flags
def verify(container: Path, model: Path | None, plan: Path | None, **flags: Any) -> None:
    """Run every slot of CONTAINER as a check.

    Each must answer like the level as a file of its own, in LiteRT and in TFLM; with --model and --plan it must be
    the level that the plan makes of the model.
    """
    from redsc.compile import verify_container
    from redsc.report.terminal import verification_lines

    with _progress() as progress:
        rows = verify_container(container, model, plan, progress, _options(flags))
    print("\n".join(verification_lines(rows)))


@cli.command()
@click.option("--markdown", is_flag=True, help="Print the page of the documentation, docs/ops.md.")
def ops(markdown: bool) -> None:
    """List the translated operators, and the others."""
    from redsc.report.operators import operators_page, print_operators

    if markdown:
        print(operators_page(), end="")
    else:
        print_operators()


def _options(flags: Mapping[str, Any], name: str | None = None) -> Options:
    """Return the options that flags make; flags that a command lacks have their defaults."""
    from redsc.options import (
        Budgets,
        Calibration,
        DenseScales,
        Importance,
        Options,
        Quantization,
        Recovery,
        Tuning,
        parse_levels,
        parse_shapes,
        parse_share,
    )

    found = {
        "ram": None,
        "flash": None,
        "macs": None,
        "latency": None,
        "target": None,
        "resident": "all",
        "kernels": "safe",
        "levels": None,
        "freeze": (),
        "select": "joint",
        "evaluation": None,
        "max_drop": None,
        **flags,
    }
    return Options(
        budgets=Budgets.parse(
            found["ram"],
            found["flash"],
            found["macs"],
            found["resident"],
            found["kernels"],
            found["latency"],
            found["target"],
        ),
        levels=() if found["levels"] is None else parse_levels(found["levels"]),
        freeze=found["freeze"],
        plan=found.get("plan"),
        data=found["data"],
        quantization=Quantization(
            enabled=not found["no_quantize"],
            calibration=Calibration(found["calibration"]),
            dense=DenseScales(found["dense_weights"]),
            keep_float=found["keep_float"],
        ),
        name=name,
        shapes=parse_shapes(found["shapes"]),
        int8_io=found["int8_io"],
        selector=found["select"],
        importance=Importance(found["importance"]),
        recovery=Recovery(found["recover"]),
        protect_full=found["protect_full"],
        tuning=Tuning(found["tune_steps"], flip=found["tune_flip"], device=found["tune_device"])
        if found["tune"]
        else None,
        evaluation=found["evaluation"],
        max_drop=None if found["max_drop"] is None else parse_share(found["max_drop"]),
        uses_cache=not found["no_cache"],
    )


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show the running stage on a terminal, and nothing anywhere else."""
    if not sys.stderr.isatty():
        yield lambda _stage: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield lambda stage: status.update(f"{stage} ...")


def _say(text: str) -> None:
    """Narrate: results go to stdout, all else to stderr."""
    print(text, file=sys.stderr)


def main() -> None:
    """Run the command line; the exit code tells what kind of error it was."""
    try:
        code = cli.main(standalone_mode=False)
    except RedscError as error:
        _say(str(error))
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted; nothing more was written")
        code = _INTERRUPTED
    except SystemExit:  # click's answer to a closed pipe: the reader has seen enough
        code = 0
    except Exception:
        _say(str(_crash()))
        code = InternalError.exit_code
    sys.exit(code)


def _crash() -> InternalError:
    """Save what is needed to reproduce a bug of ours, and return the error that says where."""
    with tempfile.NamedTemporaryFile("w", prefix="redsc-crash-", suffix=".txt", delete=False) as file:
        file.write(f"redsc {__version__}, python {sys.version}\n{sys.argv[1:]}\n\n{traceback.format_exc()}")
    return InternalError(
        "redsc failed in a way it should not", evidence=[f"details: {file.name}"], hint="please report them"
    )
