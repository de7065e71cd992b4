from __future__ import annotations

import json
from pathlib import Path

from redsc.formats import read_tflite
from redsc.ir import DType
from tests.cli.conftest import Run, write_float


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


def test_explain_prints_what_passes_did(run: Run, model: Path) -> None:
    _, _, err = run("compile", model, "--dry-run", "--explain")
    assert "fuse-activation: changed conv_2d0: takes over RELU" in err


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
