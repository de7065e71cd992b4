"""Recurrent and streaming models of the zoo, end to end: import, parity, memory, levels.

    python benchmarks/recurrent.py [--unroll]

A row per model as it is in its file, and for ONNX files one more in int8, calibrated with 256 samples. Parity is
what the compile proves against the file, over 20 consecutive inferences where the network keeps state; that of int8
is the SQNR of 20 consecutive inferences in tflite-micro against onnxruntime. RAM is that of the largest level in
TFLM, and of all levels in the C engine. `--unroll` adds the LSTM of the exports with `--recurrent unroll`.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from models import ZOO

from redsc.budgets import Budgets
from redsc.choices import Kernels, Recurrent
from redsc.compile import Artefact, compile_model
from redsc.errors import RedscError
from redsc.formats import write_tflite
from redsc.formats.feedback import with_states, without_states
from redsc.options import Options
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import signal_to_noise_db
from redsc.runtime.ports import dequantize_rows, quantize_samples

SAMPLES, STEPS = 256, 20
LEVELS = Options(levels=("100", "75", "50", "25"))


@dataclass(frozen=True, slots=True)
class Case:
    """A file of the zoo with the options that it needs, and how loud its input is."""

    path: str
    options: Options = LEVELS
    gain: float = 1.0

    @property
    def name(self) -> str:
        """What a row says of it."""
        way = " unrolled" if self.options.recurrent is Recurrent.UNROLL else ""
        return f"{Path(self.path).stem}{way}"


SILERO = replace(LEVELS, shapes=(("input", (1, 576)), ("state", (2, 1, 128))), states=(("state", "stateN"),))
CASES = (
    *(Case(f"exports/lstm.{way}.onnx") for way in ("legacy13", "legacy17", "dynamo18", "dynamo21", "dynamo18dyn")),
    *(Case(f"exports/qdq/lstm.{way}.qdq.onnx") for way in ("legacy13", "dynamo18")),
    Case("models/silero_vad-6.2.3/silero_vad_16k_op15.onnx", SILERO, gain=0.1),
    Case("models/esphome+micro-wake-word-models/okay_nabu.tflite"),
    Case("models/mlcommons+tiny/str_ww_ref_model.tflite"),
    *(
        Case(f"models/tensorflow+tflite-micro/{name}.tflite")
        for name in ("audio_preprocessor_int8", "keyword_scrambled_8bit", "trained_lstm", "trained_lstm_int8")
    ),
)
UNROLLED = Case("exports/lstm.legacy17.onnx", replace(LEVELS, recurrent=Recurrent.UNROLL))


def row(case: Case, options: Options, kind: str) -> Artefact | None:
    """Print a row and return what was compiled, None where it is refused."""
    engine = replace(options, budgets=Budgets(kernels=Kernels.ENGINE))
    try:
        made = compile_model(ZOO / case.path, options)
    except RedscError as error:
        print(f"| {case.name} | {kind} | {error.diagnostic.message} |", flush=True)
        return None
    try:
        ram = f"{compile_model(ZOO / case.path, engine).report.arena.resident_all_bytes:,}"
    except RedscError as error:
        ram = error.diagnostic.message
    found = [item.result for item in made.report.verification if item.oracle.endswith("the model file")]
    levels = ", ".join(level.name for level in made.report.levels)
    first = made.report.levels[0]
    operators = len(made.choice.levels.graphs[0].nodes)
    parity = sqnr(case, made) if kind == "int8" and made.choice.quantized else found[-1]
    print(
        f"| {case.name} | {kind} | {operators} | {parity} | {first.arena.total_bytes:,} | {ram} | {levels} |",
        flush=True,
    )
    return made


def noise(made: Artefact, count: int, seed: int, gain: float) -> dict[str, Any]:
    """Return normal samples for every input of a model, in the layout of its file."""
    random = np.random.default_rng(seed)
    inputs = made.choice.model.inputs
    keys = ["x"] if len(inputs) == 1 else [port.name for port in inputs]
    shapes = [(count, *port.source_shape) for port in inputs]
    return {key: gain * random.standard_normal(shape, np.float32) for key, shape in zip(keys, shapes, strict=True)}


def sqnr(case: Case, made: Artefact) -> str:
    """Return the SQNR of the largest level over consecutive inferences in TFLM, against the file in onnxruntime."""
    model, graph = made.choice.model, made.choice.levels.graphs[0]
    given = [list(arrays) for arrays in zip(*noise(made, STEPS, 9, case.gain).values(), strict=True)]
    links = [(state.input, state.output) for state in model.states]
    answers = EXECUTORS["onnxruntime"].run_steps(model.runnable, with_states(given, model.states), links)
    mine = [[np.ascontiguousarray(p.to_graph(a)) for p, a in zip(model.inputs, r, strict=True)] for r in given]
    raw = EXECUTORS["tflm"].run_steps(write_tflite(graph), quantize_samples(graph, mine))
    real = [[p.to_source(a) for p, a in zip(model.outputs, r, strict=True)] for r in dequantize_rows(graph, raw)]
    return f"{signal_to_noise_db(without_states(answers, model.states), real):.1f} dB"


def run(case: Case) -> None:
    """Print the rows of a case."""
    made = row(case, case.options, "file")
    if made is None or made.choice.model.format != "onnx":
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(data, **noise(made, SAMPLES, 0, case.gain))
        row(case, replace(case.options, data=data, uses_cache=False), "int8")


def main() -> None:
    """Print a row per case, or two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unroll", action="store_true")
    unrolled = [UNROLLED] if parser.parse_args().unroll else []
    print("| model | as | operators | parity | TFLM RAM | C engine RAM, all levels | levels |")
    print("|---|---|---|---|---|---|---|")
    for case in (*CASES, *unrolled):
        run(case)


if __name__ == "__main__":
    main()
