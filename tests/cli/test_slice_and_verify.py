from __future__ import annotations

import json
from pathlib import Path

import pytest

from redsc.codegen.container import is_same_model
from redsc.formats import read_tflite
from redsc.ir import DType
from tests.cli.conftest import Run, write_float


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


def test_verify_refuses_a_container_of_another_plan(run: Run, model: Path) -> None:
    run("compile", model, "--levels", "50,100", "-o", "a")
    run("compile", model, "--levels", "75,100", "-o", "b")
    code, _, err = run("verify", "a/net.tflite", "--model", model, "--plan", "b/net.plan.json")
    assert code == 6
    assert "the graphs differ" in err
