"""Commands that say what a model needs, what a board is like, and what redsc knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from redsc.cli.flags import HTML, MODEL, OVERLAY, budget_flags, network_flags, reading_flags, select_flags
from redsc.cli.option import file, json_flag, target_names
from redsc.cli.terminal import inform, say, waiting
from redsc.cli.verb import Verb
from redsc.errors import UsageError

__all__ = ["analyze", "completion", "doctor", "measure", "ops", "targets"]


@click.command(cls=Verb, epilog="Example: redsc analyze model.tflite")
@MODEL
@reading_flags
@json_flag("the numbers")
@HTML
@OVERLAY
def analyze(model: Path, json_to: str | None, html: Path | None, overlay: Path | None, **flags: Any) -> None:
    """Say what MODEL needs: RAM, flash, MACs.

    RAM is that of TFLM, part by part, with what is live at the peak.
    """
    from redsc.cli.pages import overlay_files, page_file
    from redsc.codegen.files import write_files
    from redsc.compile import read_as
    from redsc.options import Options
    from redsc.report.analysis import analyze_model, print_analysis
    from redsc.report.html import render_analysis

    found = read_as(model, Options.parse(**flags))
    for item in found.notes:
        say(item.render())
    analysis = analyze_model(found)
    pages = page_file(html, lambda: render_analysis(analysis))
    write_files(Path(), pages | overlay_files(overlay, model.stem, analysis.nodes, analysis.live_bytes))
    if json_to:
        print(json.dumps(analysis.to_dict(), indent=1))
    else:
        print_analysis(analysis)


@click.command(cls=Verb, epilog="Example: redsc measure model.tflite --target nano33ble --emit bench")
@click.argument("model", type=click.Path(path_type=Path), required=False)
@file("--emit", "DIR", "Write the bench's C files there.")
@click.option(
    "--widths", type=click.IntRange(2, 64), default=5, show_default=True, help="Widths per space that it measures."
)
@file("--resume", "LOG", "Only what it lacks. Repeatable.", multiple=True)
@file("--read", "LOG", "Make the table. Repeatable.", multiple=True)
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
    from redsc.cost.latency.bench_log import read_logs, table_text
    from redsc.options import Options

    if read and output is not None and model is None:
        log = read_logs(read)
        write_files(output.parent, {output.name: table_text(log).encode()})
        for item in log.notes():
            say(item.render())
        inform(f"{output}: {len(log.runs):,} layers of {log.core} with {log.library} kernels")
        return
    if model is None or emit is None or read:
        hint = "redsc measure MODEL --target NAME --emit DIR, then redsc measure --read LOG -o table.json"
        raise UsageError("measure writes a bench or reads its log", code="U233", hint=hint)
    with waiting() as progress:
        bench = make_bench(model, Options.parse(**{**flags, "backend": "c"}), widths, resume, progress)
    write_files(emit, bench.files)
    known = f", the logs have {bench.known:,} more" if bench.known else ""
    inform(f"{emit}: a bench of {bench.count:,} layers{known}")


@click.command(cls=Verb, epilog="Example: redsc targets nano33ble")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=target_names)
@json_flag("all that is known")
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


@click.command(cls=Verb, epilog="Example: redsc ops")
@click.option("--markdown", is_flag=True, help="Print the page of the documentation, docs/ops.md.")
def ops(markdown: bool) -> None:
    """List the translated operators, and the others."""
    from redsc.report.operators import operators_page, print_operators

    if markdown:
        print(operators_page(), end="")
    else:
        print_operators()


@click.command(cls=Verb, epilog="Example: redsc doctor")
@json_flag("all that is known")
def doctor(json_to: str | None) -> None:
    """Say what is installed here, and what the rest enables."""
    from redsc.report.installation import find_installation, print_installation

    found = find_installation()
    if json_to:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        print_installation(found)


@click.command(epilog="Example: redsc completion bash")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete redsc's commands.

    What it prints belongs into ~/.bashrc, ~/.zshrc or ~/.config/fish/completions/redsc.fish.
    """
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root()
    kind = get_completion_class(shell)
    assert kind is not None  # click has all three
    print(kind(root.command, {}, "redsc", "_REDSC_COMPLETE").source())
