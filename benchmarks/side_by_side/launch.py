"""Run a program and write what it took: seconds, KiB and the exit status. `python -S launch.py FILE PROGRAM ...`.

A process of its own, and a small one: the most memory of a process is at least that of the one that starts it.
"""

import os
import sys

if __name__ == "__main__":
    process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
    _, status, used = os.wait4(process, 0)
    with open(sys.argv[1], "w") as file:
        print(used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status), file=file)
