"""Fuzz one kind of file by coverage, with atheris (extra `fuzz`): what reaches new code is damaged further.

    OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/guided_fuzzing.py KIND [CORPUS] [-max_total_time=600 ...]

What follows are options of libFuzzer. The corpus is filled with the sound files of the kind. It stops at anything
but a RedscError, and keeps the case as `crash-*`; a case of 4 s of the clock as `timeout-*`, a process of 2 GB (of
which half is what it imports) as `oom-*`.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

from redsc.errors import InternalError, RedscError, UsageError


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

        folder = prepare_folder(Path(tempfile.mkdtemp(prefix="redsc-fuzzing-")))
        KINDS[kind].warm_up(folder)  # some modules are imported where they are needed
    corpus = Path(rest.pop(0)) if rest and not rest[0].startswith("-") else folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in KINDS[kind].seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    path = folder / KINDS[kind].file

    def one(data: bytes) -> None:
        path.write_bytes(data)
        try:
            KINDS[kind].check(path)
        except InternalError:
            raise
        except RedscError:
            pass

    atheris.Setup([sys.argv[0], str(corpus), "-timeout=4", "-rss_limit_mb=2048", *rest], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
