"""Flags that commands share: each is a keyword of `Options.parse`, with the same default."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from redsc.choices import (
    TFLM_KERNELS,
    Backend,
    Calibration,
    DenseScales,
    FlashCache,
    Importance,
    Prefer,
    Recovery,
    Recurrent,
    Resident,
    Sharing,
)
from redsc.cli.option import Command, Flag, choice, file, shared, target_names
from redsc.cli.select_flags import SEARCH_FLAGS, SELECT_FLAGS

__all__ = [
    "EVALUATION",
    "HTML",
    "MODEL",
    "OVERLAY",
    "budget_flags",
    "network_flags",
    "other_budget_flags",
    "reading_flags",
    "search_flags",
    "select_flags",
]

MODEL = click.argument("model", type=click.Path(path_type=Path))
EVALUATION = file(
    "--eval", "FILE.npz", "Measure the levels on these samples; default: a part of --data that is held back."
)
HTML = file(
    "--html",
    "FILE",
    "Write what was found as a page for browsers: one file, with its pictures and tables.",
)
OVERLAY = file(
    "--overlay", "DIR", "Write what every node costs for Model Explorer: a file of node data per metric."
)
_RAM = shared("--ram", metavar="SIZE", help="RAM budget, like 200KB (1000) or 64KiB (1024).")
_OTHER_BUDGETS = (
    shared("--flash", metavar="SIZE", help="Flash budget for the model array and redsc's kernels."),
    shared("--macs", metavar="COUNT", help="Budget for the MACs of the largest level, like 2.5M."),
    shared("--latency", metavar="TIME", help="Budget for one inference of the largest level, like 50ms."),
    shared("--levels", metavar="LIST", help="Level names: ceilings in percent of the MACs, like 25,50,75,100."),
    choice("--resident", Resident, "Levels that are ready at the same time.", Resident.ALL),
    choice(
        "--share",
        Sharing,
        "Read shared weights in place by redsc's kernels, or copy what TFLM's own cannot share.",
        Sharing.STRIDED,
    ),
    choice(
        "--cache",
        FlashCache,
        "The flash's cache: the C engine's weights pass it in the order that suits it. Else the target's.",
    ),
    shared("--freeze", metavar="SPACE", multiple=True, help="Keep the width of a channel space. Repeatable."),
    shared(
        "--resolution",
        metavar="LIST",
        help="Image sizes: to choose from (96,64,48x32; needs --data), or of levels (50=64,25=48).",
    ),
    shared(
        "--crop",
        metavar="[LEVEL=]T,L,H,W",
        multiple=True,
        help="The part of the image that all levels, or one, see: top, left, height, width. Repeatable.",
    ),
)
_READING = (  # what a model file is read with
    shared(
        "--shape",
        metavar="INPUT=SIZES",
        multiple=True,
        help="Sizes that an ONNX file leaves open, like image=1,3,48,192. Repeatable.",
    ),
    shared(
        "--state",
        metavar="INPUT=OUTPUT",
        multiple=True,
        help="An input that takes an output of the inference before: it becomes a variable, zero at first."
        " Repeatable.",
    ),
    shared(
        "--signature",
        metavar="NAME",
        help="Which network of a TFLite file with several. Else the only one, or the first.",
    ),
    choice(
        "--recurrent",
        Recurrent,
        "An LSTM of an ONNX file is one operator where that computes the same, or many for every step.",
        Recurrent.OP,
    ),
)
_NETWORK = (  # on them the network depends, and with it what a container is compared with
    *_READING,
    shared(
        "--target",
        metavar="NAME",
        shell_complete=target_names,
        help="The board, or a .toml file about one: it gives what --ram, --flash, --kernels and --cache do not.",
    ),
    file(
        "--cost-table",
        "FILE",
        "What inferences cost on the target: `redsc measure` makes such a file. Else the target's own tables.",
    ),
    choice(
        "--kernels",
        TFLM_KERNELS,
        "The firmware's kernels: where results may lie over operands. Without it the target's, else safe.",
    ),
    choice(
        "--backend",
        Backend,
        "Firmware for TensorFlow Lite Micro, or C that needs no interpreter.",
        Backend.TFLM,
    ),
    choice(
        "--prefer",
        Prefer,
        "What the C engine's working buffers are for: fast kernels, or the least arena.",
        Prefer.SPEED,
    ),
    shared("--int8-io", is_flag=True, help="Drop conversions from and to float at the borders of an int8 model."),
    file(
        "--data",
        "FILE.npz",
        "Samples `x`, maybe labels `y`: a float model becomes int8, levels are recovered and measured.",
    ),
    choice(
        "--importance",
        Importance,
        "Which channels go first; auto: those of the least energy on the data, else of the least weights.",
        Importance.AUTO,
    ),
    choice(
        "--recover",
        (Recovery.NESTED, Recovery.PRIVATE, Recovery.OFF),
        "What may change to repair levels: all weights, what levels do not share, or nothing.",
        Recovery.NESTED,
    ),
    shared("--protect-full", is_flag=True, help="Keep the weights of slot 0: a second bank for the others."),
    shared("--tune", is_flag=True, help="Distil all levels from the original (needs redsc[tune])."),
    shared("--tune-steps", metavar="COUNT", default=1500, show_default=True, help="Steps of 128 samples."),
    shared("--tune-flip", is_flag=True, help="Mirrored samples are as good: tune on them too."),
    shared(
        "--tune-device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Where to tune."
    ),
    shared("--no-cache", is_flag=True, help="Keep nothing on disk for the next time."),
    shared("--no-quantize", is_flag=True, help="Keep a float model float."),
    shared("--keep-float", metavar="NODE", multiple=True, help="Keep an operator float. Repeatable."),
    choice("--calibration", Calibration, "How the data give the ranges of activations.", Calibration.PERCENTILE),
    choice(
        "--dense-weights",
        DenseScales,
        "Scales of a dense layer's weights; auto: per channel where it halves their noise.",
        DenseScales.AUTO,
    ),
)


def budget_flags(command: Command) -> Command:
    """Give a command the flags that bound and name its levels."""
    return _with_flags(command, (_RAM, *_OTHER_BUDGETS))


def other_budget_flags(command: Command) -> Command:
    """Give a command `budget_flags` without the one for RAM."""
    return _with_flags(command, _OTHER_BUDGETS)


def select_flags(command: Command) -> Command:
    """Give a command the flags that say how its levels are chosen."""
    return _with_flags(command, SELECT_FLAGS)


def search_flags(command: Command) -> Command:
    """Give a command the flags that some selectors ask besides."""
    return _with_flags(command, SEARCH_FLAGS)


def reading_flags(command: Command) -> Command:
    """Give a command the flags with which a model file is read."""
    return _with_flags(command, _READING)


def network_flags(command: Command) -> Command:
    """Give a command the flags on which the networks of its levels depend, those of reading among them."""
    return _with_flags(command, _NETWORK)


def _with_flags(command: Command, flags: Sequence[Flag]) -> Command:
    for flag in reversed(flags):
        command = flag(command)
    return command
