"""What DVC watches, and what a person's columns and second file do on their way from the file to the split."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from stages import clean, download, split, vectorize
from tests.repository import Repository, invented, stages_run
from tests.server import Server, body, running
from tests.workspace import Workspace
from textrnn.artifacts import ragged
from textrnn.artifacts.messages import TWINS, read_messages
from textrnn.core import paths
from textrnn.corpus import watch

PIPELINE = "stages:\n  download:\n    deps:\n      - stages/download.py\n      - textrnn/corpus\n    params:\n"
NAMED = {"clean__label_column": "label", "clean__text_column": "text"}
STAGES = (download, clean, vectorize, split)


def as_csv(rows: Sequence[tuple[str, ...]]) -> str:
    csv.writer(file := io.StringIO(newline="")).writerows(rows)
    return file.getvalue()


def test_a_row_changed_in_the_users_file_runs_what_depends_on_it_and_nothing_changed_runs_nothing(
    ran: Repository, tmp_path: Path
) -> None:
    copy = ran.copy(tmp_path / "copy")
    assert stages_run(copy.dvc("repro", "split")) == []
    file = copy.folder / "corpus.tsv"
    file.write_text(file.read_text("utf-8").replace("Mum,", "Dad,", 1), "utf-8")
    assert stages_run(copy.dvc("repro", "split")) == ["download", "clean", "vectorize", "split"]
    assert stages_run(copy.dvc("repro", "split")) == []
    file.unlink()
    said = copy.dvc_fails("repro", "split")
    assert [line for line in said.splitlines() if "corpus.tsv" in line], said


def test_a_file_that_params_yaml_names_is_written_into_dvc_yaml_and_leaves_it_again(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    paths.PIPELINE.write_text(PIPELINE)
    (workspace.root / "mine.tsv").write_text("ham\thi\n")
    outside = tmp_path_factory.mktemp("outside") / "a b.tsv"
    outside.write_text("spam\twin\n")
    (workspace.root / "mail").mkdir()
    (workspace.root / "mail/1.tsv").write_text("ham\tho\n")
    for source, entry in {
        "mine.tsv": "mine.tsv",
        "mail/*": "mail",
        "m*.tsv": "mine.tsv",
        str(outside): outside,
    }.items():
        workspace.settings(download__source=source)
        code, said = workspace.ran(download.main)
        assert (code, said) == (0, f"note: dvc.yaml: DVC now watches {entry}\n")
        lines = [line for line in paths.PIPELINE.read_text().splitlines() if line.endswith(watch.MARK)]
        assert lines == [f'      - "{entry}"{watch.MARK}']
        assert workspace.ran(download.main) == (0, "")
    assert watch.entries("..", 1) == []
    assert watch.write(paths.PIPELINE, [])
    assert paths.PIPELINE.read_text() == PIPELINE


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


def test_an_address_is_watched_if_its_server_tells_the_version_of_the_file(
    workspace: Workspace, server: Server
) -> None:
    paths.PIPELINE.write_text(PIPELINE)
    url = server.serves("/mine.tsv", body(b"ham\thi\n"))
    workspace.settings(download__source=url)
    assert workspace.ran(download.main) == (
        0, f"note: DVC cannot watch {url}: when it has changed, run `dvc repro -f download`, then `dvc repro`\n"
    )  # fmt: skip
    assert paths.PIPELINE.read_text() == PIPELINE
    assert watch.entries("sms-spam", 1) == []
    assert watch.entries("memory://mine.tsv", 1) == []


def test_rows_of_one_group_stay_on_one_side_from_the_file_on(workspace: Workspace) -> None:
    rows = [("label", "text", "author")]
    rows += [(label, text, f"author {number % 14}") for number, (label, text) in enumerate(invented())]
    (workspace.root / "mine.csv").write_text(as_csv(rows), "utf-8")
    workspace.settings(download__source="mine.csv", **NAMED, split__group_column="Author ", split__test_share=0.25)
    for stage in STAGES:
        workspace.run(stage.main)
    authors = {text.replace("\t", " "): author for _, text, author in rows[1:]}
    messages = read_messages(paths.MESSAGES)
    sides = defaultdict(set)
    for folder in (paths.TRAIN, paths.VALIDATION, paths.TEST):
        for row in ragged.load(folder).rows:
            sides[authors[messages[row][1].replace("\t", " ")]].add(folder.name)
    assert len(sides) == 14
    assert all(len(found) == 1 for found in sides.values())


def test_a_given_test_file_stays_whole_and_its_twins_are_counted(workspace: Workspace) -> None:
    known = invented()
    new = [(label, f"{text} from number {'abcdefghij'[place]}") for place, (label, text) in enumerate(known[20:40:2])]
    new = [(label, " ".join(reversed(text.split()))) for label, text in new]
    planted = [known[0], known[45], (known[3][0], known[3][1] + " 2")]
    (workspace.root / "train.csv").write_text(as_csv([("label", "text"), *known]), "utf-8")
    (workspace.root / "test.csv").write_text(as_csv([("text", "label"), *[(b, a) for a, b in new + planted]]), "utf-8")
    workspace.settings(download__source="train.csv", split__test_source="test.csv", **NAMED)
    for stage in STAGES:
        workspace.run(stage.main)
    test = ragged.load(paths.TEST)
    assert test.rows.tolist() == list(range(60, 73)), "all rows of the second file, and no other"
    assert workspace.metrics("clean")["duplicates"] == 0, "a text in both files is no duplicate"
    twins = np.load(paths.TEST / "twins.npy")
    assert [TWINS[kind - 1] for kind in twins[-3:]] == ["same_text", "same_text", "near_template"]
    assert workspace.metrics("split")["test_twins"] == np.count_nonzero(twins)
