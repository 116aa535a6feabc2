"""Stages and predict.py on odd machines: watched, with closed streams, as another user, without room or a home."""

import ctypes
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.repository import STAGES, Repository
from textrnn.core import paths

if sys.platform == "win32":
    pytest.skip("tests of Unix alone", allow_module_level=True)

import resource

NOBODY = 65534
SOME = ["download", "evaluate", "plot", "predict"]  # who cache, load most, and answer
COMMANDS = {stage: ("-m", f"stages.{stage}") for stage in STAGES} | {"predict": ("predict.py", "WIN a prize")}
SOCKET = {"x86_64": 41, "aarch64": 198}.get(platform.machine())  # the number of the system call
NO_PRIVILEGES, FILTER = (38, 1, 0, 0, 0), 22  # of prctl


@pytest.fixture
def checkout(ran: Repository) -> Iterator[Path]:
    """Return a copy of the repository that has run, where any user may look. pytest's own folders are for one alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        ignored = shutil.ignore_patterns(".git", ".dvc", "__pycache__", "bench", "compare", "docs", "tests")
        yield Path(shutil.copytree(ran.folder, Path(folder) / "checkout", ignore=ignored))


def ended(
    folder: Path, name: str, before: Callable[[], object] | None = None, *wrap: str, **changes: str
) -> tuple[int, str, str]:
    """Run a stage or predict.py, and return its exit code and what it prints, without notes. Empty variables go."""
    given = os.environ | {"TEXTRNN_CACHE": str(folder / ".cache"), "PYTHONDONTWRITEBYTECODE": "1"} | changes
    variables = {name: value for name, value in given.items() if value}
    done = subprocess.run(
        [*wrap, sys.executable, *COMMANDS[name]], cwd=folder, env=variables, preexec_fn=before,
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines(keepends=True) if not line.startswith("note: ")]
    return done.returncode, done.stdout, "".join(said)


def kill_who_opens_a_socket() -> None:
    """Let the kernel kill this process, and those it starts, when it would open a socket of IPv4; refuse IPv6.

    A Python hook would not see a library that is written in C. urllib3 asks for a socket of IPv6 whenever it loads.
    """
    load, jump_equal, give = 0x20, 0x15, 0x06
    program = [
        (load, 0, 0, 0), (jump_equal, 0, 5, SOCKET),  # the system call
        (load, 0, 0, 16), (jump_equal, 2, 0, 2), (jump_equal, 0, 2, 10),  # its first argument: AF_INET, AF_INET6
        (give, 0, 0, 0x00050000 | 97), (give, 0, 0, 0x80000000), (give, 0, 0, 0x7FFF0000),  # EAFNOSUPPORT, kill, allow
    ]  # fmt: skip
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    filters = ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*NO_PRIVILEGES) or libc.prctl(FILTER, 2, filters):
        raise OSError(ctypes.get_errno(), "no filter")


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


@pytest.fixture(scope="module")
def nobody() -> Callable[[], None]:
    """Return what makes a new process nobody's, who must be able to read the packages."""
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run([sys.executable, "-c", "import numpy"], preexec_fn=become_nobody, cwd="/", check=True)
        return become_nobody
    pytest.skip("only root can become nobody, who must be able to read the packages")


@pytest.mark.skipif(sys.platform != "linux" or not SOCKET, reason="needs a filter of Linux' system calls")
def test_no_command_looks_for_the_network_or_keeps_anything_of_its_user(checkout: Path, tmp_path: Path) -> None:
    program = "import socket; socket.getaddrinfo('telemetry.example', 443)"
    done = subprocess.run([sys.executable, "-c", program], preexec_fn=kill_who_opens_a_socket, check=False)
    assert done.returncode == -31, "the watch sees a name that is looked up"
    for name in COMMANDS:
        home = tmp_path / name
        home.mkdir()
        changes = {"HOME": str(home), "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": "", "DVC_SITE_CACHE_DIR": ""}
        code, _, said = ended(checkout, name, kill_who_opens_a_socket, **changes)
        assert code == 0, (name, said)
        kept = {path.relative_to(home).parts[:2] for path in home.rglob("*") if path.is_file()}
        assert kept <= {(".cache", "matplotlib"), (".keras", "keras.json")}, "a list of fonts, and Keras' defaults"


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_command_whose_standard_streams_are_closed_does_its_work_or_says_why_not(checkout: Path, closed: str) -> None:
    shell = ("sh", "-c", f'exec "$@" {closed}', "sh")
    for name in ("vectorize", "evaluate"):
        assert ended(checkout, name, None, *shell) == (0, "", "")
    code, out, said = ended(checkout, "predict", None, *shell)
    if "1>" in closed:
        assert (code, out) == (1, "")
        assert said == "" if "2>" in closed else said.startswith("error: expected a standard output for the answers")
    else:
        assert (code, out.count("WIN a prize"), said) == (0, 1, "")


def test_messages_from_a_closed_standard_input_are_an_error(checkout: Path) -> None:
    shell = 'exec "$@" --input - 0<&-'
    command = ["sh", "-c", shell, "sh", sys.executable, "predict.py"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: expected messages on standard input, found it closed: run it without `<&-`\n"


def test_another_user_than_root_runs_everything_in_a_checkout_of_his_own(
    checkout: Path, nobody: Callable[[], None]
) -> None:
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    for name in COMMANDS.keys() - {"train"}:
        assert ended(checkout, name, nobody, HOME=str(checkout))[::2] == (0, ""), name


def test_in_a_checkout_that_may_only_be_read_predict_answers_and_a_stage_says_so(
    checkout: Path, nobody: Callable[[], None]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in checkout.rglob("*")}
    code, answer, said = ended(checkout, "predict", nobody)
    assert (code, answer.count("WIN a prize"), said) == (0, 1, "")
    for name in SOME[:-1]:
        code, _, said = ended(checkout, name, nobody)
        assert code == 1
        assert said.splitlines()[-1].startswith("error: Permission denied: ")
        assert "Traceback" not in said
    assert {path: path.stat().st_mtime_ns for path in checkout.rglob("*")} == before


def test_without_room_in_tmp_every_command_does_its_work(checkout: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    shell = 'mount -t tmpfs -o size=4k none "$0" && { cat /dev/zero >"$0/full" 2>/dev/null; exec "$@"; }'
    wrap = ("unshare", "--map-root-user", "--mount", "sh", "-c", shell, str(full))
    if not shutil.which("unshare") or subprocess.run([*wrap, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs a mount namespace")
    for name in SOME:
        assert ended(checkout, name, None, *wrap, TMPDIR=str(full))[::2] == (0, ""), name


def test_without_a_home_every_command_does_its_work(checkout: Path) -> None:
    for name in SOME:
        assert ended(checkout, name, HOME="", TEXTRNN_CACHE="", XDG_CACHE_HOME="")[::2] == (0, ""), name


def test_with_128_open_files_every_command_does_its_work(checkout: Path) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))

    for name in SOME:
        assert ended(checkout, name, few)[::2] == (0, ""), name


@pytest.mark.parametrize("error", ["MemoryError", "ImportError('x.so: failed to map segment from shared object')"])
def test_a_lack_of_memory_while_modules_load_is_one_line(error: str) -> None:
    for code in ("end_in_one_line(); raise {}", "sys.exit(run(lambda: (_ for _ in ()).throw({})))"):
        program = f"import sys; from textrnn.core.errors import end_in_one_line, run; {code.format(error)}"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert done.stderr.startswith("error: out of memory")


def test_one_room_alone_loads_the_runtime_once_its_telemetry_is_off() -> None:
    modules = [path for path in paths.ROOT.glob("*/**/*.py") if "import onnxruntime\n" in path.read_text("utf-8")]
    ours = [path.relative_to(paths.ROOT) for path in modules]
    found = {path.parent.as_posix() for path in ours if path.parts[0] not in (".venv", "build")}  # `pip install .`
    assert found == {"textrnn/inference", "tests"}
