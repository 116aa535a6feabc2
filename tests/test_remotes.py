"""docs/sharing.md: its commands, with real servers and a second clone."""

import os
import re
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.outputs import of_files, of_lock
from tests.repository import ROOT, Repository, stages_run
from tests.server import direct
from tests.storage import SECRET_KEY, STORAGES

PAGE = (ROOT / "docs/sharing.md").read_text("utf-8")
GRAPH = "model/model.onnx"
SHARED = "In a shared folder"


def commands(section: str, stands_for: dict[str, str], *, local_only: bool = False) -> list[list[str]]:
    """Return the DVC commands of a section of the page; those with `--local` are typed in each clone."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    for word, here in stands_for.items():
        text = re.sub(rf"(?<=\s){re.escape(word)}(?=\s)", here, text)
    found = [shlex.split(line) for line in re.findall("^    dvc (remote .*)$", text, re.MULTILINE)]
    return [command for command in found if "--local" in command or not local_only]


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


@pytest.mark.parametrize("section", ["Over SSH", "In a bucket"])
def test_what_one_member_pushes_a_clone_pulls_and_a_stranger_with_another_key_does_not(
    section: str, ran: Repository, tmp_path: Path
) -> None:
    first, folder = ran.copy(tmp_path / "first"), tmp_path / "storage"
    folder.mkdir()
    with STORAGES[section](folder) as storage:
        first.dvc_each(*commands(section, storage.stands_for), ["push"])
        first.commit("a remote")
        clone = first.clone(tmp_path / "clone")
        clone.dvc_each(*commands(section, storage.stranger, local_only=True))
        said = clone.dvc_fails("pull", GRAPH)
        assert not (clone.folder / GRAPH).exists()
        clone.dvc_each(*commands(section, storage.stands_for, local_only=True), ["pull"])
    hashes = of_lock(clone.lock().encode())
    assert of_files(clone.folder, hashes) == hashes
    assert clone.git("status", "--porcelain") == ""
    assert "Permission denied" in said or "Forbidden" in said, said
    assert SECRET_KEY not in first.git("log", "--all", "--patch"), "a key stays out of Git"


def test_a_shared_run_is_not_run_again_and_a_file_that_was_changed_on_the_server_is_not_taken(
    ran: Repository, tmp_path: Path
) -> None:
    first = ran.copy(tmp_path / "first")
    first.set(**{"clean.lowercase": True})
    with STORAGES[SHARED](tmp_path) as storage:
        first.dvc_each(*commands(SHARED, storage.stands_for), ["repro", "clean"])
        first.commit("in lower case")
        first.run(sys.executable, "-m", "tools.share")
        clone = first.clone(tmp_path / "clone")
        assert stages_run(clone.dvc_each(["pull", "--run-cache"], ["repro", "clean"])) == []
        clone.set(**{"clean.lowercase": False})
        assert "Stage 'clean' is cached - skipping run" in clone.dvc("repro", "--pull", "clean")
        older = {"clean": of_lock(ran.lock().encode())["clean"]}
        assert of_files(clone.folder, older) == older

        digest = of_lock(first.lock().encode())["train"][GRAPH]
        kept = storage.folder / "files/md5" / digest[:2] / digest[2:]
        kept.chmod(0o644)
        kept.write_bytes(b"another model")
        other = first.clone(tmp_path / "other")
        other.dvc_fails("pull", GRAPH)
        assert not (other.folder / GRAPH).exists()


def test_this_repository_names_no_remote() -> None:
    assert "remote" not in (ROOT / ".dvc/config").read_text("utf-8")


def test_no_other_user_can_write_where_dvc_keeps_what_it_believes(tmp_path: Path) -> None:
    made = Repository.tiny(tmp_path / "repository")
    for command in (("status",), ("--cd", "compare", "status")):
        made.dvc(*command, DVC_SITE_CACHE_DIR="")
    folders = [made.folder / ".dvc_site", *(made.folder / ".dvc_site").rglob("*/")]
    assert len([folder for folder in folders if folder.parent.name == "repo"]) == 2, "one of each project"
    assert not [folder for folder in folders if folder.stat().st_mode & stat.S_IWOTH]
    assert made.git("status", "--porcelain") == ""
