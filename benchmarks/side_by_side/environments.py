"""Tools that have requirements of their own: each gets a virtual environment, made when it is first asked for."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .process import Failed

__all__ = ["ENVIRONMENTS", "Environment"]


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python and what is installed for it."""

    name: str
    requirements: tuple[str, ...]
    python: str = "python3.11"

    def at(self, folder: Path) -> Path:
        """Return the folder of its programs.

        Raises:
            Failed: there is no such Python, or it cannot be installed.
        """
        programs = folder / self.name / "bin"
        if (programs.parent / "installed").exists():
            return programs
        if not _runs(self.python):
            raise Failed(f"left out: no {self.python}")
        install = [str(programs / "pip"), "install", "--quiet", *self.requirements]
        for command in ([self.python, "-m", "venv", "--clear", str(programs.parent)], install):
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                raise Failed(
                    f"left out: {(made.stderr.strip().splitlines() or ['it cannot be installed'])[-1][:60]}"
                )
        (programs.parent / "installed").touch()
        return programs


def _runs(python: str) -> bool:
    """Whether there is such a Python; the name alone may be one that a version manager only passes on."""
    if shutil.which(python) is None:
        return False
    return subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0


_TENSORFLOW = ("tensorflow-cpu==2.19.0", "tf-keras==2.19.0", "onnx<1.20", "onnx-graphsurgeon", "onnxsim")

ENVIRONMENTS = {
    environment.name: environment
    for environment in (
        Environment("onnx2tf-2.6.9", ("onnx2tf==2.6.9",), "python3.12"),
        Environment("onnx2tf-1.29.24", ("onnx2tf==1.29.24", *_TENSORFLOW, "psutil", "sng4onnx", "sne4onnx")),
        Environment("ai-edge-quantizer-0.10.0", ("ai-edge-quantizer==0.10.0",)),
        Environment("tflite-tools", ("numpy<2", "flatbuffers", "scikit-learn", "prettytable", "matplotlib")),
    )
}
