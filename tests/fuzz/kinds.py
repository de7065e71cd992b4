"""What is fuzzed: kinds of files, sound ones to begin from, ways to damage them, and what redsc does with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import click

from redsc.cli.commands import cli
from redsc.cli.config import file_options, read_config
from redsc.codegen.container import slot_bytes, slot_count
from redsc.compile import read_model, slice_level
from redsc.cost.latency.bench_log import read_logs, table_text
from redsc.formats import load_model, planned_offsets, write_tflite
from redsc.ir import DType
from redsc.options import Searching
from redsc.passes.select.selectors.ratios import select_ratios
from redsc.report.analysis import analyze_model
from redsc.runtime.data.dataset import data_warnings, load_data
from redsc.targets import find_target
from redsc.targets.read import read_table
from tests.fuzz import seeds
from tests.fuzz.hostile import hostile_bytes
from tests.fuzz.onnx_structures import mutate_onnx
from tests.fuzz.structures import mutate_json, mutate_npz, mutate_text, mutate_tflite
from tests.helpers import small_net
from tests.passes.selecting import small_problem

__all__ = ["KINDS", "Kind", "prepare_folder"]

Mutate = Callable[[Random, bytes, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of case.

    `file` is its name on disk, `seeds` gives sound ones, `mutate` damages one (with pieces of another). `check` is
    what redsc does with it: it returns, or raises RedscError. `share` is the part of a campaign, in percent.
    """

    file: str
    seeds: Callable[[], Sequence[bytes]]
    mutate: Mutate
    check: Callable[[Path], object]
    share: int

    def case(self, rng: Random) -> bytes:
        """Return one damaged file: the same for the same state of `rng`."""
        data, other = rng.choice(self.seeds()), rng.choice(self.seeds())
        try:
            return self.mutate(rng, data, other)
        except Exception:  # a structure that no file can have: numbers that do not fit their fields
            return hostile_bytes(rng, data, other)

    def warm_up(self, folder: Path) -> None:
        """Take a sound file, so that no case pays for what is imported once."""
        path = folder / self.file
        path.write_bytes(self.seeds()[0])
        self.check(path)


def prepare_folder(folder: Path) -> Path:
    """Lay out what cases may name beside themselves, and a secret outside; return the folder for the cases."""
    inside = folder / "cases"
    (inside / "folder").mkdir(parents=True)
    (folder / "secret").write_bytes(bytes(64))
    (inside / "weights.bin").write_bytes(bytes(64))
    (inside / "link.bin").symlink_to(folder / "secret")
    (inside / "model.tflite").write_bytes(write_tflite(small_net(DType.FLOAT32)))
    return inside


def _analyze(path: Path) -> object:
    """Import a model, run the lossless passes, plan its memory: all but runtimes on the result."""
    return analyze_model(read_model(path))


def _take_apart(path: Path) -> object:
    """Rebuild a level of a container, and read the arena plans of all."""
    found = slice_level(path, "50")
    data = load_model(path).source
    return found, [planned_offsets(slot_bytes(data, slot)) for slot in range(slot_count(data))]


def _apply_plan(path: Path) -> object:
    return slice_level(path.parent / "model.tflite", "50", path)


def _load_samples(path: Path) -> object:
    return data_warnings(load_data(path, load_model(path.parent / "model.tflite")))


def _use_ratios(path: Path) -> object:
    return select_ratios(replace(small_problem("chain"), searching=Searching(ratios=path)))


def _read_log(path: Path) -> object:
    log = read_logs([path])
    return list(log.notes()), table_text(log)


def _read_options(path: Path) -> object:
    config = read_config(path)
    program = click.Context(cli)
    return [file_options(config, click.Context(verb, program, name)) for name, verb in cli.commands.items()]


KINDS: Mapping[str, Kind] = {
    "tflite-bytes": Kind("case.tflite", seeds.tflite, hostile_bytes, _analyze, 20),
    "tflite-structure": Kind("case.tflite", seeds.tflite, mutate_tflite, _analyze, 12),
    "onnx-bytes": Kind("case.onnx", seeds.onnx, hostile_bytes, _analyze, 10),
    "onnx-structure": Kind("case.onnx", seeds.onnx, mutate_onnx, _analyze, 8),
    "onnx-operators": Kind("case.onnx", seeds.onnx_operators, mutate_onnx, _analyze, 5),
    "container-bytes": Kind("case.tflite", seeds.containers, hostile_bytes, _take_apart, 6),
    "plan": Kind("case.json", seeds.plans, mutate_json, _apply_plan, 4),
    "plan-bytes": Kind("case.json", seeds.plans, hostile_bytes, _apply_plan, 3),
    "npz": Kind("case.npz", seeds.samples, mutate_npz, _load_samples, 2),
    "options": Kind("case.toml", seeds.options, mutate_text, _read_options, 4),
    "target": Kind("case.toml", seeds.targets, mutate_text, lambda path: find_target(str(path)), 6),
    "table": Kind("case.json", seeds.tables, mutate_json, read_table, 10),
    "ratios": Kind("case.toml", seeds.ratios, mutate_text, _use_ratios, 4),
    "log": Kind("case.log", seeds.logs, mutate_text, _read_log, 6),
}
