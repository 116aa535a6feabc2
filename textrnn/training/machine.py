"""What makes this machine's bits differ from those in dvc.lock, as far as it is known beforehand."""

import os
import platform
import re
import sys
from pathlib import Path

from textrnn.artifacts import provenance
from textrnn.core import paths
from textrnn.core.files import write_json


def differences(gpus: int, workers: int = 1) -> list[str]:
    """Return how this machine differs from those whose bits agree, in words.

    `gpus` is how many TensorFlow sees, and `workers` how many train together.
    """
    found = []
    if platform.machine().lower() not in ("x86_64", "amd64"):
        found.append(f"the processor is no x86-64 but {platform.machine()}")
    elif not has_avx2():
        found.append("the processor has no AVX2")
    if gpus:
        found.append(f"TensorFlow computes on {gpus} GPU{'s' if gpus > 1 else ''}")
    if workers > 1:
        found.append(f"{workers} workers train together")
    lines = paths.REQUIREMENTS.read_text("utf-8") if paths.REQUIREMENTS.exists() else ""
    for name, installed in provenance.packages().items():
        # They may differ by Python's version.
        locked = set(re.findall(rf"^{re.escape(name)}==([\w.+!-]+)", lines, re.MULTILINE))
        if installed not in (locked or {installed}):
            found.append(f"{name} is {installed}, and requirements.txt has {' or '.join(sorted(locked))}")
    return found


def has_avx2(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor has AVX2. Where no file lists its features, as on macOS, assume that it has."""
    try:
        return "avx2" in cpuinfo.read_text("utf-8").split()
    except OSError:
        return True


def report(gpus: int, workers: int = 1) -> None:
    """Print one line on stderr if the bits will differ here, and record why outside the outputs."""
    if found := differences(gpus, workers):
        print(f"note: the bits will differ from those in dvc.lock: {'; '.join(found)}", file=sys.stderr, flush=True)
    machine = {
        "differences": found,
        "packages": provenance.packages(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    write_json(paths.MACHINE, machine)
