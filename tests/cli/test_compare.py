from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from redsc.errors import UsageError
from tests.cli.conftest import Run
from tests.helpers import samples_of, small_net


def test_compare_prints_both_tables(run: Run, model: Path) -> None:
    code, out, _ = run("compare", model, "--select", "joint,ratios", "--ratio", "0.5")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["selector", "status", "levels", "loss", "MACs", "RAM", "flash", "CPU", "s"]
    assert [line.split()[:2] for line in lines[1:3]] == [["joint", "optimal"], ["ratios", "given"]]
    assert lines[4].split() == ["MACs", "%", "joint", "ratios"]
    assert lines[5].split() == ["100", "100.0", "-"]


def test_compare_prints_json(run: Run, model: Path) -> None:
    np.savez("data.npz", x=samples_of(small_net(), 24))
    flags = ("--levels", "50,100", "--data", "data.npz", "--select", "uniform,netadapt", "--step", "10%")
    code, out, _ = run("compare", model, *flags, "--json", "-")
    assert code == 0
    found = json.loads(out)
    assert [side["selector"] for side in found["sides"]] == ["uniform", "netadapt"]
    assert {level["quality"]["metric"] for side in found["sides"] for level in side["levels"]} == {"agreement"}


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (("compare", "--select", "joint,unifrom"), "U209"),
        (("levels", "--levels", "50", "--ratio", "0.5"), "U226"),
        (("levels", "--levels", "50", "--select", "ratios"), "U226"),
        (("levels", "--levels", "50", "--select", "netadapt", "--step", "0%"), "U217"),
    ],
)
def test_flags_of_selectors_that_do_not_go_together(
    run: Run, model: Path, flags: tuple[str, ...], code: str
) -> None:
    found, _, err = run(flags[0], model, *flags[1:])
    assert found == UsageError.exit_code
    assert f"error[{code}]" in err
