"""A copy of this repository in a folder of its own, with Git, DVC, an invented corpus and a tiny network."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.workspace import made_once, shared
from textrnn.corpus import watch

ROOT = Path(__file__).resolve().parent.parent
STAGES = ["download", "clean", "vectorize", "split", "train", "evaluate", "plot"]

# One network, which trains in a second, and a split that leaves both labels in every part of sixty messages.
TINY: dict[str, Any] = {
    "download.source": "corpus.tsv",
    "vectorize.min_word_frequency": 0,
    "split.test_share": 0.25,
    "split.validation_share": 0.2,
    "train.cell": "rnn",
    "train.bidirectional": False,
    "train.units": 4,
    "train.embedding_size": 4,
    "train.subword_buckets": 50,
    "train.epochs": 10,
    "train.patience": 0,
    "train.batch_size": 8,
    "train.learning_rate": 0.01,
    "train.ensemble": 1,
    "train.linear": False,
    "evaluate.bootstrap_samples": 100,
    "plot.dpi": 50,
}

# DVC loads a second's worth of modules. A server process loads them once, and each command runs in a fork of it.
LOADED: Any = get_context("spawn" if sys.platform == "win32" else "forkserver")
LOADED.set_forkserver_preload(["dvc.cli", "dvc.commands.repro", "dvc.repo.experiments", "dvc.repo.reproduce"])


def invented() -> list[tuple[str, str]]:
    """Return sixty (label, text) pairs, with tabs, quotes and accents in some texts; no two alike."""
    greetings = ["Hi", "Hé", "Well,", '"Hello"', "So\t", "Mum,"]
    questions = ["shall we eat at mine?", "who feeds the cat", "the train is late", "is it raining?", "call Tom back"]
    calls = ["WINNER!!", "Urgent:", "FREE", "Dear customer,", "Last chance!", "Txt YES"]
    prizes = [
        "claim your £500 prize",
        "a holiday at www.sun.example",
        "ring 09061234 now",
        "cash loan 18+",
        "new tones",
    ]
    ham = [("ham", " ".join(words)) for words in product(greetings, questions)]
    return ham + [("spam", " ".join(words)) for words in product(calls, prizes)]


def as_tsv(messages: list[tuple[str, str]]) -> str:
    """Return the messages in the format of the SMS Spam Collection."""
    return "".join(f"{label}\t{text}\n" for label, text in messages)


def stages_run(output: str) -> list[str]:
    """Return the stages that DVC says it ran."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


class Repository:
    """A folder, and the commands that a user would type there. They keep their caches in `state`."""

    def __init__(self, folder: Path, state: Path | None = None) -> None:
        self.folder, self.state = folder, state or folder.with_name(f"{folder.name}-state")

    @classmethod
    def tiny(cls, folder: Path, **settings: Any) -> "Repository":
        """Copy this repository's files to `folder` with a tiny network's settings and the corpus, and commit them."""
        made = cls(folder)
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).exists() and name != "dvc.lock":
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        (folder / "corpus.tsv").write_text(as_tsv(invented()), "utf-8", newline="\n")
        made.set(**TINY | settings)
        made.git("init", "--quiet", "--initial-branch=main")
        made.commit("begin")
        return made

    def copy(self, folder: Path) -> "Repository":
        """Return a copy in `folder`, with its cache."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Repository(folder)

    def clone(self, folder: Path) -> "Repository":
        """Return a clone in `folder`, with an empty cache and state."""
        self.git("clone", "--quiet", ".", str(folder))
        return Repository(folder)

    def set(self, **changes: Any) -> None:
        """Change params.yaml: names are `section.key`."""
        yaml = YAML()
        path = self.folder / "params.yaml"
        sections = yaml.load(path)
        for name, value in changes.items():
            section, key = name.split(".")
            sections[section][key] = value
            if name == "download.source" and "://" not in value:
                watch.write(self.folder / "dvc.yaml", [value])
        yaml.dump(sections, path)

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the environment of a command: this Python first, and all caches in `state`."""
        here = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "DVC_SITE_CACHE_DIR": str(self.state / "site"),
            "TEXTRNN_CACHE": str(self.state / "corpus"),
            "DVC_NO_ANALYTICS": "true",
        }
        who = {
            f"GIT_{role}_{what}": "test@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        return os.environ | here | who | changes

    def run(self, *command: str, **environment: str) -> str:
        """Run a command, which must succeed, and return what it prints."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(**environment), text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-5000:]}"
        return done.stdout

    def git(self, *arguments: str) -> str:
        """Run git."""
        return self.run("git", *arguments)

    def dvc(self, *arguments: str, **environment: str) -> str:
        """Run DVC, which must succeed, and return what it prints."""
        return self.dvc_each(arguments, **environment)

    def dvc_each(self, *commands: Sequence[str], **environment: str) -> str:
        """Run DVC with the arguments of each command, in one process; all must succeed. Return what is printed."""
        code, printed = self.forked(commands, self.environment(**environment))
        assert code == 0, f"dvc {' && dvc '.join(map(' '.join, commands))}\n{printed[-5000:]}"
        return printed

    def dvc_fails(self, *arguments: str, **environment: str) -> str:
        """Run DVC, which must fail or be killed, and return what it prints."""
        code, printed = self.forked((arguments,), self.environment(**environment))
        assert code != 0, printed
        return printed

    def forked(self, commands: Sequence[Sequence[str]], environment: dict[str, str]) -> tuple[int | None, str]:
        """Run DVC in a fork of LOADED's server, and return its exit code and what it prints."""
        self.state.mkdir(exist_ok=True)
        output = self.state / "printed"
        process = LOADED.Process(target=dvc_main, args=(commands, self.folder, environment, output))
        process.start()
        process.join()
        return process.exitcode, output.read_text("utf-8", "replace")

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def lock(self) -> str:
        """Return dvc.lock: the hash of every output."""
        return (self.folder / "dvc.lock").read_text("utf-8")


def dvc_main(commands: Sequence[Sequence[str]], folder: Path, environment: dict[str, str], output: Path) -> None:
    """Be the `dvc` command: in `folder`, without input, printing to the file `output`."""
    from dvc.cli import main

    with output.open("wb") as file, Path(os.devnull).open("rb") as nothing:
        for number, target in enumerate((nothing, file, file)):
            os.dup2(target.fileno(), number)
    if sys.platform != "win32":
        os.setsid()  # a test may kill the whole group
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for arguments in commands:
        sys.argv = ["dvc", *arguments]
        if code := main(list(arguments)):
            sys.exit(code)


def first_run(base: Path) -> Repository:
    """Return a repository whose pipeline has run, all committed. All processes of pytest share it: take a copy.

    Its training was killed and resumed, under a locale, a time zone and so on of its own. Next to it lie the log of the
    files that the stages opened, `opened` (tests/traced), and what DVC printed after the kill, `said`.
    """

    def run(folder: Path) -> None:
        made = Repository.tiny(folder / "run")
        log = folder / "opened"
        log.touch()
        elsewhere = {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Kathmandu", "TF_NUM_INTRAOP_THREADS": "1"}
        traced = {"PYTHONPATH": str(ROOT / "tests/traced"), "TRACED": str(log)}
        killed = made.dvc_fails("repro", **elsewhere, **traced, KILLED=".checkpoints/train.npz")
        assert stages_run(killed) == STAGES[:5]
        (folder / "said").write_text(made.dvc("repro", **elsewhere, **traced), "utf-8")
        made.commit("run")

    return Repository(made_once(shared(base) / "first-run", run) / "run")
