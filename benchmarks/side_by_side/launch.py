"""Run a program and write what it took: seconds, KiB and the exit status.

    python -S launch.py FILE LIMIT PROGRAM ...

A process of its own, and a small one: the most memory of a process is at least that of the one that starts it. The
limit is in seconds of a core, so that other work on the machine changes nothing.
"""

import os
import resource
import sys

if __name__ == "__main__":
    limit = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
    process = os.posix_spawn(sys.argv[3], sys.argv[3:], os.environ)
    _, status, used = os.wait4(process, 0)
    with open(sys.argv[1], "w") as file:
        print(used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status), file=file)
