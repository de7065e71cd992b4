"""Flags that commands share: each is a keyword of `Options.parse`, with the same default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from redsc.cli.select_flags import SEARCH_FLAGS, SELECT_FLAGS
from redsc.cli.verb import shared

__all__ = [
    "EVALUATION",
    "HTML",
    "MODEL",
    "OVERLAY",
    "RECURRENT",
    "SHAPE",
    "STATE",
    "budget_flags",
    "network_flags",
    "other_budget_flags",
    "search_flags",
    "select_flags",
]

EVALUATION = shared(
    "--eval",
    type=click.Path(path_type=Path),
    metavar="FILE.npz",
    help="Measure the levels on these samples; default: a part of --data that is held back.",
)
HTML = shared(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the report as a page for browsers: one file, with charts of memory, levels, nodes and log.",
)
OVERLAY = shared(
    "--overlay",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write what every node costs for Model Explorer: a file of node data per metric.",
)
MODEL = click.argument("model", type=click.Path(path_type=Path))
_KERNELS = shared(
    "--kernels",
    type=click.Choice(["safe", "reference", "cmsis-nn"]),
    help="The firmware's kernels: where results may lie over operands. Without it the target's, else safe.",
)
_RAM = shared("--ram", metavar="SIZE", help="RAM budget, like 200KB (1000) or 64KiB (1024).")
_OTHER_BUDGETS = (
    shared("--flash", metavar="SIZE", help="Flash budget for the model array and redsc's kernels."),
    shared("--macs", metavar="COUNT", help="Budget for the MACs of the largest level, like 2.5M."),
    shared("--latency", metavar="TIME", help="Budget for one inference of the largest level, like 50ms."),
    shared("--levels", metavar="LIST", help="Level names: ceilings in percent of the MACs, like 25,50,75,100."),
    shared(
        "--resident",
        type=click.Choice(["all", "one"]),
        default="all",
        show_default=True,
        help="Levels that are ready at the same time.",
    ),
    shared(
        "--share",
        type=click.Choice(["strided", "copies"]),
        default="strided",
        show_default=True,
        help="Read shared weights in place by redsc's kernels, or copy what TFLM's own cannot share.",
    ),
    shared(
        "--cache",
        type=click.Choice(["none", "rp2040", "esp32-s3", "stm32f7", "stm32h7"]),
        help="The flash's cache: the C engine's weights pass it in the order that suits it. Else the target's.",
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
SHAPE = shared(
    "--shape",
    metavar="INPUT=SIZES",
    multiple=True,
    help="Sizes that an ONNX file leaves open, like image=1,3,48,192. Repeatable.",
)
STATE = shared(
    "--state",
    metavar="INPUT=OUTPUT",
    multiple=True,
    help="An input that takes an output of the inference before: it becomes a variable, zero at first. Repeatable.",
)
SIGNATURE = shared(
    "--signature",
    metavar="NAME",
    help="Which network of a TFLite file with several. Else the only one, or the first.",
)
RECURRENT = shared(
    "--recurrent",
    type=click.Choice(["op", "unroll"]),
    default="op",
    show_default=True,
    help="An LSTM of an ONNX file is one operator where that computes the same, or many for every step.",
)
_NETWORK_FLAGS = (  # on them the network depends, and with it what a container is compared with
    SHAPE,
    STATE,
    SIGNATURE,
    RECURRENT,
    shared(
        "--target",
        metavar="NAME",
        help="The board, or a .toml file about one: it gives what --ram, --flash, --kernels and --cache do not.",
    ),
    shared(
        "--cost-table",
        type=click.Path(),
        metavar="FILE",
        help="What inferences cost on the target: `redsc measure` makes such a file. Else the target's own tables.",
    ),
    _KERNELS,
    shared(
        "--backend",
        type=click.Choice(["tflm", "c"]),
        default="tflm",
        show_default=True,
        help="Firmware for TensorFlow Lite Micro, or C that needs no interpreter.",
    ),
    shared(
        "--prefer",
        type=click.Choice(["speed", "ram"]),
        default="speed",
        show_default=True,
        help="What the C engine's working buffers are for: fast kernels, or the least arena.",
    ),
    shared("--int8-io", is_flag=True, help="Drop conversions from and to float at the borders of an int8 model."),
    shared(
        "--data",
        type=click.Path(path_type=Path),
        metavar="FILE.npz",
        help="Samples `x`, maybe labels `y`: a float model becomes int8, levels are recovered and measured.",
    ),
    shared(
        "--importance",
        type=click.Choice(["auto", "energy", "weights", "taylor"]),
        default="auto",
        show_default=True,
        help="Which channels go first; auto: those of the least energy on the data, else of the least weights.",
    ),
    shared(
        "--recover",
        type=click.Choice(["nested", "private", "off"]),
        default="nested",
        show_default=True,
        help="What may change to repair levels: all weights, what levels do not share, or nothing.",
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
    shared(
        "--calibration",
        type=click.Choice(["minmax", "percentile", "entropy"]),
        default="percentile",
        show_default=True,
        help="How the data give the ranges of activations.",
    ),
    shared(
        "--dense-weights",
        type=click.Choice(["auto", "per-tensor", "per-channel"]),
        default="auto",
        show_default=True,
        help="Scales of a dense layer's weights; auto: per channel where it halves their noise.",
    ),
)


def budget_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags that bound and name its levels."""
    return _with_flags(command, (_RAM, *_OTHER_BUDGETS))


def other_budget_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `budget_flags` without the one for RAM."""
    return _with_flags(command, _OTHER_BUDGETS)


def select_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags that say how its levels are chosen."""
    return _with_flags(command, SELECT_FLAGS)


def search_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags that some selectors ask besides."""
    return _with_flags(command, SEARCH_FLAGS)


def network_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags on which the networks of its levels depend."""
    return _with_flags(command, _NETWORK_FLAGS)


def _with_flags(
    command: Callable[..., None], flags: Sequence[Callable[[Callable[..., None]], Callable[..., None]]]
) -> Callable[..., None]:
    for flag in reversed(flags):
        command = flag(command)
    return command
