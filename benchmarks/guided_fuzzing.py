"""Fuzz one kind of file by coverage, with atheris (extra `fuzz`): what reaches new code is damaged further.

    OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/guided_fuzzing.py KIND [CORPUS] [-max_total_time=600 ...]

What follows are libFuzzer's options. The corpus is filled with the sound files of the kind. Anything but RedscError
stops it, as do 4 s of the processor (instrumented code is slower) and 512 MB, and is kept as `crash-*`. A case
without end is kept as `timeout-*`. The process itself grows by some KB a case, which it does not without atheris.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

from redsc.errors import InternalError, RedscError, UsageError

_SECONDS = 4.0
_MEGABYTES = 512.0


def main() -> None:
    """Fuzz until something is found, or the options end it."""
    try:
        import atheris
    except ImportError as error:
        raise UsageError("guided fuzzing needs atheris", hint="pip install 'redsc[fuzz]'") from error
    kind, *rest = sys.argv[1:]
    os.environ.setdefault("REDSC_CACHE", "")
    with atheris.instrument_imports(include=["redsc"]):  # all that is loaded would take minutes
        from tests.fuzz.kinds import KINDS, prepare_folder
        from tests.fuzz.worker import peak_megabytes

        folder = prepare_folder(Path(tempfile.mkdtemp(prefix="redsc-fuzzing-")))
        KINDS[kind].warm_up(folder)  # some modules are imported where they are needed
    corpus = Path(rest.pop(0)) if rest and not rest[0].startswith("-") else folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in KINDS[kind].seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    path = folder / KINDS[kind].file

    def one(data: bytes) -> None:
        path.write_bytes(data)
        before, started = peak_megabytes(reset=True), time.process_time()
        try:
            KINDS[kind].check(path)
        except InternalError:
            raise
        except RedscError:
            pass
        if (seconds := time.process_time() - started) > _SECONDS:
            raise TimeoutError(f"{seconds:.1f} s of the processor")
        if (megabytes := peak_megabytes() - before) > _MEGABYTES:
            raise MemoryError(f"{megabytes:.0f} MB")

    atheris.Setup([sys.argv[0], str(corpus), "-timeout=120", "-rss_limit_mb=8192", *rest], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
