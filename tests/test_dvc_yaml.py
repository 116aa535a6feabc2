"""dvc.yaml against the code: DVC sees no imports, so what it is not told stays stale in silence."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from compare.models import MODELS
from compare.protocols import ABLE, LINEAR, NAMES, PROTOCOLS, SPLITS
from textrnn.artifacts import provenance
from textrnn.core import paths
from tools import deps

ROOT = paths.ROOT
PIPELINE: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))
COMPARISON: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "compare/dvc.yaml").read_text("utf-8"))
# From the lowest to the highest.
ROOMS = (
    "core", "metrics", "artifacts", "text", "corpus", "partitions", "dedup", "model", "training", "inference",
    "evaluation", "report", "cli",
)  # fmt: skip
STAGES = ("download", "clean", "vectorize", "split", "train", "evaluate", "plot")
each_stage = pytest.mark.parametrize("stage", STAGES)


def listed(stage: str, *kinds: str) -> list[str]:
    """Return the entries of these lists of a stage: a path or a key each, whatever options it has."""
    entries = [entry for kind in kinds for entry in PIPELINE["stages"][stage].get(kind, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def source(stage: str) -> ast.Module:
    return ast.parse((ROOT / "stages" / f"{stage}.py").read_text("utf-8"))


def loaded_params(stage: str) -> set[str]:
    """Return the sections, or keys of a section, which the calls of params.load in a stage name."""
    module = importlib.import_module(f"stages.{stage}")
    found: set[str] = set()
    for node in ast.walk(source(stage)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "params.load":
            section, kind = ast.literal_eval(node.args[0]), getattr(module, ast.unparse(node.args[1]))
            part = any(keyword.arg == "part" for keyword in node.keywords)
            found |= {f"{section}.{key}" for key in kind.model_fields} if part else {section}
    return found


def named_paths(stage: str) -> set[Path]:
    """Return the paths of the pipeline's data that a stage's code names, from textrnn/core/paths.py."""
    names = {
        node.attr
        for node in ast.walk(source(stage))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "paths"
    }
    return {getattr(paths, name) for name in names} - {paths.ROOT, paths.CHECKPOINTS, paths.PARAMS}


def test_there_are_seven_stages_in_the_order_in_which_data_flows() -> None:
    assert tuple(PIPELINE["stages"]) == STAGES


@each_stage
def test_a_stage_is_a_module_of_its_name_with_one_line_that_says_what_it_does(stage: str) -> None:
    settings = PIPELINE["stages"][stage]
    assert settings["cmd"] == f"python -m stages.{stage}"
    assert 10 < len(settings["desc"]) < 90
    assert "\n" not in settings["desc"]


@each_stage
def test_a_stage_says_what_it_does_when_asked_for_help_and_takes_no_other_argument(stage: str) -> None:
    command = [sys.executable, "-m", f"stages.{stage}"]
    helped = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert helped.stdout.startswith(f"usage: python -m stages.{stage} [-h]\n\n{stage}: ")
    assert f"python -m stages.{stage}\n" in helped.stdout
    refused = subprocess.run([*command, "--fast"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.endswith("error: unrecognized arguments: --fast\n")


def test_the_deps_of_every_stage_are_what_tools_deps_writes() -> None:
    text = (ROOT / "dvc.yaml").read_text("utf-8")
    assert deps.updated(text, ROOT) == text, "run `python -m tools.deps`"


def test_a_room_imports_only_rooms_below_it() -> None:
    for path in (ROOT / "textrnn").rglob("*.py"):
        for module in deps.imported(path):
            own, other = (name.relative_to(ROOT / "textrnn").parts[0] for name in (path, module))
            assert ROOMS.index(other) <= ROOMS.index(own), f"{path}: {other} lies above {own}"


def test_the_hash_of_the_code_in_a_model_covers_what_train_depends_on() -> None:
    code = {entry for entry in listed("train", "deps") if deps.is_code(ROOT / entry)}
    assert code == set(provenance.TRAIN)


@each_stage
def test_a_stage_lists_exactly_the_params_it_reads(stage: str) -> None:
    assert set(listed(stage, "params")) == loaded_params(stage)


@each_stage
def test_every_path_of_a_stage_is_one_that_its_code_names_and_the_other_way_round(stage: str) -> None:
    data = {
        ROOT / path
        for path in listed(stage, "deps", "outs", "metrics")
        if not path.startswith("textrnn/") and not path.endswith((".py", "requirements.txt"))
    }
    named = named_paths(stage)
    assert {path for path in data if not any(path.is_relative_to(name) for name in named)} == set()
    assert {name for name in named if not any(path.is_relative_to(name) for path in data)} == set()


@pytest.mark.parametrize("stage", ["train", "evaluate"])
def test_what_computes_with_the_model_depends_on_the_locked_packages(stage: str) -> None:
    assert "requirements.txt" in listed(stage, "deps")


def test_every_section_of_params_yaml_is_the_one_of_a_stage() -> None:
    assert set(YAML(typ="safe", pure=True).load(paths.PARAMS.read_text("utf-8"))) == set(STAGES)


def test_only_plot_keeps_outputs_out_of_the_cache_since_that_switches_the_run_cache_off() -> None:
    uncached = {
        stage
        for stage in STAGES
        for entry in PIPELINE["stages"][stage]["outs"]
        if isinstance(entry, dict) and any(not options.get("cache", True) for options in entry.values())
    }
    assert uncached == {"plot"}


def test_what_dvc_plots_draws_is_what_the_plot_stage_writes() -> None:
    drawn: set[str] = set()
    for plot in PIPELINE["plots"]:
        drawn |= {plot} if isinstance(plot, str) else set().union(*(options["y"] for options in plot.values()))
    assert drawn == {path for path in listed("plot", "outs") if path.startswith("plots/")}


def test_the_artifact_is_an_output_of_train() -> None:
    assert {artifact["path"] for artifact in PIPELINE["artifacts"].values()} <= set(listed("train", "outs"))


# The comparison


@pytest.mark.parametrize("stage", ["prepare", "table"])
def test_a_stage_of_the_comparison_lists_exactly_the_modules_it_imports(stage: str) -> None:
    modules = [path for path in COMPARISON["stages"][stage]["deps"] if path.endswith(".py")]
    assert len(modules) == len(set(modules))
    assert {ROOT / path for path in modules} == deps.modules(ROOT / f"compare/{stage}.py")


def test_prepare_reads_the_corpus_the_tutorials_preset_and_the_locked_packages() -> None:
    others = [path for path in COMPARISON["stages"]["prepare"]["deps"] if not path.endswith(".py")]
    assert others == ["compare/requirements.txt", "data/raw/corpus", "presets/tutorial.txt", "requirements.txt"]


def test_the_matrix_names_every_model_split_and_protocol_of_the_code() -> None:
    cell, leak = COMPARISON["stages"]["cell"]["matrix"], COMPARISON["stages"]["leak"]["matrix"]
    (variables,) = COMPARISON["vars"]
    assert cell["model"] == list(MODELS)
    assert variables == {"splits": list(SPLITS)}
    assert cell["split"] == leak["split"] == "${splits}"
    assert sorted(["naive", *cell["protocol"]]) == sorted(PROTOCOLS)
    assert set(leak["model"]) <= set(MODELS)
    assert set(leak["model"]) & set(LINEAR), "what the others are compared with"


def test_the_table_and_the_picture_know_every_model() -> None:
    assert list(NAMES) == list(MODELS)
    assert set(ABLE) | set(LINEAR) <= set(MODELS)


@pytest.mark.parametrize(("stage", "protocol"), [("cell", "${item.protocol}"), ("leak", "naive")])
def test_a_cell_depends_on_its_rows_and_the_code_and_writes_its_answers(stage: str, protocol: str) -> None:
    settings = COMPARISON["stages"][stage]
    assert settings["cmd"] == f"python -m compare.cell {protocol} ${{item.model}} ${{item.split}}"
    assert settings["deps"] == ["compare/cell.py", f"compare/prepared/{protocol}.tsv", "compare/prepared/code.tsv"]
    # Not in the cache: else `dvc checkout` would fail in a clone where the comparison has not run.
    assert settings["outs"] == [{f"compare/answers/{protocol}/${{item.model}}/${{item.split}}.tsv": {"cache": False}}]
    assert {"clean", "train", "vectorize"} <= set(settings["params"])
