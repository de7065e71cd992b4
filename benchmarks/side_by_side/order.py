"""The order of operators: redsc's, and that of tflite-tools (Liberis and Lane, arXiv 1910.05110)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from redsc.cost.order import order_problem, peak_bytes
from redsc.errors import RedscError
from redsc.formats import load_model

from .process import ROOT, Failed, Taken, run, task
from .row import Row, attempt
from .setting import Setting

__all__ = ["compare"]

MODELS = (
    "keras-applications/nasnet_a_n1_32px_int8.tflite",
    "mediapipe-0.10.14/hand_recrop.tflite",
    "mit-han-lab+tinyengine/detection.tflite",
    "mlcommons+tiny/pretrainedResnet_quant.tflite",
    "mlcommons+tiny/vww_96_int8.tflite",
)


def compare(setting: Setting) -> Iterator[Row]:
    """Yield a row per network and tool, with the peak of the file that it writes."""
    for name in MODELS[3 if setting.is_quick else 0 :]:
        source, made = setting.zoo / "models" / name, setting.scratch / "ordered.tflite"
        yield Row(source.stem, "as it is", None, peak(source))
        for tool, do in (("redsc", _redsc), ("tflite-tools", _tflite_tools)):
            made.unlink(missing_ok=True)
            yield attempt(source.stem, tool, partial(do, setting, source, made), peak, made)


def _redsc(setting: Setting, source: Path, made: Path) -> Taken:
    return run(task("order", source, made), ROOT, setting.limit)


def _tflite_tools(setting: Setting, source: Path, made: Path) -> Taken:
    if setting.tflite_tools is None:
        raise Failed("left out: --tflite-tools is not given")
    python = setting.programs("tflite-tools") / "python"
    files = "-i", source, "-o", made
    return run([python, "tflite_tools.py", *files, "--optimize"], setting.tflite_tools, setting.limit)


def peak(model: Path) -> str:
    """Return the most bytes of activations that are live at once, in the order of the file."""
    try:
        graph = load_model(model).graph
    except RedscError as error:
        return f"not a model that loads: {error}"
    return f"peak {peak_bytes(order_problem(graph), range(len(graph.nodes))):,} B"
