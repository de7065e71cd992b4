from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Run

SHOW = ("compile", "--print-config")


def shown(text: str) -> dict[str, str]:
    """Return the source of every option that was printed, after its value."""
    rows = (line.split(" # ") for line in text.splitlines() if " = " in line)
    return {row[0].split(" = ")[0]: f"{row[0].split(' = ')[1].strip()} {row[-1]}" for row in rows}


def test_the_flag_is_stronger_than_environment_file_target_and_default(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = {"--target": "nano33ble", "--ram": "1KB"}
    given = [text for pair in flags.items() for text in pair]
    Path("redsc.toml").write_text('ram = "3KB"\nflash = "3MB"\nmacs = "3M"\n')
    monkeypatch.setenv("REDSC_COMPILE_RAM", "2KB")
    monkeypatch.setenv("REDSC_COMPILE_FLASH", "2MB")
    found = shown(run(*SHOW, *given)[1])
    assert found["ram"] == '"1KB" flag'
    assert found["flash"] == '"2MB" environment REDSC_COMPILE_FLASH'
    assert found["macs"] == '"3M" file redsc.toml'
    assert found["kernels"] == '"cmsis-nn" target nano33ble'
    assert found["share"] == '"strided" default'
    monkeypatch.delenv("REDSC_COMPILE_RAM")
    assert shown(run(*SHOW, "--target", "nano33ble")[1])["ram"] == '"3KB" file redsc.toml'
    Path("redsc.toml").unlink()
    assert shown(run(*SHOW, "--target", "nano33ble")[1])["ram"] == "262144 target nano33ble"


def test_what_is_printed_is_a_file_that_says_the_same(run: Run, model: Path) -> None:
    flags = (
        "--levels",
        "50,100",
        "--freeze",
        'a "b"',
        "--freeze",
        "c",
        "--tune",
        "--ratio",
        "0.5",
        "--data",
        "x.npz",
    )
    _, text, _ = run(*SHOW, *flags)
    Path("again.toml").write_text(text)
    assert tomllib.loads(text)["compile"]["freeze"] == ['a "b"', "c"]
    again = run(*SHOW, "--config", "again.toml")[1]
    assert {key: row.split(" ")[0] for key, row in shown(again).items()} == {
        key: row.split(" ")[0] for key, row in shown(text).items()
    }
    assert shown(again)["tune"] == "true file again.toml"


def test_the_nearest_folder_counts_and_paths_are_relative_to_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("project/deep/er").mkdir(parents=True)
    Path("project/redsc.toml").write_text('data = "x.npz"\ntarget = "mine.toml"\nlevels = [100, 50]\n')
    Path("project/mine.toml").write_text(TARGET)
    Path("redsc.toml").write_text('data = "other.npz"\n')
    monkeypatch.chdir("project/deep/er")
    found = shown(run(*SHOW)[1])
    assert found["data"] == '"../../x.npz" file ../../redsc.toml'
    assert found["ram"] == "92160 target ../../mine.toml"
    assert found["levels"] == '"100,50" file ../../redsc.toml'
    assert shown(run(*SHOW, "--config", "none")[1])["# data"] == " default"
    Path(".git").mkdir()
    assert "# file" not in run(*SHOW)[1]


TARGET = 'board = "b"\ncore = "cortex-m4"\nmegahertz = 100\nlibrary = "cmsis-nn"\nsource = "me"\nram = "90KiB"\n'


def test_pyproject_has_a_table_and_redsc_toml_is_asked_first(run: Run) -> None:
    Path("pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert "# file" not in run(*SHOW)[1]
    Path("pyproject.toml").write_text('[tool.redsc]\nram = "5KB"\n')
    assert shown(run(*SHOW)[1])["ram"] == '"5KB" file pyproject.toml'
    Path("redsc.toml").write_text('ram = "6KB"\n')
    assert shown(run(*SHOW)[1])["ram"] == '"6KB" file redsc.toml'


def test_a_verb_has_its_own_table_and_takes_what_it_has_in_common_with_compile(run: Run) -> None:
    text = 'ram = "5KB"\nselect = "uniform"\ncalibration = "minmax"\noutput = "gen"\n'
    Path("redsc.toml").write_text(text + '[compile]\nram = "6KB"\n[sweep]\njobs = 3\n')
    assert shown(run("compile", "--print-config")[1])["ram"] == '"6KB" file redsc.toml'
    found = shown(run("sweep", "--print-config")[1])
    assert found["jobs"] == "3 file redsc.toml"
    assert found["calibration"] == '"minmax" file redsc.toml'
    assert found["select"] == '"joint" default'  # a list of selectors: another option of the same name
    assert found["output"] == '"sweep" default'
    assert shown(run("levels", "--print-config")[1])["select"] == '"uniform" file redsc.toml'


def test_options_of_a_file_are_those_of_the_flags_and_a_dependency(run: Run, model: Path) -> None:
    Path("redsc.toml").write_text('levels = "100,50"\noutput = "gen"\n')
    assert run("compile", model, "--depfile", "net.d", "-q")[:2] == (0, "")
    assert "redsc.toml" in Path("net.d").read_text()
    assert '"name": "50"' in Path("gen/net.plan.json").read_text()
    assert run("compile", model, "--config", "none", "--levels", "100,50", "-o", "gen", "--check") == (
        0,
        "",
        WARNED,
    )


WARNED = (
    "warning[L103]: unmeasured: level 50 was cut without looking at data\n"
    "  hint: --data FILE.npz measures every level\n"
)


@pytest.mark.parametrize(
    "content",
    [b"\xff", b"a = ", b"x = " + b"[" * 10_000, b"#" * (1 << 20) + b"\n", b"[compile]\n[compile]\n"],
    ids=["no text", "no TOML", "deep", "large", "twice"],
)
def test_what_cannot_be_read_is_an_error(run: Run, content: bytes) -> None:
    Path("redsc.toml").write_bytes(content)
    code, out, err = run(*SHOW)
    assert (code, out) == (2, "")
    assert err.startswith(("error[U250]: redsc.toml is ", "error[U250]: cannot read redsc.toml: it is larger"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("".join(f"k{i} = 1\n" for i in range(80_000)), "  the file has more than 500 keys\n"),
        (f"{'k' * 1_000_000} = 1", f"  '{'k' * 100}' is no option\n"),
        (f"emit = '{'k' * 1_000_000}'", f"  'emit' is wrong: '{'k' * 99}\n"),
    ],
    ids=["many keys", "a long key", "a long value"],
)
def test_messages_about_large_files_are_short_and_soon_there(run: Run, text: str, said: str) -> None:
    Path("redsc.toml").write_text(text)
    code, _, err = run(*SHOW)
    assert code == 2
    assert said in err
    assert len(err) < 400


def test_help_and_completion_need_no_sound_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("redsc.toml").write_text("rum = 1")
    assert run("compile", "--help")[0] == 0
    assert run("--version")[0] == 0


def test_an_environment_variable_reaches_flags_and_lists(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDSC_COMPILE_INT8_IO", "1")
    monkeypatch.setenv("REDSC_COMPILE_FREEZE", "a b")
    found = shown(run(*SHOW)[1])
    assert found["int8-io"] == "true environment REDSC_COMPILE_INT8_IO"
    assert found["freeze"] == '["a", "b"] environment REDSC_COMPILE_FREEZE'
    monkeypatch.setenv("REDSC_COMPILE_BACKEND", "fpga")
    code, _, err = run(*SHOW)
    assert code == 2
    assert "'fpga' is not one of 'tflm', 'c'" in err


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("REDSC_COMPILE_RUM", "did you mean REDSC_COMPILE_RAM?"),
        ("REDSC_COMPLIE_RAM", "did you mean REDSC_COMPILE_RAM?"),
        ("REDSC_LEVELS", "did you mean REDSC_COMPILE_LEVELS?"),
        ("REDSC_COMPILE_0123456789_0123456789", "redsc compile --help lists the flags"),
    ],
)
def test_a_variable_that_is_no_option_is_a_warning(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "1")
    code, _, err = run(*SHOW)
    assert code == 0
    assert err == f"warning[L150]: {name} is set, but no option has this variable\n  hint: {hint}\n"


@pytest.mark.parametrize(
    "name", ["REDSC_CACHE", "REDSC_SWEEP_JOBS", "REDSC_SWEEP_JOB_COUNT", "REDSC_VERSION", "REDSC_ZOO"]
)
def test_a_variable_of_something_else_is_none(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    assert run(*SHOW)[2] == ""
