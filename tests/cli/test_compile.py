from __future__ import annotations

import json
from pathlib import Path

from redsc.formats import read_tflite
from redsc.ir import DType
from tests.cli.conftest import Run, write_float
from tests.conftest import Golden


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
    code, out, _ = run("compile", model, "--dry-run", "--depfile", "net.d")
    assert code == 0
    assert "dry run: nothing was written, these files would be" in out
    rows = {line.split()[0]: line.split()[1:] for line in out.split("would be")[1].splitlines() if " B  " in line}
    assert rows["out/net.h"][1:] == ["B", "new"]
    assert "net.d" in rows
    assert [path.name for path in tmp_path.iterdir()] == ["net.tflite"]


def test_check_names_what_would_change_and_writes_nothing(run: Run, model: Path) -> None:
    flags = ("compile", model, "--depfile", "net.d")
    code, out, _ = run(*flags, "--check")
    assert code == 1
    assert "out/net.h is new\n" in out
    assert "net.d is new\n" in out
    assert not Path("out").exists()
    assert run(*flags)[0] == 0
    assert run(*flags, "--check")[:2] == (0, "")
    Path("out/net.h").write_text("mine")
    assert run(*flags, "--check")[:2] == (1, "out/net.h is changed\n")
    assert Path("out/net.h").read_text() == "mine"


def test_explain_says_what_bounds_the_levels_and_what_passes_did(run: Run, model: Path, golden: Golden) -> None:
    code, out, _ = run("compile", model, "--levels", "100,50", "--ram", "5KB", "--dry-run", "-q", "--explain")
    assert code == 0
    golden(out)
    text = run("compile", model, "--levels", "100,50", "--json", "-", "--explain")[1]
    found = json.loads(text)["explanation"]
    (below,) = (level for level in found["levels"] if level["level"] == "50")
    assert below["stops"] == {"its ceiling": ["conv_2d0", "conv_2d3"]}
    assert found["savings"]["fuse-activation"] == {"activation_bytes": 512, "constant_bytes": 0}


def test_explain_tells_one_node_alone(run: Run, model: Path, golden: Golden) -> None:
    golden(run("compile", model, "--levels", "100,50", "--dry-run", "-q", "--explain", "conv_2d0")[1])
    assert "level 100: a part of CONV_2D conv_2d0" in run("compile", model, "-q", "--explain", "relu1")[1]
    assert "level 100: it is no node of its own" in run("compile", model, "-q", "--explain", "reshape5")[1]


def test_a_model_behind_explain_is_the_model(run: Run, model: Path) -> None:
    flags = ("--dry-run", "-q")
    assert run("compile", "--explain", model, *flags) == run("compile", model, *flags, "--explain")
    code, _, err = run("compile", model, *flags, "--explain=net.tflite")
    assert code == 2
    assert "there is no node 'net.tflite'" in err


def test_no_quantize_keeps_a_float_model_float(run: Run, tmp_path: Path) -> None:
    write_float(tmp_path)
    assert run("compile", "real.tflite", "--data", "good.npz", "--no-quantize", "-o", "out")[0] == 0
    slot = read_tflite(Path("out/real.tflite").read_bytes())
    assert {value.type.dtype for value in slot.activations()} == {DType.FLOAT32}


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
