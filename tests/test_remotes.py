"""docs/sharing.md, as a team would do it: its commands, real servers, and a second clone."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.outputs import hashed, of_files, of_lock
from tests.first_run import stages_run
from tests.repository import ROOT, Repository
from tests.server import direct
from tests.storage import ACCESS_KEY, SECRET_KEY, STORAGES, Storage

PAGE = (ROOT / "docs/sharing.md").read_text("utf-8")
SIGNED = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
GRAPH = "model/model.onnx"


class Team(NamedTuple):
    """A repository which has been pushed, and what its members do in a clone."""

    section: str
    repository: Repository
    storage: Storage

    def commands(self, stands_for: dict[str, str], *, local: bool) -> list[list[str]]:
        """Return DVC's commands of the section: those for a member's own clone, or those whose effect is committed."""
        text = PAGE.partition(f"\n## {self.section}\n")[2].partition("\n## ")[0]
        for word, here in stands_for.items():
            text = re.sub(rf"(?<=\s){re.escape(word)}(?=\s)", here, text)
        found = [shlex.split(line) for line in re.findall("^    dvc (remote .*)$", text, re.MULTILINE)]
        return [command for command in found if ("--local" in command) == local]

    def clone(self, folder: Path) -> Repository:
        """Return a clone of the same member's, with the same keys."""
        made, keys = self.repository.clone(folder), Path(".dvc/config.local")
        if (self.repository.folder / keys).exists():
            shutil.copyfile(self.repository.folder / keys, folder / keys)
        return made


def fails(repository: Repository, *arguments: str) -> str:
    """Run DVC, which must fail, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=repository.folder, env=repository.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


@pytest.fixture(scope="module", autouse=True)
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the tests see none of the keys, addresses and proxies of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in [name for name in os.environ if name.startswith(("AWS_", "SSH_"))]:
            patch.delenv(name)
        for name, value in direct().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def run_twice(ran: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository with two runs in its history, the second one of a wider network."""
    made = ran.copy(tmp_path_factory.mktemp("twice") / "first")
    made.set(**{"train.units": 5})
    assert stages_run(made.dvc("repro")) == ["train", "evaluate", "plot"]
    made.commit("wider")
    return made


@pytest.fixture(scope="module", params=STORAGES)
def team(
    request: pytest.FixtureRequest, run_twice: Repository, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """Return a team whose first member has pushed, once for each section of the page."""
    folder = tmp_path_factory.mktemp("team")
    with STORAGES[request.param](folder) as storage:
        made = Team(request.param, run_twice.copy(folder / "first"), storage)
        for local in (False, True):
            for command in made.commands(storage.stands_for, local=local):
                made.repository.dvc(*command)
        made.repository.commit("a remote")
        made.repository.git("tag", "--annotate", "classifier@v1.0.0", "--message", "The first one in use")
        made.repository.run(sys.executable, "-m", "tools.share")
        yield made


def only(*sections: str) -> pytest.MarkDecorator:
    """Let a test have the teams of these sections."""
    return pytest.mark.parametrize("team", sections, indirect=True, scope="module")


def test_a_second_clone_pulls_every_output_runs_nothing_and_goes_back_to_older_params(
    team: Team, ran: Repository, tmp_path: Path
) -> None:
    clone = team.clone(tmp_path / "clone")
    hashes, older = of_lock(clone.lock().encode()), of_lock(ran.lock().encode())
    clone.dvc("pull", "--run-cache")
    assert of_files(clone.folder, hashes) == hashes
    assert stages_run(clone.dvc("repro")) == []
    assert clone.git("status", "--porcelain") == ""
    clone.set(**{"train.units": 4})
    said = clone.dvc("repro", "--pull", "train")
    assert stages_run(said) == []
    assert "Stage 'train' is cached - skipping run" in said
    assert of_files(clone.folder, {"train": older["train"]})["train"] == older["train"] != hashes["train"]


@only("Over SSH", "In a bucket")
def test_somebody_with_another_key_gets_nothing(team: Team, tmp_path: Path) -> None:
    clone = team.repository.clone(tmp_path / "clone")
    for command in team.commands(team.storage.stranger, local=True):
        clone.dvc(*command)
    said = fails(clone, "pull")
    assert "Permission denied" in said or "Forbidden" in said, said
    assert not (clone.folder / "model").exists()


@only("Over SSH")
def test_a_file_that_was_changed_on_the_server_is_not_taken(team: Team, tmp_path: Path) -> None:
    clone = team.clone(tmp_path / "clone")
    digest = of_lock(clone.lock().encode())["train"][GRAPH]
    kept = team.storage.folder / "files/md5" / digest[:2] / digest[2:]
    whole = kept.read_bytes()
    kept.chmod(0o644)
    kept.write_bytes(b"another model")
    fails(clone, "pull", GRAPH)
    assert not (clone.folder / GRAPH).exists()
    kept.write_bytes(whole)
    clone.dvc("pull", GRAPH)
    assert hashed(clone.folder / GRAPH) == digest


@only("In a bucket")
def test_the_key_of_a_bucket_stays_out_of_git(team: Team) -> None:
    assert SECRET_KEY in (team.repository.folder / ".dvc/config.local").read_text("utf-8")
    assert SECRET_KEY not in team.repository.git("log", "--all", "--patch")


@only("In a bucket")
def test_another_project_gets_and_imports_the_model_with_the_keys_of_the_environment(
    team: Team, tmp_path: Path
) -> None:
    clone = team.repository.clone(tmp_path / "clone")  # which holds no key and no file: all comes from the bucket
    source, other = str(clone.folder), Repository(tmp_path / "other", tmp_path / "other-state")
    other.folder.mkdir()
    model = {path: md5 for outs in of_lock(clone.lock().encode()).values()
             for path, md5 in outs.items() if path.startswith("model/")}  # fmt: skip
    other.dvc("artifacts", "get", source, "classifier", "--out", "graph", **SIGNED)
    assert hashed(other.folder / "graph") == model[GRAPH]
    assert "Unable to find artifact" in fails(other, "artifacts", "get", source, "classifier", "--rev", "v2.0.0")
    other.dvc("get", source, "model", **SIGNED)
    assert of_files(other.folder, {"got": model})["got"] == model
    shutil.rmtree(other.folder / "model")
    other.git("init", "--quiet")
    other.dvc("init", "--quiet")
    other.dvc("import", source, "model", **SIGNED)
    assert SECRET_KEY not in (other.folder / "model.dvc").read_text("utf-8")
    for folder in ("model", ".dvc/cache"):
        shutil.rmtree(other.folder / folder)
    other.dvc("pull", **SIGNED)
    assert of_files(other.folder, {"imported": model})["imported"] == model


def test_this_repository_names_no_remote() -> None:
    assert "remote" not in (ROOT / ".dvc/config").read_text("utf-8")
