"""Run cases under guard: in a forked process, with a clock, a measure of memory and a watch on what is opened.

A case passes that ends without an error or with a RedscError that is no bug of ours, within 2 s of the processor
and 512 MB above what the process had, and that opens no file outside its folder, no socket and no program.
"""

from __future__ import annotations

import gc
import os
import re
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from redsc.errors import InternalError, RedscError
from tests.fuzz.kinds import KINDS

__all__ = ["Outcome", "peak_megabytes", "run_cases"]

_SECONDS = 2.0
_MEGABYTES = 512
_HARD_MEGABYTES = 4096  # of address space: a case that takes more is ended before the machine suffers
_SILENT_SECONDS = 30  # of the clock: native code cannot be interrupted, only ended
_STATUS = Path("/proc/self/status")
_PEAK = re.compile(rb"VmHWM:\s+(\d+) kB")
_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "pickle.find_class",
    "shutil.",
    "os.remove",
)
_OWN_PLACES = tuple(
    {
        sys.prefix,
        sys.base_prefix,
        *filter(None, sys.path),
        "/proc/",
        "/dev/null",
        "/dev/urandom",
        "/sys/",
        "/etc/ld.so",
        "/usr/share/zoneinfo/",
    }
)


class _TooSlow(BaseException):
    """The clock of a case ran out; no handler of exceptions stops it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case: `sound`, the code of a RedscError, or a finding; its seconds of the processor."""

    number: int
    result: str
    seconds: float = 0.0
    megabytes: float = 0.0

    @property
    def is_finding(self) -> bool:
        """Whether something is to be repaired."""
        return not re.fullmatch(r"sound|[A-HJ-Z]\d{3}", self.result)


def run_cases(kind: str, cases: Sequence[bytes], folder: Path) -> Iterator[Outcome]:
    """Yield the outcome of every case, in order; a folder of `prepare_folder` is where they lie."""
    done = 0
    while done < len(cases):
        for outcome in _forked(kind, cases, folder, done):
            yield outcome
            done = outcome.number + 1


def _forked(kind: str, cases: Sequence[bytes], folder: Path, first: int) -> Iterator[Outcome]:
    """Yield outcomes from one process, up to and with the case that ends it."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        os.close(reader)
        _work(kind, cases, folder, first, writer)
    os.close(writer)
    number, text = first, b""
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], _SILENT_SECONDS)[0]:
            data = pipe.read(1 << 16)
            if not data:
                break
            *lines, text = (text + data).split(b"\n")
            for line in lines:
                result, seconds, megabytes = line.decode().split("\t")
                yield Outcome(number, result, float(seconds), float(megabytes))
                number += 1
        else:
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if number < len(cases):
        code = os.waitstatus_to_exitcode(status)
        yield Outcome(number, "hangs" if code == -signal.SIGKILL else f"process ended: {code}")


def _work(kind: str, cases: Sequence[bytes], folder: Path, first: int, writer: int) -> NoReturn:
    """Run cases from the given one on; never return."""
    _silence()
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + (_HARD_MEGABYTES << 20),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _stop)
    watched = list[str]()
    sys.addaudithook(lambda event, args: _watch(event, args, folder, watched))
    os.chdir(folder)
    gc.freeze()
    for data in cases[first:]:
        outcome = _run(kind, data, folder, watched)
        os.write(writer, f"{outcome.result}\t{outcome.seconds:.4f}\t{outcome.megabytes:.1f}\n".encode())
    os._exit(0)


def _run(kind: str, data: bytes, folder: Path, watched: list[str]) -> Outcome:
    path = folder / KINDS[kind].file
    path.write_bytes(data)
    before, started = peak_megabytes(reset=True), time.process_time()
    watched.clear()
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        result = _result(kind, path)
    except _TooSlow as error:
        result = f"too slow: {_place(error)}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    seconds, megabytes = time.process_time() - started, peak_megabytes() - before
    if not Outcome(0, result).is_finding:
        result = f"took {megabytes:.0f} MB" if megabytes > _MEGABYTES else watched[0] if watched else result
    line = " ".join(result.encode("ascii", "replace").decode().split())
    return Outcome(0, line[:300], seconds, megabytes)


def _result(kind: str, path: Path) -> str:
    """Return what redsc makes of a file."""
    try:
        KINDS[kind].check(path)
    except InternalError as error:
        return f"internal {error.diagnostic.code}: {error.diagnostic.message}"
    except RedscError as error:
        return "out of memory" if _has_cause(error, MemoryError) else error.diagnostic.code
    except _TooSlow:
        raise
    except BaseException as error:
        return f"escaped {type(error).__name__}: {_place(error)}"
    return "sound"


def _watch(event: str, args: Any, folder: Path, watched: list[str]) -> None:
    """Note what a case must not do: everything of `_FORBIDDEN`, and opening files that are none of its own."""
    if event == "open":
        path = args[0] if isinstance(args[0], str | bytes) else ""
        path = os.path.realpath(os.fsdecode(path))
        if path != "/" and not path.startswith((str(folder.resolve()), *_OWN_PLACES)):
            watched.append(f"open {path}")
    elif event.startswith(_FORBIDDEN):
        watched.append(f"{event} {args}"[:100])


def _stop(_signal: int, _frame: Any) -> None:
    raise _TooSlow


def _place(error: BaseException) -> str:
    """Return the innermost line of redsc that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/redsc/" in frame.filename] or list(frames)
    last = own[-1]
    return f"{last.filename.rpartition('/redsc/')[2]}:{last.name}: {error}"


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__
    return False


def peak_megabytes(*, reset: bool = False) -> float:
    """Return the most memory that this process had since it started, or since the last reset: that comes first."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    found = _PEAK.search(_STATUS.read_bytes())
    assert found
    return int(found[1]) / 1024


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _silence() -> None:
    """Send what native code prints to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
