"""A copy of this repository in a folder of its own, with Git and DVC, and an invented corpus."""

import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent

# A network that trains in a second, and a split which leaves both labels in every part of sixty messages.
TINY: dict[str, Any] = {
    "vectorize.min_word_frequency": 0,
    "split.test_share": 0.25,
    "split.validation_share": 0.2,
    "train.units": 4,
    "train.embedding_size": 4,
    "train.subword_buckets": 50,
    "train.epochs": 3,
    "train.batch_size": 8,
    "train.learning_rate": 0.01,
    "evaluate.bootstrap_samples": 100,
    "plot.dpi": 50,
}

# One network in one process, where it is not the ensemble that a test is about: TensorFlow loads once.
ALONE: dict[str, Any] = {"train.ensemble": 1, "train.linear": False}


def invented() -> list[tuple[str, str]]:
    """Return sixty (label, text) pairs, with tabs, quotes and accents in some texts; no two alike."""
    ham = [
        f"{greeting} {question}"
        for greeting, question in product(
            ["Hi", "Hé", "Well,", '"Hello"', "So\t", "Mum,"],
            [
                "shall we eat at mine?",
                "who feeds the cat",
                "the train is late",
                "is it raining there?",
                "call Tom back",
            ],
        )
    ]
    spam = [
        f"{call} {prize}"
        for call, prize in product(
            ["WINNER!!", "Urgent:", "FREE", "Dear customer,", "Last chance!", "Txt YES"],
            [
                "claim your £500 prize",
                "a holiday at www.sun.example",
                "ring 09061234 now",
                "cash loan 18+",
                "new tones",
            ],
        )
    ]
    return [("ham", text) for text in ham] + [("spam", text) for text in spam]


def as_tsv(messages: list[tuple[str, str]]) -> str:
    """Return the messages as the SMS Spam Collection has them."""
    return "".join(f"{label}\t{text}\n" for label, text in messages)


class Repository:
    """A folder, and the commands that a user would type there. What they keep elsewhere goes into `state`."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder, self.state = folder, state

    @classmethod
    def new(cls, folder: Path, **settings: Any) -> "Repository":
        """Copy this repository's files to `folder`, with these settings, and commit them."""
        made = cls(folder, folder.with_name(f"{folder.name}-state"))
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        made.set(**settings)
        made.git("init", "--quiet", "--initial-branch=main")
        made.commit("begin")
        return made

    @classmethod
    def tiny(cls, folder: Path, **settings: Any) -> "Repository":
        """Return a new repository with the invented corpus and a tiny network."""
        made = cls.new(folder, **{"download.source": "corpus.tsv"} | TINY | settings)
        (folder / "corpus.tsv").write_text(as_tsv(invented()), "utf-8", newline="\n")
        made.without_what_was_run()
        return made

    def without_what_was_run(self) -> None:
        """Remove the lock of the corpus that the repository ships with."""
        self.git("rm", "--quiet", "dvc.lock")
        self.commit("a tiny corpus")

    def copy(self, folder: Path) -> "Repository":
        """Return a copy in `folder`, with its cache."""
        shutil.copytree(self.folder, folder)
        return Repository(folder, folder.with_name(f"{folder.name}-state"))

    def clone(self, folder: Path) -> "Repository":
        """Return a clone in `folder`, with an empty cache and state."""
        self.git("clone", "--quiet", ".", str(folder))
        return Repository(folder, folder.with_name(f"{folder.name}-state"))

    def set(self, **changes: Any) -> None:
        """Change params.yaml: names are `section.key`."""
        yaml = YAML()
        path = self.folder / "params.yaml"
        sections = yaml.load(path)
        for name, value in changes.items():
            section, key = name.split(".")
            sections[section][key] = value
        yaml.dump(sections, path)

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the environment of a command: this Python first, and all state kept in one folder."""
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
            command, cwd=self.folder, env=self.environment(**environment), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def git(self, *arguments: str) -> str:
        """Run git."""
        return self.run("git", *arguments)

    def dvc(self, *arguments: str, **environment: str) -> str:
        """Run DVC."""
        return self.run(sys.executable, "-m", "dvc", *arguments, **environment)

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def lock(self) -> str:
        """Return dvc.lock: the hash of every output."""
        return (self.folder / "dvc.lock").read_text("utf-8")
