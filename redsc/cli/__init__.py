"""The command line: what the program says, and the exit code that tells what kind of error it was."""

from __future__ import annotations

import sys

import click

from redsc.cli.commands import cli
from redsc.cli.terminal import say
from redsc.errors import InternalError, RedscError
from redsc.version import __version__

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit."""
    try:
        code = cli.main(prog_name="redsc", standalone_mode=False)
    except RedscError as error:
        say(str(error))
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("interrupted; nothing more was written")
        code = _INTERRUPTED
    except SystemExit:  # click's answer to a closed pipe: the reader has seen enough
        code = 0
    except Exception:
        say(str(_crash()))
        code = InternalError.exit_code
    sys.exit(code)


def _crash() -> InternalError:
    """Save what is needed to reproduce a bug of ours, and return the error that says where."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="redsc-crash-", suffix=".txt", delete=False) as file:
        file.write(f"redsc {__version__}, python {sys.version}\n{sys.argv[1:]}\n\n{traceback.format_exc()}")
    return InternalError(
        "redsc failed in a way it should not", evidence=[f"details: {file.name}"], hint="please report them"
    )
