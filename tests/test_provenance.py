"""The record of what a model was made from, and where; files of two models in one directory are found out."""

import importlib.metadata
import shutil
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tests.workspace import Workspace
from textrnn.artifacts import provenance
from textrnn.core import paths
from textrnn.core.files import read_json
from textrnn.training import machine


def test_a_model_names_its_corpus_parameters_code_packages_and_parts(trained_model: Path) -> None:
    record, root = read_json(trained_model / "model.json"), trained_model.parent
    assert record["corpus"] == provenance.checksum(root / "data/raw/corpus")
    assert record["inputs"]["data/clean/messages.tsv"] == provenance.checksum(root / "data/clean/messages.tsv")
    assert record["params"]["train"]["units"] == 6
    assert set(record["params"]) == {"clean", "train", "vectorize"}
    assert record["packages"] == provenance.packages()
    assert len(record["code"]) == 64
    assert record["parts"] == {
        path.name: provenance.checksum(path)
        for path in trained_model.iterdir()
        if path.name not in ("model.json", "reference.tsv", "threshold.json")
    }


def test_the_hash_of_the_code_changes_with_a_module_that_train_imports_and_with_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("stages", "textrnn"):
        shutil.copytree(paths.ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = provenance.code()
    monkeypatch.setattr(provenance, "CODE", tmp_path)
    assert provenance.code() == before, "wherever it lies"
    for name in ("textrnn/report/charts.py", "textrnn/model/gru.py", "stages/train.py"):
        before = provenance.code()
        with (tmp_path / name).open("a") as file:
            file.write("# another byte\n")
        assert (provenance.code() != before) == ("report" not in name), name


def test_tensorflow_is_also_what_is_installed_as_tensorflow_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = provenance.packages()

    def version(name: str) -> str:
        if name == "tensorflow":
            raise PackageNotFoundError(name)
        return expected[name.removesuffix("-cpu")]

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert provenance.packages() == expected


OTHERS = "tensorflow==1.0 \\\n    --hash=sha256:00\nnumpy==1.0\n"
TOLD = ["has no AVX2", "on 2 GPUs", "tensorflow is 2", "numpy is ", "requirements.txt has 1.0"]


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(("packages", "avx2", "gpus", "told"), [(OTHERS, False, 2, TOLD), (None, True, 0, [])])
def test_what_differs_from_the_machine_of_the_committed_results_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    packages: str | None, avx2: bool, gpus: int, told: list[str],
) -> None:  # fmt: skip
    paths.REQUIREMENTS.write_text(packages or (Workspace.ORIGINAL / "requirements.txt").read_text("utf-8"), "utf-8")
    monkeypatch.setattr(machine, "has_avx2", lambda: avx2)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    machine.report(gpus)
    said = capsys.readouterr().err
    assert said.count("\n") == min(1, len(told))
    assert all(words in said for words in told)
    assert len(read_json(paths.MACHINE)["differences"]) == (4 if told else 0)


def test_avx2_is_read_from_the_system(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu avx avx512f\n")
    assert not machine.has_avx2(tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu avx avx2\n")
    assert machine.has_avx2(tmp_path / "cpuinfo")
    assert machine.has_avx2(tmp_path / "none")
