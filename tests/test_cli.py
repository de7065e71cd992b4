from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from redsc import cli
from redsc.codegen.container import is_same_model
from redsc.errors import RedscError
from redsc.formats import read_tflite, write_tflite
from redsc.ir import DType, Graph
from redsc.runtime.compare import random_samples
from tests.conftest import Golden
from tests.helpers import NetBuilder, small_net

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(small_net()))
    return path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line in this process; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["redsc", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        captured = capfd.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return call


@pytest.mark.parametrize("flag", ["--help", "--version", "compile --help"])
def test_help_and_version_import_nothing_heavy(flag: str) -> None:
    program = (
        "import sys; from redsc.cli import main; sys.argv = ['redsc', *sys.argv[1:]]\n"
        "try: main()\nfinally: print(sorted(set(sys.modules) & {'numpy', 'onnx', 'tflite', 'networkx', 'rich',"
        " 'jinja2', 'onnxruntime', 'ortools', 'ai_edge_litert'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *flag.split()], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_compile_writes_its_files_and_says_where(run: Run, model: Path) -> None:
    code, out, _ = run("compile", model, "--levels", "50,100", "--ram", "20KB", "-o", "here")
    assert code == 0
    written = {path.name for path in Path("here").iterdir()}
    assert {"redsc_kernels.h", "redsc_conv_2d.c", "redsc_tflm.h"} < written
    assert sorted(name for name in written if name.startswith("net")) == [
        "net.c",
        "net.h",
        "net.plan.json",
        "net.report.json",
        "net.tflite",
        "net_manager.h",
        "net_tflm.h",
    ]
    assert "files in here" in out


def test_json_goes_to_stdout_alone(run: Run, model: Path) -> None:
    code, out, err = run("compile", model, "--levels", "50,100", "--json", "-")
    report = json.loads(out)
    assert code == 0
    assert report["seconds"] > 0
    assert [level["name"] for level in report["levels"]] == ["100", "50"]
    assert "warning[L103]" in err


def test_a_dry_run_writes_nothing(run: Run, model: Path, tmp_path: Path) -> None:
    code, out, _ = run("compile", model, "--dry-run", "--explain")
    assert code == 0
    assert "dry run" in out
    assert [path.name for path in tmp_path.iterdir()] == ["net.tflite"]


def test_pages_and_node_data_are_written_where_they_are_asked_for(run: Run, tmp_path: Path) -> None:
    write_float(tmp_path)
    flags = ("--html", "pages/net.html", "--overlay", "nodes")
    assert run("analyze", "real.tflite", *flags)[0] == 0
    assert "--kernels safe" in Path("pages/net.html").read_text(encoding="utf-8")
    assert _names("nodes") == ["real.constant_bytes.json", "real.live_bytes.json", "real.macs.json"]
    assert run("compile", "real.tflite", "--data", "good.npz", "--levels", "50,100", *flags)[0] == 0
    page = Path("pages/net.html").read_text(encoding="utf-8")
    assert "Level 50" in page
    assert "SQNR dB" in page
    assert _names("nodes")[-1] == "real.sqnr_db.json"
    levels = json.loads(Path("out/real.report.json").read_text())["levels"]
    assert [any(node["sqnr_db"] for node in level["nodes"]) for level in levels] == [True, False]


def test_a_dry_run_writes_no_page(run: Run, model: Path, tmp_path: Path) -> None:
    assert run("compile", model, "--dry-run", "--html", "net.html", "--overlay", "nodes")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["net.tflite"]


def _names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_explain_prints_what_passes_did(run: Run, model: Path) -> None:
    _, _, err = run("compile", model, "--dry-run", "--explain")
    assert "fuse-activation: changed conv_2d0: takes over RELU" in err


def write_float(folder: Path) -> None:
    """Write a float model and data files for it."""
    graph = small_net(DType.FLOAT32)
    (folder / "real.tflite").write_bytes(write_tflite(graph))
    good = np.concatenate([row[0] for row in random_samples(graph, 12)])
    for name, data in (("good", good), ("wrong", good[..., :2]), ("nan", good * np.float32("nan"))):
        np.savez(folder / f"{name}.npz", x=data)


ERRORS: dict[str, tuple[int, str]] = {
    "a size with a wrong unit": (2, "compile net.tflite --ram 200kb"),
    "a level of zero percent": (2, "compile net.tflite --levels 0,50"),
    "a space that is not there": (2, "compile net.tflite --freeze conv_2d"),
    "data that is not there": (2, "compile net.tflite --data none.npz"),
    "data that is no archive": (2, "compile net.tflite --data net.tflite"),
    "data of another shape": (2, "compile real.tflite --data wrong.npz"),
    "data of no numbers": (2, "compile real.tflite --data nan.npz"),
    "a node to keep float that is not there": (2, "compile real.tflite --data good.npz --keep-float conv2d0"),
    "an int8 container of a float model without its data": (
        2,
        "verify int8/real.tflite --model real.tflite --plan int8/real.plan.json",
    ),
    "a shape that is none": (2, "compile net.tflite --shape x=1x8x8x3"),
    "a shape for a tflite": (2, "analyze net.tflite --shape x=1,8,8,3"),
    "a state that is none": (2, "compile net.tflite --state x"),
    "a state of no input": (2, "analyze net.tflite --state y=y"),
    "a state of two types": (2, "analyze net.tflite --state x=dense4"),
    "a plan that is none": (2, "compile net.tflite --plan net.tflite"),
    "a plan for another model": (2, "compile net.tflite --plan other.plan.json"),
    "a plan and levels": (2, "compile net.tflite --plan other.plan.json --levels 50"),
    "a size that is none": (2, "compile net.tflite --resolution 6y"),
    "a part of an image that is none": (2, "compile net.tflite --crop 1,2,3"),
    "a size that a network does not take": (2, "compile net.tflite --levels 100,50 --resolution 50=6"),
    "sizes to choose from without data": (2, "compile net.tflite --levels 100,50 --resolution 6"),
    "an image of a level that is not there": (2, "compile net.tflite --levels 100,50 --crop 25=0,0,4,4"),
    "no levels at all": (2, "compile net.tflite --levels ,"),
    "a model without its plan": (2, "verify out/net.tflite --model net.tflite"),
    "a budget of no MACs": (5, "compile net.tflite --macs 0"),
    "a pipe for a model": (3, "analyze pipe"),
    "a model that is not there": (3, "compile missing.tflite"),
    "a damaged tflite": (3, "compile garbage.tflite"),
    "a damaged onnx": (3, "analyze garbage.onnx"),
    "a lossless model that does not fit": (5, "compile net.tflite --ram 1KB"),
    "no level that fits": (5, "compile net.tflite --ram 1KB --levels 50,100"),
    "no level under its ceiling": (5, "compile net.tflite --levels 1"),
    "a flash budget": (5, "compile net.tflite --flash 1KB"),
    "kernels of TFLM for the C engine": (2, "compile net.tflite --backend c --kernels reference"),
    "a way to share for the C engine": (2, "compile net.tflite --backend c --share copies"),
    "one resident level of the C engine": (2, "levels net.tflite --backend c --resident one"),
    "an assembled array for the C engine": (2, "compile net.tflite --backend c --array incbin"),
    "a preference without the C engine": (2, "compile net.tflite --prefer ram"),
    "a network that the C engine has no kernels for": (4, "compile odd.tflite --backend c --levels 50,100"),
    "a slice of no level": (2, "slice out/net.tflite --level 10 -o x.tflite"),
    "a container that is none": (2, "verify foreign.tflite"),
    "a directory that is a file": (7, "compile net.tflite -o net.tflite"),
}


def odd_net() -> Graph:
    """Two operators that the C engine has no kernels for, and one that it has."""
    net = NetBuilder(DType.FLOAT32)
    x = net.dense(net.input(1, 4), 4)
    return net.outputs(net.node("L2_NORMALIZATION", net.node("FLOOR_MOD", x, x)))


OTHER_PLAN = '{"plan_version": 1, "levels": [{"name": "100", "widths": {"dense": 7}}], "order": {}}'


@pytest.mark.parametrize("name", ERRORS)
def test_error(run: Run, model: Path, golden: Golden, name: str) -> None:
    run("compile", model)
    Path("garbage.tflite").write_bytes(b"garbage!" * 9)
    Path("garbage.onnx").write_bytes(b"garbage!" * 9)
    os.mkfifo("pipe")
    Path("other.plan.json").write_text(OTHER_PLAN)
    Path("odd.tflite").write_bytes(write_tflite(odd_net()))
    if "real" in ERRORS[name][1]:
        write_float(Path())
        run("compile", "real.tflite", "--data", "good.npz", "--levels", "50,100", "-o", "int8")
    Path("foreign.tflite").write_bytes(model.read_bytes().replace(b"redsc", b"human"))
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    code, arguments = ERRORS[name]
    found, out, err = run(*arguments.split())
    assert found == code
    assert out == ""
    golden(err)
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before


def test_a_wrong_command_suggests_the_nearest(run: Run) -> None:
    code, _, err = run("complie", "x")
    assert code == 2
    assert "Did you mean compile?" in err


def test_analyze_prints_the_numbers_and_the_peak(run: Run, model: Path, golden: Golden) -> None:
    code, out, _ = run("analyze", model)
    assert code == 0
    golden(out)
    _, text, _ = run("analyze", model, "--json", "-")
    numbers = json.loads(text)
    assert numbers["order_free_bound_bytes"] <= numbers["packing_bound_bytes"] <= numbers["tflm_greedy_head_bytes"]
    for row in numbers["kernels"].values():
        assert row["lower_bound_bytes"] <= row["head_bytes"] <= row["total_bytes"] - row["tail_bytes"]
    assert numbers["kernels"]["safe"]["head_bytes"] <= numbers["tflm_greedy_head_bytes"]


def test_levels_prints_a_plan_that_compile_takes_back(run: Run, model: Path) -> None:
    code, plan, _ = run("levels", model, "--levels", "50,100")
    assert code == 0
    Path("my.plan.json").write_text(plan)
    assert run("compile", model, "--plan", "my.plan.json", "-o", "a")[0] == 0
    assert run("compile", model, "--levels", "50,100", "-o", "b")[0] == 0
    assert Path("a/net.tflite").read_bytes() == Path("b/net.tflite").read_bytes()


def test_levels_lists_spaces_and_why_some_are_frozen(run: Run, model: Path, golden: Golden) -> None:
    code, out, _ = run("levels", model, "--spaces", "--freeze", "conv_2d0")
    assert code == 0
    golden(out)


def is_same_file(*paths: str) -> bool:
    """Whether two model files are equal but for names inside."""
    one, other = (read_tflite(Path(path).read_bytes()) for path in paths)
    return is_same_model(one, other)


def test_slice_and_verify_rebuild_every_level(run: Run, model: Path) -> None:
    run("compile", model, "--levels", "50,100", "--share", "copies", "-o", "out")
    assert all(path.name.startswith("net") for path in Path("out").iterdir())
    code, out, _ = run("verify", "out/net.tflite", "--model", model, "--plan", "out/net.plan.json")
    assert code == 0
    assert "100, 50: litert, against the level as a file of its own: equal bit for bit" in out
    assert "the same graph and numbers" in out
    assert run("slice", "out/net.tflite", "--level", "50", "-o", "half.tflite")[0] == 0
    assert run("slice", model, "--level", "50", "--plan", "out/net.plan.json", "-o", "again.tflite")[0] == 0
    assert is_same_file("half.tflite", "again.tflite")
    assert run("compile", "half.tflite", "-o", "half")[0] == 0


def test_levels_that_share_in_place_are_rebuilt_without_a_compiler(run: Run, model: Path) -> None:
    code, out, _ = run("compile", model, "--levels", "50,100", "-o", "out")
    assert code == 0
    assert "50: tflm with its weights gathered, against the level as a file of its own: equal bit for bit" in out
    assert {"redsc_conv_2d.c", "redsc_tflm.h"} < {path.name for path in Path("out").iterdir()}
    assert "redsc::register_fully_connected(resolver) == 0" in Path("out/net_tflm.h").read_text()
    code, out, _ = run("verify", "out/net.tflite", "--model", model, "--plan", "out/net.plan.json")
    assert code == 0
    assert "the same graph and numbers" in out
    assert run("slice", "out/net.tflite", "--level", "50", "-o", "half.tflite")[0] == 0
    assert run("slice", model, "--level", "50", "--plan", "out/net.plan.json", "-o", "again.tflite")[0] == 0
    assert is_same_file("half.tflite", "again.tflite")
    assert run("compile", "half.tflite", "-o", "half")[0] == 0


@pytest.mark.parametrize("prefer", ["speed", "ram"])
def test_levels_of_the_c_engine_are_rebuilt_with_its_flags(run: Run, model: Path, prefer: str) -> None:
    flags = ("--backend", "c", "--prefer", prefer)
    code, out, _ = run("compile", model, "--levels", "50,100", *flags)
    assert code == 0
    assert "100, 50: the C engine on this machine, against tflm: equal bit for bit" in out
    code, out, _ = run("verify", "out/net.tflite", "--model", model, "--plan", "out/net.plan.json", *flags)
    assert code == 0
    assert "the same graph and numbers" in out
    assert run("slice", "out/net.tflite", "--level", "50", "-o", "half.tflite", *flags)[0] == 0
    assert run("slice", model, "--level", "50", "--plan", "out/net.plan.json", "-o", "a.tflite", *flags)[0] == 0
    assert is_same_file("half.tflite", "a.tflite")
    code, out, _ = run("compile", "half.tflite", *flags, "-o", "half")
    assert code == 0
    assert run("levels", model, "--plan", "out/net.plan.json", *flags)[0] == 0


def test_a_float_model_with_data_becomes_int8_and_is_rebuilt_from_the_same_data(run: Run, tmp_path: Path) -> None:
    write_float(tmp_path)
    data = ("--data", "good.npz", "--keep-float", "depthwise_conv_2d2")
    code, out, err = run("compile", "real.tflite", *data, "--levels", "50,100", "--explain", "-o", "out")
    assert code == 0
    assert "warning[L105]: 1 of 5 float operators stay float" in err
    assert "SQNR dB" in out
    slot = read_tflite(Path("out/real.tflite").read_bytes())
    assert [value.type.dtype for value in (*slot.inputs, *slot.outputs)] == [DType.INT8, DType.INT8]
    rebuilt = ("--plan", "out/real.plan.json", *data)
    assert run("verify", "out/real.tflite", "--model", "real.tflite", *rebuilt)[0] == 0
    assert run("slice", "real.tflite", "--level", "50", *rebuilt, "-o", "again.tflite")[0] == 0
    assert run("slice", "out/real.tflite", "--level", "50", "-o", "half.tflite")[0] == 0
    assert is_same_file("half.tflite", "again.tflite")


def test_kernels_say_what_may_overlap_and_are_verified_with_the_same_flag(run: Run, model: Path) -> None:
    heads = {}
    for kernels in ("safe", "reference", "cmsis-nn"):
        flags = ("--kernels", kernels)
        code, text, _ = run("compile", model, *flags, "--levels", "50,100", "--json", "-", "-o", kernels)
        assert code == 0
        arena = json.loads(text)["levels"][0]["arena"]
        assert arena["kernels"] == kernels
        heads[kernels] = arena["head_bytes"]
        plan = ("--model", model, "--plan", f"{kernels}/net.plan.json")
        assert run("verify", f"{kernels}/net.tflite", *plan, *flags)[0] == 0
    assert heads["reference"] < heads["safe"] == heads["cmsis-nn"]


def test_no_quantize_keeps_a_float_model_float(run: Run, tmp_path: Path) -> None:
    write_float(tmp_path)
    assert run("compile", "real.tflite", "--data", "good.npz", "--no-quantize", "-o", "out")[0] == 0
    slot = read_tflite(Path("out/real.tflite").read_bytes())
    assert {value.type.dtype for value in slot.activations()} == {DType.FLOAT32}


def test_levels_of_a_float_model_with_data_are_chosen_in_int8(run: Run, tmp_path: Path) -> None:
    write_float(tmp_path)
    arguments = ("--ram", "3KB", "--levels", "100,50")
    assert run("levels", "real.tflite", *arguments, "--data", "good.npz")[0] == 0
    assert '"100"' not in run("levels", "real.tflite", *arguments)[1]


def test_verify_refuses_a_container_of_another_plan(run: Run, model: Path) -> None:
    run("compile", model, "--levels", "50,100", "-o", "a")
    run("compile", model, "--levels", "75,100", "-o", "b")
    code, _, err = run("verify", "a/net.tflite", "--model", model, "--plan", "b/net.plan.json")
    assert code == 6
    assert "the graphs differ" in err


def test_ops_lists_every_operator(run: Run) -> None:
    code, out, _ = run("ops")
    assert code == 0
    assert "CONV_2D" in out
    assert "control flow" in out


def test_a_bug_of_ours_saves_what_reproduces_it(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("redsc.report.operators.print_operators", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, _, err = run("ops")
    assert code == 70
    (saved,) = tmp_path.glob("redsc-crash-*.txt")
    assert str(saved) in err
    assert "ZeroDivisionError" in saved.read_text()


def test_an_interrupt_is_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("redsc.report.operators.print_operators", interrupt)
    assert run("ops")[0] == 130


def test_exit_codes_belong_to_classes() -> None:
    codes = {kind.__name__: kind.exit_code for kind in RedscError.__subclasses__()}
    assert codes == {
        "UsageError": 2,
        "ModelError": 3,
        "UnsupportedError": 4,
        "BudgetError": 5,
        "VerificationError": 6,
        "OutputError": 7,
        "InternalError": 70,
    }


def test_a_closed_pipe_is_no_error(model: Path) -> None:
    command = [sys.executable, "-m", "redsc", "ops"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_on_a_terminal_stages_that_count_have_a_bar(tmp_path: Path) -> None:
    graph = small_net(DType.FLOAT32)
    (tmp_path / "net.tflite").write_bytes(write_tflite(graph))
    np.savez(tmp_path / "x.npz", x=np.concatenate([row[0] for row in random_samples(graph, 20)]))
    command = [
        sys.executable,
        "-m",
        "redsc",
        "levels",
        "net.tflite",
        "--levels",
        "100,50",
        "--data",
        "x.npz",
        "--no-cache",
    ]
    reader, writer = os.openpty()
    wide = {**os.environ, "COLUMNS": "160", "TERM": "xterm"}
    with subprocess.Popen(command, cwd=tmp_path, env=wide, stdout=subprocess.PIPE, stderr=writer) as process:
        os.close(writer)
        shown = _read_all(reader)
        assert json.loads(process.stdout.read() if process.stdout else b"")
    assert "choosing levels" in shown
    assert re.search(r"measuring what each cut costs .*━.* 0/\d+ .*-:--:--", shown)


def _read_all(terminal: int) -> str:
    """Return what is written to a terminal until it is closed."""
    parts = []
    with contextlib.suppress(OSError):  # Linux says so when the last writer is gone
        while part := os.read(terminal, 4096):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()


def test_targets_are_listed_and_told_one_by_one(run: Run) -> None:
    code, out, _ = run("targets")
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert rows["nano33ble"].split()[1:5] == ["256", "960", "cortex-m4", "64"]
    assert "unmeasured" in rows["cortex-m55"]
    assert "x-cube-ai*" in rows["nucleo-l4r5zi"]
    assert "x-cube-ai*" not in rows["nano33ble"]
    code, out, _ = run("targets", "nano33ble")
    assert "nRF52840" in out
    assert "MLPerf Tiny" in out
    (target,) = json.loads(run("targets", "nano33ble", "--json", "-")[1])
    assert target["ram_bytes"] == 262_144
    assert {table["library"] for table in target["tables"]} >= {"cmsis-nn", "redsc"}
    assert run("targets", "nano33bel")[0] == 2


def test_a_target_is_a_file_too_and_a_dependency(run: Run, model: Path, tmp_path: Path) -> None:
    text = 'board = "b"\ncore = "cortex-m4"\nmegahertz = 100\nlibrary = "cmsis-nn"\nsource = "me"\nram = "90KiB"\n'
    (tmp_path / "mine.toml").write_text(text)
    code, out, _ = run("compile", model, "--target", "mine.toml", "--depfile", "net.d", "--json", "-")
    assert code == 0
    report = json.loads(out)
    assert (report["budget"]["target"], report["budget"]["ram_bytes"]) == ("mine", 92_160)
    assert "mine.toml" in Path("net.d").read_text()
    (tmp_path / "mine.toml").write_text(text + "rum = 4\n")
    code, _, err = run("compile", model, "--target", "mine.toml")
    assert code == 2
    assert "did you mean ram?" in err
