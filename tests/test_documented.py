"""Every command in the documents: run here in a copy of the repository that has run, or named with what runs it."""

import csv
import io
import os
import re
import shlex
import signal
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages import clean, download, evaluate, plot, split, train, vectorize
from tests.models import RECIPE, place
from tests.repository import ROOT, Repository
from tests.workspace import Workspace
from textrnn.core.errors import run

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
WORDS = ("dask", "dvc", "git", "mypy", "pip", "pytest", "python", "python3", "ruff", "tail", "xargs")
TUTORIAL = (ROOT / "docs/tutorial.md").read_text("utf-8")
DESIGN = (ROOT / "docs/design.md").read_text("utf-8")

# Commands that take long or need a network: another test or .ci/run runs them, or a file has what they install.
CI, CLUSTER, COMPARE, PARTITIONS = (
    ".ci/run",
    "tests/test_cluster.py",
    "tests/test_compare.py",
    "tests/test_partitions.py",
)
PIPELINE, REMOTES, REPRODUCE = "tests/test_pipeline.py", "tests/test_remotes.py", "bench/reproduce.py"
SPEED = "tests/test_speed.py"
ELSEWHERE = {  # by the beginning of the command
    "dvc pull": REMOTES,
    "dvc push": REMOTES,
    "dvc remote ": REMOTES,
    "dvc repro --pull": REMOTES,
    "git add --all && git commit": REMOTES,
    "git pull": REMOTES,
    "git push": REMOTES,
    "python -m tools.share": REMOTES,
    "python -m bench.cluster": CLUSTER,
    "python -m stages.train": CLUSTER,
    "PYTHONPATH=. dask worker": PARTITIONS,
    "TEXTRNN_SCHEDULER=tcp://host:8786 dvc repro": PARTITIONS,
    "dask scheduler": PARTITIONS,
    "python -m bench.dask_cluster": PARTITIONS,
    "dvc exp run --queue": PIPELINE,
    "dvc queue ": PIPELINE,
    "git clone ": PIPELINE,
    "dvc repro compare/dvc.yaml": COMPARE,
    "dvc repro download && dvc --cd compare repro": COMPARE,
    "python -m compare.": COMPARE,
    "mypy": CI,
    "pip install -r requirements": CI,
    "python3 -m venv .venv": CI,
    "ruff check . && ruff format .": CI,
    "dvc repro -f": CI,
    "pip install d": "requirements-dev.in",
    "pip install -r bench/requirements.txt": "bench/requirements.txt",
    "pip install -r compare/requirements.txt": "compare/requirements.txt",
    "python -m bench.inference": SPEED,
    "python -m bench.stages": SPEED,
    "python -m bench.kills": "tests/test_crashes.py",
    "python -m bench.limits": "bench/limits.py",
    "python -m bench.reproduce": PIPELINE,
    "python -m bench.scale": "tests/test_scale.py",
    "python -m bench.training": "tests/test_training.py",
    "python -m fuzz": "tests/test_fuzz.py",
    "xargs dvc exp run < presets/tutorial.txt": "tests/test_presets.py",
}
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
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "category", "message"])
        writer.writerows((number, *row) for number, row in enumerate(rows))


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
        RUN.update([command, *command.split(" && ")])
        assert command in documented(), "in no document"
        for name, word in words.items():
            assert name in command
            command = command.replace(name, word)
        arguments = shlex.split(command)
        if arguments[0] == "dvc" and "&&" not in arguments:
            return self.made.dvc(*arguments[1:])
        return self.made.run("bash", "-c", command)


@pytest.fixture(scope="module")
def shell(ran: Repository, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a shell in a repository whose pipeline has run, with files of a user's own messages."""
    made = ran.copy(tmp_path_factory.mktemp("documented") / "textrnn")
    with (made.folder / ".git/info/exclude").open("a") as ignored:
        ignored.write("feedback.csv\nmy-messages.csv\nmessages.txt\n")
    for name in ("feedback.csv", "my-messages.csv"):
        write_feedback(made.folder / name, feedback())
    return Shell(made)


def test_the_pipeline_is_run_again(shell: Shell) -> None:
    assert "Running stage 'download'" in shell("dvc repro --force download")
    assert "Running stage" not in shell("dvc repro"), "the same file again"
    assert "Running stage 'split'" in shell("dvc repro --single-item --force train && dvc repro", train="split")
    assert shell.made.git("status", "--porcelain") == ""


def test_the_model_is_asked(shell: Shell) -> None:
    assert shell('python predict.py "Call 0906 1234 now to claim your free prize" "see you at 8"').count("\n") == 2
    assert "=" in shell('python predict.py --explain "It arrived broken, and nobody answers"').split("\t")[2]
    assert shell("python predict.py --input my-messages.csv --column message --format tsv").count("\n") == 40
    answers = shell("python predict.py --input feedback.csv --column message --format jsonl")
    assert answers.count('"label"') == 40
    RUN.update(
        command for command in documented() if re.fullmatch(r'python predict\.py (--explain )?(".*?" ?)+', command)
    )


def test_a_stream_is_answered_as_it_comes(shell: Shell) -> None:
    command = "tail -f messages.txt | python predict.py --input - --format jsonl"
    RUN.add(command)
    assert command in documented()
    (shell.made.folder / "messages.txt").write_text("It arrived broken\n", "utf-8")
    process = subprocess.Popen(
        ["bash", "-c", command],  # noqa: S607
        cwd=shell.made.folder, env=shell.made.environment(), stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    assert '"label"' in process.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_setting_is_tried_shown_kept_and_left(shell: Shell) -> None:
    """Another setting stands for the documented ones, which would train a network each."""
    RUN.update(command for command in documented() if command.startswith("dvc exp run -S "))
    assert "Running stage 'plot'" in shell("dvc exp run -S train.cell=lstm", **{"train.cell=lstm": "plot.dpi=51"})
    assert "51" in shell("dvc params diff")
    shell("dvc metrics diff")
    assert "recall" in shell("dvc metrics show")
    assert "dvc_plots" in shell("dvc plots diff")
    shell("git restore . && dvc checkout")
    assert "dpi" in shell("dvc exp show --only-changed")
    (name,) = shell.made.dvc("exp", "list", "--name-only").split()
    shell("dvc exp apply NAME", NAME=name)
    shell("dvc exp branch NAME BRANCH", NAME=name, BRANCH="tried")
    assert "tried" in shell.made.git("branch")
    shell.made.git("restore", ".")
    shell.made.dvc("checkout", "--quiet")
    assert shell.made.git("status", "--porcelain") == ""


def test_the_model_is_got_from_another_folder(shell: Shell, tmp_path: Path) -> None:
    shell('git tag -a classifier@v1.0.0 -m "the first"')
    other = Shell(Repository(tmp_path, shell.made.state))
    other("dvc artifacts get PATH-OR-URL classifier", **{"PATH-OR-URL": str(shell.made.folder)})
    other("dvc get PATH-OR-URL model", **{"PATH-OR-URL": str(shell.made.folder)})
    model = shell.made.folder / "model"
    assert (tmp_path / "model.onnx").read_bytes() == (model / "model.onnx").read_bytes()
    assert {path.name for path in (tmp_path / "model").iterdir()} == {path.name for path in model.iterdir()}


def test_a_stage_is_added_as_the_page_on_design_says(shell: Shell) -> None:
    (shell.made.folder / "stages/longest.py").write_text(block(DESIGN, "python", "longest:"), "utf-8")
    pipeline = shell.made.folder / "dvc.yaml"
    text = pipeline.read_text("utf-8")
    pipeline.write_text(text.replace("\nplots:\n", f"\n{block(DESIGN, 'yaml', 'longest:')}\nplots:\n", 1), "utf-8")
    if "python -m tools.deps" in documented():
        shell("python -m tools.deps")
    assert "Running stage 'longest'" in shell("dvc repro longest")
    shell.made.git("clean", "--force", "--quiet")
    shell.made.git("restore", ".")
    assert shell.made.git("status", "--porcelain") == ""


def test_a_conflict_in_the_lock_is_resolved_as_contributing_says(shell: Shell) -> None:
    for branch, share in (("theirs", 0.5), ("ours", 0.4)):
        shell.made.git("checkout", "--quiet", "-b", branch, "main")
        shell.made.set(**{"clean.max_rejected_share": share})
        shell.made.dvc("repro", "clean")
        shell.made.git("add", "dvc.lock")  # whose settings are what conflicts
        shell.made.git("commit", "--quiet", "--message", branch)
        shell.made.git("restore", ".")
    merged = subprocess.run(
        ["git", "merge", "theirs"],  # noqa: S607
        cwd=shell.made.folder, env=shell.made.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "dvc.lock" in merged.stdout
    assert merged.returncode == 1
    shell("git checkout --ours dvc.lock metrics plots")
    shell("dvc repro")
    shell("git add --all")
    shell("git commit --no-edit")
    if 'git commit --all -m "My settings"' in documented():
        shell.made.set(**{"clean.max_rejected_share": 0.3})
        shell('git commit --all -m "My settings"')
    assert shell.made.git("status", "--porcelain") == ""


# The tutorial


def own_settings() -> dict[str, Any]:
    """Return the settings of the tutorial's step 3, as `section__key`."""
    sections = YAML(typ="safe", pure=True).load(block(TUTORIAL, "yaml", "feedback.csv"))
    return {f"{section}__{key}": value for section, keys in sections.items() for key, value in keys.items()}


def messages_of(text: str) -> list[str]:
    """Return the lines of the document's blocks that show what is printed."""
    return "".join(re.findall(r"^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)).splitlines()


def is_printed(line: str, printed: str) -> bool:
    """Return whether a line of the document is among those printed; … stands for anything."""
    pattern = ".*".join(map(re.escape, line.split("…")))
    return any(re.fullmatch(pattern, one) for one in printed.splitlines())


def test_forty_rows_become_a_classifier_that_warns_of_so_few_rows(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(monkeypatch, workspace.root)
    write_feedback(workspace.root / "feedback.csv", feedback())
    tiny = {f"train__{key}": value for key, value in RECIPE.items()} | {"plot__dpi": 30}
    workspace.settings(**tiny | own_settings())
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as printed:
        assert [run(stage.main) for stage in (download, clean, vectorize, split, train, evaluate, plot)] == [0] * 7
    notes = [line for line in messages_of(TUTORIAL) if line.startswith("note: ")]
    assert len(notes) == 2
    assert [note for note in notes if not is_printed(note, printed.getvalue())] == []
    assert re.search(r"^epoch 1, train_loss [\d.]+, train_accuracy [\d.]+, held_out_loss", out.getvalue(), re.MULTILINE)


ERRORS: dict[str, tuple[Any, dict[str, Any], int]] = {  # by a word of the message: the stage, settings, rows of praise
    "'topic'": (clean.main, {"clean__label_column": "topic"}, 20),
    "rejected": (clean.main, {}, 18),
    "'spam'": (clean.main, {"evaluate__positive_label": "spam"}, 20),
    "train rows": (split.main, {}, 2),
}


@pytest.mark.parametrize("word", ERRORS)
def test_an_error_that_the_tutorial_explains_reads_so(word: str, workspace: Workspace) -> None:
    (line,) = (line for line in messages_of(TUTORIAL) if line.startswith("error: ") and word in line)
    main, settings, praise = ERRORS[word]
    workspace.settings(**own_settings() | settings)
    rows = feedback()[: 20 + praise]
    if word == "rejected":
        rows = [*rows[:1], ("", "tea"), ("", "soup"), *rows[1:]]
    write_feedback(workspace.root / "feedback.csv", rows)
    workspace.run(download.main)
    if main is split.main:
        workspace.run(clean.main)
        workspace.run(vectorize.main)
    assert is_printed(line, workspace.failure(main)), workspace.failure(main)


def test_every_error_of_the_tutorial_is_provoked_here_or_in_the_tests_of_evaluate() -> None:
    errors = [line for line in messages_of(TUTORIAL) if line.startswith("error: ")]
    assert len(errors) == len(ERRORS) + sum("evaluate.require" in line for line in errors)


# All of them


def test_every_documented_command_is_run_by_a_test_or_named_with_what_runs_it() -> None:
    """It comes last: RUN is what the tests above have run, in this process and in this order."""
    elsewhere = {command for command in documented() if command not in RUN and command.startswith(tuple(ELSEWHERE))}
    assert sorted(elsewhere | (RUN & set(documented()))) == documented()
    assert [path for path in set(ELSEWHERE.values()) if not (ROOT / path).exists()] == []
    assert [command for command in documented() if not shlex.split(command)] == []
    assert len(documented()) > 30
