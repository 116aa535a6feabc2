"""docs/sharing.md: its commands, with real servers and a second clone."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.outputs import of_files, of_lock
from tests.repository import ROOT, Repository, stages_run
from tests.server import direct
from tests.storage import SECRET_KEY, STORAGES, Storage

PAGE = (ROOT / "docs/sharing.md").read_text("utf-8")
GRAPH = "model/model.onnx"
SHARED = "In a shared folder"


class Team(NamedTuple):
    """A repository that has been pushed, and its clones."""

    section: str
    repository: Repository
    storage: Storage

    def commands(self, stands_for: dict[str, str], *, local: bool) -> list[list[str]]:
        """Return the section's DVC commands: those with `--local`, which each clone needs, or those to commit."""
        text = PAGE.partition(f"\n## {self.section}\n")[2].partition("\n## ")[0]
        for word, here in stands_for.items():
            text = re.sub(rf"(?<=\s){re.escape(word)}(?=\s)", here, text)
        found = [shlex.split(line) for line in re.findall("^    dvc (remote .*)$", text, re.MULTILINE)]
        return [command for command in found if ("--local" in command) == local]

    def clone(self, folder: Path) -> Repository:
        """Return a clone with the same keys."""
        made, keys = self.repository.clone(folder), Path(".dvc/config.local")
        if (self.repository.folder / keys).exists():
            shutil.copyfile(self.repository.folder / keys, folder / keys)
        return made


@pytest.fixture(scope="module", autouse=True)
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the keys, addresses and proxies of the user who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in [name for name in os.environ if name.startswith(("AWS_", "SSH_"))]:
            patch.delenv(name)
        for name, value in direct().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def run_twice(ran: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository with two runs in its history."""
    made = ran.copy(tmp_path_factory.mktemp("twice") / "first")
    made.set(**{"evaluate.bootstrap_samples": 103})
    assert stages_run(made.dvc("repro", "evaluate")) == ["evaluate"]
    made.commit("other intervals")
    return made


@pytest.fixture(scope="module", params=STORAGES)
def team(
    request: pytest.FixtureRequest, run_twice: Repository, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """Return a team whose first member has pushed, for each section of the page."""
    folder = tmp_path_factory.mktemp("team")
    with STORAGES[request.param](folder) as storage:
        made = Team(request.param, run_twice.copy(folder / "first"), storage)
        for local in (False, True):
            for command in made.commands(storage.stands_for, local=local):
                made.repository.dvc(*command)
        made.repository.commit("a remote")
        if request.param == SHARED:
            made.repository.run(sys.executable, "-m", "tools.share")
        else:
            made.repository.dvc("push")
        yield made


def only(*sections: str) -> pytest.MarkDecorator:
    """Run a test with the teams of these sections only."""
    return pytest.mark.parametrize("team", sections, indirect=True, scope="module")


def test_a_clone_pulls_every_output(team: Team, tmp_path: Path) -> None:
    clone = team.clone(tmp_path / "clone")
    hashes = of_lock(clone.lock().encode())
    clone.dvc("pull")
    assert of_files(clone.folder, hashes) == hashes
    assert clone.git("status", "--porcelain") == ""


@only(SHARED)
def test_a_clone_runs_nothing_again_for_present_or_older_params(team: Team, ran: Repository, tmp_path: Path) -> None:
    clone = team.clone(tmp_path / "clone")
    hashes, older = (of_lock(one.lock().encode())["evaluate"] for one in (clone, ran))
    clone.dvc("pull", "--run-cache")
    assert stages_run(clone.dvc("repro", "evaluate")) == []
    clone.set(**{"evaluate.bootstrap_samples": 100})
    said = clone.dvc("repro", "--pull", "evaluate")
    assert stages_run(said) == []
    assert "Stage 'evaluate' is cached - skipping run" in said
    assert of_files(clone.folder, {"evaluate": older})["evaluate"] == older != hashes


@only("Over SSH", "In a bucket")
def test_a_stranger_with_another_key_gets_nothing(team: Team, tmp_path: Path) -> None:
    clone = team.repository.clone(tmp_path / "clone")
    for command in team.commands(team.storage.stranger, local=True):
        clone.dvc(*command)
    said = clone.dvc_fails("pull")
    assert "Permission denied" in said or "Forbidden" in said, said
    assert not (clone.folder / "model").exists()


@only(SHARED)
def test_a_file_that_was_changed_on_the_server_is_not_taken(team: Team, tmp_path: Path) -> None:
    clone = team.clone(tmp_path / "clone")
    digest = of_lock(clone.lock().encode())["train"][GRAPH]
    kept = team.storage.folder / "files/md5" / digest[:2] / digest[2:]
    kept.chmod(0o644)
    kept.write_bytes(b"another model")
    clone.dvc_fails("pull", GRAPH)
    assert not (clone.folder / GRAPH).exists()


@only("In a bucket")
def test_the_key_of_a_bucket_stays_out_of_git(team: Team) -> None:
    assert SECRET_KEY in (team.repository.folder / ".dvc/config.local").read_text("utf-8")
    assert SECRET_KEY not in team.repository.git("log", "--all", "--patch")


def test_this_repository_names_no_remote() -> None:
    assert "remote" not in (ROOT / ".dvc/config").read_text("utf-8")
