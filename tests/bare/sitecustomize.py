"""Take away what Windows lacks, as far as Python's own library can do without it here.

Python runs this module first where PYTHONPATH names its folder, in workers too.
"""

import os
import signal
import sys

for module, names in {
    os: "fork forkpty getuid geteuid killpg mkfifo nice posix_fadvise sched_getaffinity setsid",
    signal: "pthread_sigmask SIG_BLOCK SIG_SETMASK SIG_UNBLOCK SIGHUP SIGPIPE",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
for name in ("fcntl", "grp", "pty", "pwd", "termios"):
    sys.modules[name] = None  # type: ignore[assignment]  # to import it fails
