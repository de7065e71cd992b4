from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.conftest import ROOT, Golden


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


def test_ops_lists_every_operator(run: Run) -> None:
    code, out, _ = run("ops")
    assert code == 0
    assert "CONV_2D" in out
    assert "control flow" in out


def test_targets_are_listed_and_told_one_by_one(run: Run) -> None:
    code, out, _ = run("targets")
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert rows["nano33ble"].split()[1:5] == ["256", "960", "cortex-m4", "64"]
    assert max(map(len, out.splitlines())) <= 80
    assert [rows[name].split("cmsis-nn")[1].split() for name in ("cortex-m55", "nucleo-l4r5zi", "nano33ble")] == [
        ["0", "+", "1"],
        ["3", "+", "2*"],
        ["3", "+", "2"],
    ]
    code, out, _ = run("targets", "nano33ble")
    assert "nRF52840" in out
    assert "MLPerf Tiny" in out
    (target,) = json.loads(run("targets", "nano33ble", "--json", "-")[1])
    assert target["ram_bytes"] == 262_144
    assert {table["library"] for table in target["tables"]} >= {"cmsis-nn", "redsc"}
    assert run("targets", "nano33bel")[0] == 2


def test_doctor_says_of_every_dependency_how_to_get_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: wanted for name, wanted in project["optional-dependencies"].items() if name != "test"}
    code, text, _ = run("doctor", "--json", "-")
    found = json.loads(text)
    assert code == 0
    assert {part["name"] for part in found["needed"]} == set(map(package, project["dependencies"]))
    assert {part["name"]: part["get"] for part in found["optional"]} == {
        package(text): f"pip install 'redsc[{name}]'" for name, wanted in extras.items() for text in wanted
    }
    debian = (ROOT / "Makefile").read_text()
    assert all(part["get"].split()[-1] in debian for part in found["tools"])
    assert all(part["enables"] for kind in ("needed", "optional", "tools") for part in found[kind])
    monkeypatch.setenv("PATH", "")
    code, out, _ = run("doctor")
    assert code == 0
    row = next(line for line in out.splitlines() if line.startswith("qemu-system-arm"))
    assert row.split()[1] == "-"
    assert row.endswith("apt-get install qemu-system-arm")


def package(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0]


def test_a_tool_that_does_not_run_is_no_error(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cmake").write_text("\x7fELF")
    (tmp_path / "cmake").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    tools = {part["name"]: part["version"] for part in json.loads(run("doctor", "--json", "-")[1])["tools"]}
    assert tools["cmake"] == "does not run"
    assert tools["ninja"] is None


SHELLS = {"bash": "complete -o", "zsh": "#compdef redsc", "fish": "function"}
COMPLETIONS = {
    "redsc compile --kernels ": "cmsis-nn",
    "redsc compile --target nano33": "nano33ble",
    "redsc targets nano33": "nano33ble",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_verbs_options_and_targets(run: Run, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("there is no bash")
    code, out, _ = run("completion", shell)
    assert code == 0
    assert SHELLS[shell] in out
    Path("redsc.toml").write_text("rum = 1")  # is not read
    monkeypatch.setenv("_REDSC_COMPLETE", f"{shell}_complete")
    for words, found in COMPLETIONS.items():
        begun = words.split(" ")[-1]
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", begun if shell == "fish" else str(len(words.split(" ")) - 1))
        assert found in run()[1]
