"""Every command in the documents: run here in a copy of the repository that has run, or named with what runs it."""

import csv
import re
import shlex
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from fuzz.targets import workbook
from stages import clean, download, evaluate, split, vectorize
from tests.repository import ROOT, Repository, stages_run
from tests.workspace import Workspace, place, wait_for
from textrnn.artifacts import ragged
from textrnn.cli import predict
from textrnn.core import paths
from textrnn.core.errors import run
from textrnn.evaluation.checks import warnings
from textrnn.text.vocabulary import read_tokens
from tools import adopt

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(page for folder in ("corpus", "docs", "examples") for page in sorted((ROOT / folder).rglob("*.md"))),
]
WORDS = ("dask", "dvc", "git", "mypy", "npm", "pip", "pytest", "python", "python3", "ruff", "tail", "textrnn", "xargs")
TUTORIAL = (ROOT / "docs/tutorial.md").read_text("utf-8")
DESIGN = (ROOT / "docs/design.md").read_text("utf-8")

# The file that runs or installs what takes long or needs a network, and how those commands begin.
ELSEWHERE = {
    ".ci/run": (
        "mypy", "pip install .", "pip install '.[drift]'", "pip install '.[serve]'", "pip install -r requirements",
        "python3 -m venv .venv", "ruff check . && ruff format .",
    ),
    "bench/limits.py": ("python -m bench.limits",),
    "bench/requirements.txt": ("pip install -r bench/requirements.txt",),
    "compare/requirements.txt": ("pip install -r compare/requirements.txt",),
    "requirements-dev.in": ("pip install d",),
    "tests/test_adopt.py": ("dvc exp run --queue --copy-paths", "python -m tools.adopt corpus/my-messages.csv"),
    "tests/test_cluster.py": ("python -m bench.cluster", "python -m stages.train"),
    "tests/test_compare.py": ("dvc repro download && dvc --cd compare repro", "python -m compare."),
    "tests/test_package.py": ("textrnn drift", "textrnn predict", "textrnn serve"),
    "tests/test_partitions.py": (
        "PYTHONPATH=. dask worker", "TEXTRNN_SCHEDULER=tcp://host:8786 dvc repro", "dask scheduler",
        "python -m bench.dask_cluster",
    ),
    "tests/test_pipeline.py": ("git clone ",),
    "tests/test_predict.py": ("tail -f ",),
    "tests/test_presets.py": ("xargs dvc exp run < presets/tutorial.txt",),
    "tests/test_remotes.py": (
        "dvc pull", "dvc push", "dvc remote ", "dvc repro --pull", "git commit --all -m \"Wider network\"", "git pull",
        "git push", "python -m tools.share",
    ),
    "tests/test_drift.py": ("python -m textrnn.drift messages.csv",),
    "tests/test_relabel.py": ("python -m tools.relabel",),
    "tests/test_reproduce.py": ("python -m bench.reproduce",),
    "tests/test_serving.py": ("python -m fuzz.serving",),
    "tests/test_speed.py": (
        "PYTHONPATH=FOLDER_OF_FASTTEXT python -m bench.beside", "python -m bench.inference",
        "PYTHONPATH=FOLDER_OF_POLARS_AND_DUCKDB python -m bench.preparation", "python -m bench.scale",
        "python -m bench.serving", "python -m bench.stages",
    ),
    "tests/test_training.py": ("python -m bench.training",),
}  # fmt: skip
RUN: set[str] = set()  # by the tests below


def documented() -> list[str]:
    """Return every command that stands indented in a document."""
    found = []
    for page in DOCUMENTS:
        for line in re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE).splitlines():
            command = re.split(r" {2,}#", line[4:])[0].strip()
            if line.startswith("    ") and re.sub(r"^(\w+=\S+ )+", "", command).split(" ")[0] in WORDS:
                found.append(command)
    return sorted(set(found))


def feedback() -> list[tuple[str, str]]:
    """Return the forty rows of the tutorial."""
    complaints = product(
        ["The parcel", "My order", "The chair", "Your invoice", "The lamp"],
        ["arrived broken, and nobody answers", "is three weeks late", "was charged twice!", "has a wrong colour"],
    )
    praise = product(
        ["Thank you,", "Lovely shop,", "Great service,", "Well done,", "So happy:"],
        ["the tea tastes wonderful", "my mother likes it a lot", "it came a day early", "I will come again"],
    )
    return [("complaint", " ".join(parts)) for parts in complaints] + [("praise", " ".join(parts)) for parts in praise]


def write_feedback(path: Path, rows: list[tuple[str, str]]) -> None:
    table: list[tuple[str, ...]] = [("id", "category", "message")]
    table += ((str(number), *row) for number, row in enumerate(rows))
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".xlsx":
        path.write_bytes(workbook(table))
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(table)


def block(text: str, kind: str, holding: str) -> str:
    """Return the fenced block of that kind that holds some words."""
    blocks = re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (found,) = (body for body in blocks if holding in body)
    return str(found)


# Commands


class Shell:
    """A repository in which documented commands are typed."""

    def __init__(self, made: Repository) -> None:
        self.made = made

    def __call__(self, command: str, **words: str) -> str:
        """Run a documented command, with other words for some of its own, and return what it prints."""
        assert command in documented(), "in no document"
        RUN.update([command, *command.split(" && ")])
        for name, word in words.items():
            assert name in command
            command = command.replace(name, word)
        said = ""
        for arguments in map(shlex.split, command.split(" && ")):
            said += self.made.dvc(*arguments[1:]) if arguments[0] == "dvc" else self.made.run(*arguments)
        return said


@pytest.fixture(scope="module")
def shell(ran: Repository, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a shell in a repository whose pipeline has run, with files of a user's own messages."""
    made = ran.copy(tmp_path_factory.mktemp("documented") / "textrnn")
    (made.folder / ".git/info/exclude").write_text("my-messages.csv\n", "utf-8")
    write_feedback(made.folder / "my-messages.csv", feedback())
    return Shell(made)


def test_the_pipeline_is_run_again(shell: Shell) -> None:
    assert stages_run(shell.made.dvc("repro", "--force", "download")) == ["download"]
    said = shell("dvc repro --single-item --force train && dvc repro", train="clean")
    assert stages_run(said) == ["clean"], "nothing else, since the same bytes came out"
    assert shell.made.git("status", "--porcelain") == ""


def test_the_model_is_asked(shell: Shell, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    place(monkeypatch, shell.made.folder)
    monkeypatch.chdir(shell.made.folder)
    asked = [command for command in documented() if command.startswith("python predict.py ")]
    for command in asked:
        monkeypatch.setattr(sys, "argv", shlex.split(command)[1:])
        assert run(predict.main) == 0, command
        answers, said = capfd.readouterr()
        assert said == ""
        rows = 300 if "examples/" in command else 40 if "--input" in command else command.count('"') / 2
        assert answers.count("\n") == rows
        assert "--explain" not in command or "=" in answers.split("\t")[2]
    RUN.update(asked)


def test_a_queued_experiment_runs_only_what_depends_on_its_setting_and_is_shown_kept_and_left(shell: Shell) -> None:
    """plot.dpi replaces the documented settings, which would train. The queue's worker runs `dvc exp run` itself."""
    shell("dvc exp run --queue -S 'train.units=32,128'", **{"'train.units=32,128'": "plot.dpi=52 --name queued"})
    shell("dvc queue start")
    wait_for(lambda: list((shell.made.folder / ".git/refs/exps").rglob("queued")))  # written once it has succeeded
    assert "queued" in shell("dvc queue status")
    assert stages_run(shell.made.dvc("queue", "logs", "queued")) == ["plot"]
    assert "queued" in shell("dvc exp show --only-changed")
    assert "dpi" in shell("dvc exp show --only-changed --drop 'accuracy.|loss.|kept|.*/'")
    shell("dvc exp apply NAME", NAME="queued")
    assert "52" in shell("dvc params diff")
    shell("dvc metrics diff")
    assert "recall" in shell("dvc metrics show")
    assert "dvc_plots" in shell("dvc plots diff")
    shell("dvc exp branch NAME BRANCH", NAME="queued", BRANCH="theirs")
    shell("git restore . && dvc checkout")
    assert shell.made.git("status", "--porcelain") == ""
    RUN.update(command for command in documented() if command.startswith("dvc exp run -S "))


def test_uncommitted_work_is_put_aside_and_comes_back(shell: Shell) -> None:
    pictures = shell.made.folder / "plots/images"
    shell.made.set(**{"plot.dpi": 54})
    shell("dvc repro")
    own = (pictures / "loss.png").read_bytes()
    shell("git stash")
    assert stages_run(shell("dvc repro")) == []
    assert shell.made.dvc("status").strip() == "Data and pipelines are up to date."
    assert shell.made.git("status", "--porcelain") == ""
    shell("git stash pop")
    shell("dvc checkout")
    assert (pictures / "loss.png").read_bytes() == own
    assert "54" in shell("dvc params diff")
    shell("git restore . && dvc checkout")


def test_charts_are_drawn_by_scripts_that_lie_here(shell: Shell) -> None:
    """The command of npm, which is not run here, would bring the scripts that the template names."""
    shell("dvc config --local plots.html_template offline.html")
    shell.made.dvc("plots", "show")
    page = (shell.made.folder / "dvc_plots/index.html").read_text("utf-8")
    assert page.count("vegaEmbed(") > 5
    scripts = re.findall(r'<script src="../.dvc/tmp/vega/node_modules/([a-z-]+)/build/\1.min.js">', page)
    (install,) = (line for line in documented() if line.startswith("npm "))
    assert scripts == [word.partition("@")[0] for word in install.split()[4:]]
    assert 'src="http' not in page
    RUN.add(install)


def test_a_conflict_in_the_lock_is_resolved_as_contributing_says(shell: Shell) -> None:
    """The branch that is merged is the one of the queued experiment above."""
    shell.made.set(**{"plot.dpi": 53})
    shell("dvc repro")
    shell('git commit --all -m "My settings"')
    merged = subprocess.run(
        ["git", "merge", "theirs"],  # noqa: S607
        cwd=shell.made.folder, env=shell.made.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "CONFLICT (content): Merge conflict in dvc.lock" in merged.stdout
    shell.made.git("checkout", "--ours", "params.yaml")
    shell("git checkout --ours dvc.lock metrics plots")
    shell("dvc repro")
    shell("git commit --all --no-edit")
    assert shell.made.git("status", "--porcelain") == ""


def test_the_model_is_got_from_another_folder(shell: Shell, tmp_path: Path) -> None:
    shell('git tag -a classifier@v1.0.0 -m "the first"')
    files = {path.name: path.read_bytes() for path in (shell.made.folder / "model").iterdir()}
    for number, command in enumerate(("dvc artifacts get PATH-OR-URL classifier", "dvc get PATH-OR-URL model")):
        (folder := tmp_path / str(number)).mkdir()
        Shell(Repository(folder, shell.made.state))(command, **{"PATH-OR-URL": str(shell.made.folder)})
        assert {path.name: path.read_bytes() for path in (folder / "model").iterdir()} == files


def test_a_stage_is_added_as_the_page_on_design_says(shell: Shell) -> None:
    (shell.made.folder / "stages/longest.py").write_text(block(DESIGN, "python", "longest:"), "utf-8")
    pipeline = shell.made.folder / "dvc.yaml"
    text = pipeline.read_text("utf-8")
    pipeline.write_text(text.replace("\nplots:\n", f"\n{block(DESIGN, 'yaml', 'longest:')}\nplots:\n", 1), "utf-8")
    shell("python -m tools.deps")
    assert stages_run(shell("dvc repro longest")) == ["longest"]


# The tutorial


OWN = {  # what adopt sets for the file of forty rows
    "download__source": "corpus/feedback.xlsx", "clean__label_column": "category", "clean__text_column": "message",
    "evaluate__positive_label": "complaint",
}  # fmt: skip


def messages_of(text: str) -> list[str]:
    """Return the lines of the document's blocks that show what is printed."""
    return "".join(re.findall(r"^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)).splitlines()


def test_the_example_and_ones_own_file_are_adopted_as_the_tutorial_says(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example, own = (
        command for command in documented() if re.match(r"python -m tools.adopt (example|corpus/f)", command)
    )
    example, own = sorted((example, own), reverse=True)
    write_feedback(workspace.root / "corpus/feedback.xlsx", feedback())
    shutil.copytree(ROOT / "examples", workspace.root / "examples")
    for command in (example, own):
        for path in (paths.PARAMS, paths.PIPELINE):
            shutil.copyfile(Workspace.ORIGINAL / path.name, path)
        monkeypatch.setattr("sys.argv", shlex.split(command)[2:])
        assert run(adopt.main) == 0
        if command == example:
            assert capsys.readouterr().out.startswith(block(TUTORIAL, "text", "examples/support.csv"))
        RUN.add(command)
    adopted = paths.PARAMS.read_bytes()
    workspace.settings(**OWN)
    load = YAML(typ="safe", pure=True).load
    assert load(adopted) == load(paths.PARAMS)


def test_forty_rows_are_learnt_from_with_the_notes_that_the_tutorial_shows(workspace: Workspace) -> None:
    """The notes need no training: stages.evaluate takes them from the labels of the parts."""
    write_feedback(workspace.root / "corpus/feedback.xlsx", feedback())
    workspace.settings(**OWN)
    for stage in (download, clean, vectorize, split):
        workspace.run(stage.main)
    names = read_tokens(paths.VECTORS / "classes.tsv")
    train, validation, test = (ragged.load(part).labels for part in (paths.TRAIN, paths.VALIDATION, paths.TEST))
    notes = warnings(evaluate.counts(np.concatenate([train, validation]), names), evaluate.counts(test, names), 1.0)
    shown = [line.removeprefix("note: ") for line in messages_of(TUTORIAL) if line.startswith("note: ")]
    assert len(shown) == 2
    assert set(shown) <= set(notes)


ERRORS: dict[str, tuple[Any, int]] = {  # by a word of the message: the stage, rows of praise
    "rejected": (clean.main, 18),
    "train rows": (split.main, 2),
}


@pytest.mark.parametrize("word", ERRORS)
def test_an_error_that_the_tutorial_explains_reads_so(word: str, workspace: Workspace) -> None:
    (line,) = (line for line in messages_of(TUTORIAL) if line.startswith("error: ") and word in line)
    main, praise = ERRORS[word]
    workspace.settings(**OWN)
    rows = feedback()[: 20 + praise]
    if word == "rejected":
        rows = [*rows[:1], ("", "tea"), ("", "soup"), *rows[1:]]
    write_feedback(workspace.root / "corpus/feedback.xlsx", rows)
    workspace.run(download.main)
    if main is split.main:
        workspace.run(clean.main)
        workspace.run(vectorize.main)
    said = workspace.failure(main)
    assert re.fullmatch(".*".join(map(re.escape, line.split("…"))), said.rstrip("\n")), said


def test_every_error_of_the_tutorial_is_provoked_here_or_in_the_tests_of_evaluate() -> None:
    errors = [line for line in messages_of(TUTORIAL) if line.startswith("error: ")]
    assert len(errors) == len(ERRORS) + sum("evaluate.require" in line for line in errors)


# All of them


def test_every_documented_command_is_run_by_a_test_or_named_with_what_runs_it() -> None:
    """It comes last: RUN is what the tests above have run, in this process and in this order."""
    beginnings = sum(ELSEWHERE.values(), ())
    elsewhere = {command for command in documented() if command not in RUN and command.startswith(beginnings)}
    assert sorted(elsewhere | (RUN & set(documented()))) == documented()
    assert [path for path in ELSEWHERE if not (ROOT / path).exists()] == []
    assert [command for command in documented() if not shlex.split(command)] == []
    assert len(documented()) > 30
