from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run, write_float
from tests.conftest import Golden


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


def test_levels_of_a_float_model_with_data_are_chosen_in_int8(run: Run, tmp_path: Path) -> None:
    write_float(tmp_path)
    arguments = ("--ram", "3KB", "--levels", "100,50")
    assert run("levels", "real.tflite", *arguments, "--data", "good.npz")[0] == 0
    assert '"100"' not in run("levels", "real.tflite", *arguments)[1]
