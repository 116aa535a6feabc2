"""Every command in the documents: run here in a repository of forty invented rows, or named with what runs it."""

import csv
import re
import shlex
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages import clean, download, evaluate, split, vectorize
from tests.models import TWO, copied, trained
from tests.repository import ROOT, TINY, Repository
from tests.test_readme import DOCUMENTS
from tests.workspace import Workspace

WORDS = ("dask", "dvc", "git", "mypy", "pip", "pytest", "python", "python3", "ruff", "tail", "xargs")
TUTORIAL = (ROOT / "docs/tutorial.md").read_text("utf-8")
DESIGN = (ROOT / "docs/design.md").read_text("utf-8")

# Those which take long, want a network, or are run by another test already.
REMOTES, CLUSTER = "tests/test_remotes.py", "tests/test_cluster.py"
QUEUED = "tests/test_pipeline.py::test_queued_experiments_finish_and_download_nothing"
PARTITIONS = "tests/test_partitions.py"
COMPARE = "tests/test_compare.py"
CLONED = "tests/test_pipeline.py::test_every_chart_is_drawn_from_what_is_in_git"
ELSEWHERE = {
    "dvc pull": REMOTES,
    "dvc pull --run-cache": REMOTES,
    "dvc push": REMOTES,
    "dvc repro --pull": REMOTES,
    'git add --all && git commit -m "Wider network"': REMOTES,
    "git pull": REMOTES,
    "git push": REMOTES,
    "pip install dvc-s3": "requirements-dev.in",
    "pip install dvc-ssh": "requirements-dev.in",
    "python -m bench.cluster": CLUSTER,
    "python -m stages.train": CLUSTER,
    "python -m tools.share": REMOTES,
    "PYTHONPATH=. dask worker tcp://host:8786 --nworkers 16 --nthreads 1": PARTITIONS,
    "TEXTRNN_SCHEDULER=tcp://host:8786 dvc repro": PARTITIONS,
    "dask scheduler": PARTITIONS,
    "dvc exp run --queue -S 'train.units=32,128'": QUEUED,
    "dvc queue start": QUEUED,
    "dvc queue status": QUEUED,
    "dvc repro download && dvc --cd compare repro && python -m tools.readme": COMPARE,
    "git clone ADDRESS-OF-THIS-REPOSITORY textrnn": CLONED,
    "mypy": ".ci/run",
    "pip install distributed": "requirements-dev.in",
    "pip install -r bench/requirements.txt": "bench/requirements.txt",
    "pip install -r compare/requirements.txt": "compare/requirements.txt",
    "pip install -r requirements-dev.txt && pytest": ".ci/run",
    "pip install -r requirements.txt": ".ci/run",
    "pip install -r requirements.txt && dvc repro": ".ci/run",
    "python -m bench.dask_cluster": PARTITIONS,
    "python -m bench.inference": "tests/test_speed.py",
    "python -m bench.kills": "tests/test_crashes.py",
    "python -m bench.limits": "bench/limits.py",
    "python -m bench.reproduce": "tests/test_reproduce.py",
    "python -m bench.scale": "tests/test_scale.py",
    "python -m bench.stages": "tests/test_speed.py",
    "python -m bench.training": "tests/test_training.py",
    "python -m compare.check": COMPARE,
    "python -m compare.check --code": COMPARE,
    "python -m compare.table": COMPARE,
    "python -m fuzz": "tests/test_fuzz.py",
    "python3 -m venv .venv": ".ci/run",
    "ruff check . && ruff format .": ".ci/run",
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


ELSEWHERE |= {command: REMOTES for command in documented() if command.startswith("dvc remote ")}  # from the page itself


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
    """Return the fenced block of that kind which holds some words."""
    (found,) = (
        body for body in re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE) if holding in body
    )
    return str(found)


def own_settings() -> dict[str, Any]:
    """Return the settings of the tutorial's step 3, by `section.key`."""
    sections = YAML(typ="safe", pure=True).load(block(TUTORIAL, "yaml", "feedback.csv"))
    return {f"{section}.{key}": value for section, keys in sections.items() for key, value in keys.items()}


def messages_of(text: str) -> list[str]:
    """Return the lines of the document's blocks that show what is said."""
    return "".join(re.findall(r"^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)).splitlines()


def is_said(line: str, said: str) -> bool:
    """Return whether a line of the document is among those said; … stands for anything."""
    pattern = ".*".join(map(re.escape, line.split("…")))
    return any(re.fullmatch(pattern, one) for one in said.splitlines())


class Shell:
    """A repository in which documented commands are typed."""

    def __init__(self, made: Repository) -> None:
        self.made = made

    def __call__(self, command: str, **words: str) -> str:
        """Run a documented command, with other words for the NAMES in it, and return what it prints."""
        RUN.add(command)
        assert command in documented(), "in no document"
        for name, word in words.items():
            command = command.replace(name, word)
        return self.made.run("bash", "-c", command)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a shell in a repository which the reader of the tutorial has, before the first run."""
    small = {key: value for key, value in TINY.items() if not key.startswith("split.")} | {"train.ensemble": 2}
    made = Repository.new(tmp_path_factory.mktemp("documented") / "textrnn", **small | own_settings())
    write_feedback(made.folder / "feedback.csv", feedback())
    write_feedback(made.folder / "my-messages.csv", feedback())
    made.without_what_was_run()
    return Shell(made)


@pytest.fixture(scope="module")
def repro(shell: Shell) -> str:
    """Return what `dvc repro` says on forty rows."""
    said = shell("dvc repro")
    shell.made.git("add", "--all")
    shell('git commit --all -m "My settings"')
    return said


def test_forty_rows_become_a_classifier_and_what_makes_its_scores_doubtful_is_said(repro: str) -> None:
    assert len(feedback()) == 40
    notes = [line for line in messages_of(TUTORIAL) if line.startswith("note: ")]
    assert len(notes) == 2
    assert [note for note in notes if not is_said(note, repro)] == []
    assert re.search(
        r"^epoch 1, train_loss [\d.]+, train_accuracy [\d.]+, held_out_loss [\d.]+, held_out", repro, re.MULTILINE
    )


def test_the_commands_of_the_tutorial(shell: Shell, repro: str) -> None:
    assert "Running stage 'train'" in repro
    assert "Running stage 'download'" in shell("dvc repro --force download")
    assert "Running stage" not in shell("dvc repro"), "the same file again"
    assert "recall" in shell("dvc metrics show")
    assert "complaint" in shell('python predict.py "It arrived broken" "thank you, lovely tea"')
    assert "=" in shell('python predict.py --explain "It arrived broken, and nobody answers"').split("\t")[2]
    answers = shell("python predict.py --input feedback.csv --column message --format jsonl")
    assert answers.count('"label"') == 40
    shell("dvc exp run -S train.epochs=8")
    assert "train.epochs" in shell("dvc exp show --only-changed")
    shell("git restore .")
    shell("dvc checkout")


def test_the_commands_of_the_readme(shell: Shell, repro: str) -> None:
    assert repro
    assert shell('python predict.py "Call 0906 1234 now to claim your free prize" "see you at 8"').count("\n") == 2
    assert "Call" in shell('python predict.py --explain "Call 0906 1234 now to claim your free prize"')
    assert shell("python predict.py --input my-messages.csv --column message --format tsv").count("\n") == 40
    assert "Running stage 'plot'" in shell("dvc exp run -S train.cell=lstm")
    assert "lstm" in shell("dvc params diff")
    assert "parameters" in shell("dvc metrics diff")
    assert "dvc_plots" in shell("dvc plots diff")
    shell("git restore . && dvc checkout")
    assert shell.made.git("status", "--porcelain") == ""


def test_the_chief_of_a_cluster_trains_alone_where_there_is_no_cluster(shell: Shell, repro: str) -> None:
    assert repro
    assert "Running stage 'train'" in shell("dvc repro --single-item --force train && dvc repro")
    assert shell.made.git("status", "--porcelain") == ""


def test_a_stream_is_answered_as_it_comes(shell: Shell, repro: str) -> None:
    assert repro
    command = "tail -f messages.txt | python predict.py --input - --format jsonl"
    RUN.add(command)
    assert command in documented()
    (shell.made.folder / "messages.txt").write_text("It arrived broken\n", "utf-8")
    process = subprocess.Popen(
        ["bash", "-c", command.replace("tail -f", "timeout 60 tail -f")],  # noqa: S607
        cwd=shell.made.folder, env=shell.made.environment(), stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    assert '"label"' in process.stdout.readline()
    subprocess.run(["pkill", "-s", str(process.pid)], check=False)  # noqa: S607
    process.wait()
    process.stdout.close()
    (shell.made.folder / "messages.txt").unlink()


def test_the_commands_of_the_page_on_experiments(shell: Shell, repro: str) -> None:
    assert repro
    shell("dvc exp run -S train.cell=lstm")
    (name, *_) = shell.made.dvc("exp", "list", "--name-only").split()
    shell("git restore .")
    shell("dvc exp apply NAME", NAME=name)
    shell("dvc exp branch NAME BRANCH", NAME=name, BRANCH="tried")
    assert "tried" in shell.made.git("branch")
    shell("git restore . && dvc checkout")


def test_the_model_is_got_from_another_folder(shell: Shell, repro: str, tmp_path: Path) -> None:
    assert repro
    shell('git tag -a classifier@v1.0.0 -m "the first"')
    other = Shell(Repository(tmp_path, shell.made.state))
    other("dvc artifacts get PATH-OR-URL classifier", **{"PATH-OR-URL": str(shell.made.folder)})
    other("dvc get PATH-OR-URL model", **{"PATH-OR-URL": str(shell.made.folder)})
    model = shell.made.folder / "model"
    assert (tmp_path / "model.onnx").read_bytes() == (model / "model.onnx").read_bytes()
    assert {path.name for path in (tmp_path / "model").iterdir()} == {path.name for path in model.iterdir()}


def test_a_stage_is_added_as_the_page_on_design_says(shell: Shell, repro: str) -> None:
    assert repro
    (shell.made.folder / "stages/longest.py").write_text(block(DESIGN, "python", "longest:"), "utf-8")
    pipeline = shell.made.folder / "dvc.yaml"
    text = pipeline.read_text("utf-8")
    pipeline.write_text(text.replace("\nplots:\n", f"\n{block(DESIGN, 'yaml', 'longest:')}\nplots:\n", 1), "utf-8")
    shell("python -m tools.deps")
    assert "Running stage 'longest'" in shell("dvc repro longest")
    assert "longest.json" in shell("dvc metrics show")
    shell.made.git("clean", "--force", "--quiet")
    shell("git restore .")
    assert shell.made.git("status", "--porcelain") == ""


def test_a_conflict_in_the_lock_is_resolved_as_contributing_says(shell: Shell, repro: str) -> None:
    assert repro
    for branch, setting in (
        ("theirs", {"clean.max_rejected_share": 0.5}),
        ("ours", {"evaluate.bootstrap_samples": 101}),
    ):
        shell.made.git("checkout", "--quiet", "-b", branch, "main")
        shell.made.set(**setting)
        shell.made.dvc("repro")
        shell.made.commit(branch)
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
    settings = (shell.made.folder / "params.yaml").read_text("utf-8")
    assert "bootstrap_samples: 101" in settings
    assert "max_rejected_share: 0.5" in settings
    assert "Running stage" not in shell.made.dvc("repro")
    assert shell.made.git("status", "--porcelain") == ""


ERRORS: dict[str, tuple[Any, dict[str, Any], int]] = {  # by a word of the message: the stage, settings, rows of praise
    "'topic'": (clean.main, {"clean__label_column": "topic"}, 20),
    "rejected": (clean.main, {}, 18),
    "'spam'": (clean.main, {"evaluate__positive_label": "spam"}, 20),
    "train rows": (split.main, {}, 2),
}


@pytest.mark.parametrize("word", ERRORS)
def test_an_error_that_the_tutorial_explains_is_said_so(word: str, workspace: Workspace) -> None:
    (line,) = (line for line in messages_of(TUTORIAL) if line.startswith("error: ") and word in line)
    main, settings, praise = ERRORS[word]
    workspace.settings(**{key.replace(".", "__"): value for key, value in own_settings().items()} | settings)
    rows = feedback()[: 20 + praise]
    if word == "rejected":
        rows = [*rows[:1], ("", "tea"), ("", "soup"), *rows[1:]]
    write_feedback(workspace.root / "feedback.csv", rows)
    workspace.run(download.main)
    if main is split.main:
        workspace.run(clean.main)
        workspace.run(vectorize.main)
    assert is_said(line, workspace.failure(main)), workspace.failure(main)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.getbasetemp(), TWO)


def test_the_gate_that_the_tutorial_explains_says_so(two: Path, workspace: Workspace) -> None:
    copied(workspace, two)
    workspace.settings(evaluate__require={"mcc": 1.1}, evaluate__bootstrap_samples=100)
    (line,) = (line for line in messages_of(TUTORIAL) if "evaluate.require" in line)
    assert is_said(line, workspace.failure(evaluate.main))


def test_every_message_of_the_tutorial_is_provoked() -> None:
    errors = [line for line in messages_of(TUTORIAL) if line.startswith("error: ")]
    assert len(errors) == len(ERRORS) + 1
    assert {line.split()[0] for line in messages_of(TUTORIAL)} == {"error:", "note:", "epoch"}


def test_every_documented_command_is_run_by_a_test_or_named_with_what_runs_it() -> None:
    """It comes last: RUN is what the tests above have run, in this process and in this order."""
    assert sorted({*RUN, *ELSEWHERE}) == documented()
    assert set(ELSEWHERE) & RUN == set()


@pytest.mark.parametrize("where", sorted(set(ELSEWHERE.values())))
def test_what_runs_the_other_commands_is_there(where: str) -> None:
    path, _, name = where.partition("::")
    text = (ROOT / path).read_text("utf-8")
    assert f"def {name}(" in text if name else text


def test_the_command_line_of_a_document_is_one_that_a_shell_can_read() -> None:
    assert [command for command in documented() if not shlex.split(command)] == []
    assert len(documented()) > 30
