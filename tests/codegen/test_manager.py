"""The run-time manager, asked from C with the files of a real compile: it keeps the laws of manager_laws.py."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.choices import Recovery
from redsc.codegen.c_files import render_c_files
from redsc.codegen.describe import describe_firmware
from redsc.compile import Artefact, compile_model
from redsc.formats import write_tflite
from redsc.ir import DType
from redsc.options import Options
from redsc.report.data import CascadeReport
from redsc.runtime import EXECUTORS
from redsc.runtime.evaluate.cascade import Cascade, Measured
from redsc.runtime.evaluate.cascade_search import Step
from redsc.runtime.ports import quantize_samples
from redsc.targets import find_target
from tests.codegen.manager_laws import NONE, UNLIMITED, Budget, Governor, budgets, cascade_run, needs, select
from tests.codegen.two_levels import firmware
from tests.conftest import Golden
from tests.firmware.build import WARNINGS, tool
from tests.helpers import latency_table, samples_of, small_net

SAMPLES = 1200
DRIVER = Path(__file__).with_name("manager.c")
COMPILERS = {
    "c99": ["gcc", "-std=c99"],
    "c11": ["gcc", "-std=c11"],
    "c++11": ["g++", "-std=c++11", "-x", "c++"],
}


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """Return four levels of a classifier, fitted and measured on samples."""
    folder = tmp_path_factory.mktemp("model")
    graph = small_net(DType.FLOAT32)
    (folder / "net.tflite").write_bytes(write_tflite(graph))
    np.savez(folder / "x.npz", x=4 * samples_of(graph, SAMPLES))
    options = Options(
        data=folder / "x.npz",
        width_multiple=2,
        recovery=Recovery.PRIVATE,
        budgets=Budgets(target=find_target("nucleo-l4r5zi/x-cube-ai")),
    )
    return compile_model(folder / "net.tflite", options)


@pytest.fixture(scope="module")
def sources(artefact: Artefact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the generated files, those of a second model without data, and the driver."""
    folder = tmp_path_factory.mktemp("sources")
    other = compile_model(artefact.choice.model.path, Options(levels=("100", "50"), name="other"))
    for name, data in {**artefact.files, **other.files}.items():
        (folder / name).write_bytes(data)
    (folder / "main.c").write_bytes(DRIVER.read_bytes())
    return folder


def build(sources: Path, standard: str, *flags: str) -> Path:
    name, *options = COMPILERS[standard]
    program = sources / f"program-{standard}"
    command = [tool(name), *options, *WARNINGS, "-Wconversion", *flags, "main.c", "net.c", "other.c"]
    done = subprocess.run([*command, "-o", program], cwd=sources, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def ask(program: Path, commands: list[str]) -> list[int]:
    """Return the answers, without the program's first line."""
    done = subprocess.run([program], input="\n".join(commands), capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.splitlines()[1:]]


@pytest.fixture(scope="module")
def program(sources: Path) -> Path:
    return build(sources, "c99", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def text(command: str, budget: Budget) -> str:
    return f"{command} {' '.join(map(str, budget))}"


@pytest.mark.parametrize("standard", COMPILERS)
def test_two_models_with_their_managers_link_into_one_image(sources: Path, standard: str) -> None:
    program = build(sources, standard, "-O2")
    assert ask(program, [text("s", UNLIMITED)]) == [0]


def test_the_largest_level_within_a_budget_is_selected(artefact: Artefact, program: Path) -> None:
    levels = artefact.report.levels
    asked = [UNLIMITED, (0, 0, 0, 0), *map(needs, levels), *budgets(levels, Random(1), 2000)]
    answers = ask(program, [text("s", budget) for budget in asked])
    assert answers == [select(levels, budget) for budget in asked]
    assert set(answers) == {NONE, 0, 1, 2, 3}


@pytest.mark.parametrize("patience", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("margin", [0, 50, 1000])
def test_the_governor_keeps_its_law(artefact: Artefact, program: Path, patience: int, margin: int) -> None:
    levels = artefact.report.levels
    commands, wanted = [], []
    for seed in range(40):
        law = Governor(levels, patience, margin)
        commands.append(f"g {patience} {margin}")
        for budget in budgets(levels, Random(seed), 60):
            commands.append(text("u", budget))
            wanted.append(law.update(budget))
    assert ask(program, commands) == wanted
    assert len(set(wanted)) == 5


def test_a_budget_that_goes_up_and_down_every_time_changes_the_level_once(
    artefact: Artefact, program: Path
) -> None:
    rich, poor = (needs(artefact.report.levels[slot]) for slot in (0, 2))
    answers = ask(program, ["g 2 0", *(text("u", budget) for budget in [rich, poor] * 20)])
    assert answers == [0, *[2] * 39]


def test_a_level_outside_the_cascade_and_none_are_final(artefact: Artefact, program: Path) -> None:
    cascade = cascade_of(artefact)
    unsure = " 0" * artefact.report.model.outputs[0].shape[-1]
    inside = [step.slot for step in cascade.steps[:-1]]
    final = [slot for slot in range(-1, 6) if slot not in inside]
    assert ask(program, [f"m {slot}{unsure}" for slot in final]) == final
    follow = dict(zip(inside, [step.slot for step in cascade.steps[1:]], strict=True))
    assert ask(program, [f"m {slot}{unsure}" for slot in inside]) == [follow[slot] for slot in inside]


def cascade_of(artefact: Artefact) -> CascadeReport:
    assert artefact.report.cascade is not None
    return artefact.report.cascade


def test_the_cascade_in_c_gives_the_figures_of_the_report(artefact: Artefact, program: Path) -> None:
    report, choice = artefact.report, artefact.choice
    cascade = cascade_of(artefact)
    assert len(cascade.steps) > 2
    assert choice.data is not None
    held = choice.data.split()[1].samples
    outputs = [
        [row[0].ravel() for row in EXECUTORS["litert"].run(write_tflite(graph), quantize_samples(graph, held))]
        for graph in choice.levels.graphs
    ]
    rows = [(slot, sample) for slot in range(len(outputs)) for sample in range(len(held))]
    said = ask(program, [f"m {slot} {' '.join(map(str, outputs[slot][sample]))}" for slot, sample in rows])
    follows = dict(zip(rows, said, strict=True))
    macs = hits = 0
    ends = dict.fromkeys((step.slot for step in cascade.steps), 0)
    for sample in range(len(held)):
        slot = cascade.steps[0].slot
        macs += report.levels[slot].macs
        while follows[slot, sample] != slot:
            slot = follows[slot, sample]
            macs += report.levels[slot].macs
        hits += int(outputs[slot][sample].argmax() == outputs[0][sample].argmax())
        ends[slot] += 1
    assert (cascade.metric, cascade.samples, cascade.calibration_samples) == ("agreement", SAMPLES // 5, 960)
    assert cascade.macs == round(macs / len(held))
    assert cascade.value == pytest.approx(hits / len(held), abs=1e-6)
    shares = [ends[step.slot] / len(held) for step in cascade.steps]
    assert [step.share for step in cascade.steps] == pytest.approx(shares, abs=1e-6)


def test_a_cascade_runs_no_level_above_the_largest_and_stops_where_one_fails(
    artefact: Artefact, program: Path
) -> None:
    cascade, random = cascade_of(artefact), Random(3)
    classes, count = artefact.report.model.outputs[0].shape[-1], len(artefact.report.levels)
    commands, wanted = [], list[int]()
    for _ in range(400):
        largest, failing = random.randint(-1, count), random.choice([-9, -9, random.randrange(count)])
        spread = random.choice([3, 40, 120])
        outputs = [[random.randint(-spread, spread) for _ in range(classes)] for _ in range(count)]
        commands.append(f"c {largest} {failing} {' '.join(str(number) for row in outputs for number in row)}")
        wanted += cascade_run(cascade, largest, failing, outputs)
    assert ask(program, commands) == wanted
    assert len(set(wanted[::3])) > 3
    assert len(set(wanted[1::3])) > 3


def test_an_arena_that_is_too_small_does_not_compile(sources: Path) -> None:
    (sources / "small.c").write_text(
        '#include "net.h"\nstatic unsigned char arena[NET_ARENA_BYTES - 1];\n'
        "NET_CHECK_ARENA(sizeof(arena));\nint main(void) { return arena[0]; }\n"
    )
    for name, *options in COMPILERS.values():
        command = [tool(name), *options, "-fsyntax-only", "small.c"]
        done = subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "arena_is_too_small" in done.stderr


def test_a_budget_for_a_level_is_enough_for_every_smaller_one(artefact: Artefact) -> None:
    choice, quality = artefact.choice, [None] * 4
    made = describe_firmware("net", choice.model, choice.levels, choice.levels.graphs, b"", quality, Budgets())
    assert made.level_arenas == [level.arena_bytes for level in made.levels]
    odd = replace(made.levels[2], memory=replace(made.levels[2].memory, head_bytes=9000))
    last = made.levels[3].arena_bytes
    levels = (*made.levels[:2], odd, made.levels[3])
    assert replace(made, levels=levels).level_arenas == [*[odd.arena_bytes] * 3, last]


def test_the_manager_of_levels_with_a_cascade_reads_well(golden: Golden) -> None:
    whole, part = firmware().levels
    measured = Measured("agreement", 0.996, (0.9856, 0.9989), 0.004, 2800, (0.8, 0.2), 500)
    described = replace(
        firmware(),
        levels=(replace(whole, latency_us=900, energy_uj=70), replace(part, latency_us=400, energy_uj=30)),
        budgets=Budgets(target=find_target("nucleo-l4r5zi/x-cube-ai")),
        latency=latency_table("x-cube-ai"),
        cascade=Cascade((Step(1, 26), Step(0)), 2000, measured),
    )
    files = render_c_files(described)
    golden(files["net_manager.h"].decode(), ".h")
    head = files["net.c"].decode().split("= {\n    0x")[0]
    golden(head[head.index("const net_level_info") :], "tables.c")


def test_without_data_a_target_or_several_levels_there_is_less_to_manage(artefact: Artefact) -> None:
    choice = artefact.choice
    alone = choice.levels.only([0], Budgets())
    plain = describe_firmware("net", choice.model, alone, alone.graphs, b"\0" * 64, [None], Budgets())
    text = render_c_files(plain)["net_manager.h"].decode()
    assert "cascade" not in text
    assert "latency" not in text
    assert "net_select(" in text
