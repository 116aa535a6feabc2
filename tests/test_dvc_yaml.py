"""Both dvc.yaml against the code, since DVC sees no imports, and tools.deps, which writes them into `deps`."""

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from compare import code
from compare.corpora import CORPORA
from compare.models import MODELS
from compare.protocols import (
    ABLE,
    BASELINES,
    CURVE,
    FEW,
    HERE,
    LINEAR,
    NAMES,
    OF_CORPUS,
    PARTS,
    PROTOCOLS,
    SPLITS,
)
from stages import split
from textrnn.artifacts import provenance
from textrnn.core import errors, paths
from textrnn.core.errors import UserError
from textrnn.inference import predictor
from tools import deps

ROOT = paths.ROOT
PIPELINE, COMPARISON = (
    YAML(typ="safe", pure=True).load((folder / "dvc.yaml").read_text("utf-8")) for folder in (ROOT, HERE)
)
ROOMS = (
    "core", "metrics", "artifacts", "text", "corpus", "partitions", "cleaning", "dedup", "model", "training",
    "inference", "evaluation", "report", "cli", "drift", "serving",
)  # fmt: skip
STAGES = ("download", "clean", "vectorize", "split", "train", "evaluate", "plot")


def listed(stage: str, *kinds: str, pipeline: dict[str, Any] = PIPELINE) -> list[str]:
    """Return the entries of these lists of a stage: a path or a key each, whatever options it has."""
    entries = [entry for kind in kinds for entry in pipeline["stages"][stage].get(kind, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def source(stage: str) -> ast.Module:
    return ast.parse((ROOT / "stages" / f"{stage}.py").read_text("utf-8"))


def loaded_params(stage: str) -> set[str]:
    """Return the sections, or keys of a section, that a stage's calls of params.load name."""
    module = importlib.import_module(f"stages.{stage}")
    found: set[str] = set()
    for node in ast.walk(source(stage)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "params.load":
            section, kind = ast.literal_eval(node.args[0]), getattr(module, ast.unparse(node.args[1]))
            part = any(keyword.arg == "part" for keyword in node.keywords)
            found |= {f"{section}.{key}" for key in kind.model_fields} if part else {section}
    return found


def test_dvc_finds_seven_stages_each_a_module_of_its_name_with_a_line_of_description() -> None:
    assert [stage.name for stage in Repo(str(ROOT)).index.stages] == list(PIPELINE["stages"]) == list(STAGES)
    for stage, settings in PIPELINE["stages"].items():
        assert settings["cmd"] == f"python -m stages.{stage}"
        assert 10 < len(settings["desc"]) < 90
        assert ast.unparse(source(stage).body[-1]).endswith("sys.exit(run(main, __doc__))")


def test_the_picture_in_the_page_on_design_has_what_flows_between_the_stages() -> None:
    """An arrow that the picture leaves out has a longer way there."""
    page = (ROOT / "docs/design.md").read_text("utf-8")
    arrows = [pair for pair in re.findall(r"(\w+) -->.*? (\w+)$", page, re.MULTILINE) if set(pair) <= set(STAGES)]
    outs = {stage: tuple(listed(stage, "outs", "metrics")) for stage in STAGES}
    reached = {target: {first for first, second in arrows if second == target} for target in STAGES}
    for target in STAGES:  # in their order
        read = {stage for stage in STAGES if any(dep.startswith(outs[stage]) for dep in listed(target, "deps"))}
        assert reached[target] <= read
        reached[target] = set().union(reached[target], *(reached[stage] for stage in reached[target]))
        assert read <= reached[target]


def test_a_stage_prints_its_docstring_as_help_and_takes_no_other_argument(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for argument, exit_code in (("--help", "0"), ("--fast", "2")):
        monkeypatch.setattr("sys.argv", ["stages/split.py", argument])
        with pytest.raises(SystemExit, match=exit_code):
            errors.run(split.main, split.__doc__)
    printed = capsys.readouterr()
    assert "split: " in printed.out
    assert "python -m stages.split\n" in printed.out
    assert printed.err.endswith("error: unrecognized arguments: --fast\n")
    for stage in STAGES:
        assert str(ast.get_docstring(source(stage))).endswith(f"\nRun     python -m stages.{stage}")


def test_the_deps_of_every_stage_are_what_tools_deps_writes() -> None:
    text = (ROOT / "dvc.yaml").read_text("utf-8")
    assert deps.updated(text, ROOT) == text, "run `python -m tools.deps`"


def test_a_room_imports_only_rooms_below_it() -> None:
    """What lies beside the rooms, the doors of the package, may open any of them."""
    for path in (ROOT / "textrnn").glob("*/**/*.py"):
        for module in deps.imported(path):
            own, other = (name.relative_to(ROOT / "textrnn").parts[0] for name in (path, module))
            assert ROOMS.index(other) <= ROOMS.index(own), f"{path}: {other} lies above {own}"


def test_the_hash_of_the_code_in_a_model_covers_what_train_depends_on() -> None:
    assert {entry for entry in listed("train", "deps") if deps.is_code(ROOT / entry)} == set(provenance.TRAIN)
    assert {"requirements.txt"} <= set(listed("train", "deps")) & set(listed("evaluate", "deps"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_exactly_the_params_it_reads(stage: str) -> None:
    """tests/test_pipeline.py compares the files that it opens with those it lists."""
    assert set(listed(stage, "params")) == loaded_params(stage)


def test_only_plot_keeps_outputs_out_of_the_cache_and_dvc_plots_draws_their_data() -> None:
    for stage in STAGES:  # an output out of the cache switches the run cache off for its stage
        assert ("'cache': False" in repr(PIPELINE["stages"][stage].get("outs"))) == (stage == "plot")
    charts = [options for plot in PIPELINE["plots"] for options in plot.values()]
    drawn: set[str] = set().union(*(chart["y"] for chart in charts))
    kept = {path for path in listed("plot", "outs") if path.startswith("plots/")}
    # The table is no chart, and the PNGs are the same charts for a README: `dvc plots` would show each twice.
    assert drawn == kept - {"plots/scores.tsv", "plots/images"}
    own = {path.stem for path in (ROOT / ".dvc/plots").iterdir()}
    assert own == {chart["template"] for chart in charts} - {"linear"}
    assert {artifact["path"] for artifact in PIPELINE["artifacts"].values()} == {"model"}
    assert {f"model/{part}" for part in predictor.PARTS} <= set(listed("train", "outs"))


# The comparison


def test_the_comparison_runs_every_model_split_and_protocol_of_the_code() -> None:
    cell, leak = COMPARISON["stages"]["cell"]["matrix"], COMPARISON["stages"]["leak"]["matrix"]
    of_corpora = {
        name: COMPARISON["stages"][name]["matrix"] for name in ("corpus", "threshold", "official", "curve", "part")
    }
    ran = {model for matrix in (cell, *of_corpora.values()) for model in matrix["model"]}
    assert list(MODELS) == list(NAMES) == [model for model in NAMES if model in ran]
    points = [f"{split}-{rows}" for split in FEW for rows in CURVE]
    lists = {"splits": SPLITS, "corpora": CORPORA, "of_corpus": OF_CORPUS, "few": FEW, "curve": points}
    assert COMPARISON["vars"] == [{name: list(values) for name, values in lists.items()}]
    assert cell["split"] == leak["split"] == "${splits}"
    assert sorted(["naive", *cell["protocol"]]) == sorted(PROTOCOLS)
    assert COMPARISON["stages"]["prepare"]["matrix"]["name"] == [*PROTOCOLS, *CORPORA]
    assert {*leak["model"], *ABLE, *LINEAR} <= set(cell["model"])
    assert set(leak["model"]) & set(LINEAR), "the baselines that the others are compared with"
    assert {*of_corpora["corpus"]["model"], *of_corpora["threshold"]["model"]} >= {*BASELINES, "default"}
    assert {CORPORA[name].labels for name in of_corpora["threshold"]["corpus"]} == {2}
    assert COMPARISON["stages"]["official"]["matrix"]["corpus"] == [
        name for name, corpus in CORPORA.items() if corpus.official
    ]
    assert {*of_corpora["part"]["model"], *of_corpora["corpus"]["model"]} >= set(PARTS)


def test_each_stage_of_the_comparison_depends_on_its_code_by_fingerprint_or_by_path() -> None:
    assert (HERE / ".dvc/config").exists(), "else the commands of the pipeline would read its stages"
    fingerprinted = {ROOT / place for place in code.current()}
    for stage in (
        "prepare",
        "cell",
        "leak",
        "corpus",
        "threshold",
        "official",
        "curve",
        "part",
        "promise",
        "score",
        "table",
    ):
        (script,) = deps.scripts(stage, COMPARISON["stages"][stage]["cmd"].removeprefix("cd .. && "), ROOT)
        tracked = {(HERE / path).resolve() for path in listed(stage, "deps", pipeline=COMPARISON)}
        assert code.FINGERPRINTS in tracked
        for place in deps.code(script):
            inside = [path for path in tracked | fingerprinted if path == place or path.is_relative_to(place)]
            assert inside or place.name in ("__init__.py", "code.py", "deps.py"), f"{stage}: {place}"


# tools.deps


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with a room of two modules and a user's stages."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    for name, text in {
        "textrnn/core/paths.py": "",
        "textrnn/text/tokens.py": "from textrnn.core import paths\n",
        "stages/mine.py": "import numpy\n\nfrom stages.helper import help\n",
        "stages/helper.py": "def help() -> None:\n    from textrnn.text import tokens\n",
        "tools/beside/script.py": "import near\n",
        "tools/beside/near.py": "from . import nearer\n",
        "tools/beside/nearer/__init__.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


MINE = """\
# My pipeline.
stages:
  mine:
    cmd: python -m stages.mine
    deps:
      - stages/mine.py
      - stages/helper.py
      - textrnn/core
      - textrnn/text
      - data/raw  # the corpus
"""
BARE = "stages:\n  mine:\n    cmd: {}\n    outs: [a]\n"
BESIDE = "    deps:" + "".join(f"\n      - tools/beside/{name}.py" for name in ("script", "near", "nearer/__init__"))


def test_tools_deps_lists_what_a_users_stage_imports_and_keeps_other_entries_and_comments(project: Path) -> None:
    for stale in (MINE.replace("      - textrnn/core\n", ""), MINE.replace("helper.py", "gone.py")):
        assert deps.updated(stale, project) == MINE
    with_deps = deps.updated(BARE.format("python tools/beside/script.py"), project)
    assert with_deps == BARE.format(f"python tools/beside/script.py\n{BESIDE}")
    each = "stages:\n  each:\n    foreach: [1, 2]\n    do:\n      cmd: [echo, python3.11 -u stages/mine.py]\n"
    found = YAML(typ="safe", pure=True).load(deps.updated(each, project))["stages"]["each"]["do"]["deps"]
    assert found == ["stages/mine.py", "stages/helper.py", "textrnn/core", "textrnn/text"]
    commands = ("echo", "python -m pip list", "python -m stages.${item}")
    for text in (MINE, MINE.replace("      -", "    -"), *map(BARE.format, commands)):
        assert deps.updated(text, project) == text, "it lacks nothing"


def test_tools_deps_says_in_one_line_what_is_wrong(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "stages/wrong.py").write_text("def wrong(:\n")
    path = project / "dvc.yaml"
    for text, message in (
        (None, "dvc.yaml, found none"),
        ("stages: [", "dvc.yaml: not valid YAML: "),
        ("stages:\n  mine:\n    deps: []", "dvc.yaml: expected `stages:`, each with a `cmd:`"),
        (BARE.format("python -m stages.gone"), "stage mine: stages/gone.py, which its command runs, does not exist"),
        (BARE.format("python stages/wrong.py"), "dvc.yaml: stages/wrong.py:1: "),
        (BARE.format("echo"), f"compare/dvc.yaml belongs to another DVC project, {HERE}"),
    ):
        monkeypatch.setattr("sys.argv", ["deps", str(HERE / "dvc.yaml" if "compare" in message else path)])
        path.write_text(text) if text is not None else None
        with pytest.raises(UserError, match=rf"^[^\n]*{re.escape(message)}[^\n]*$"):
            deps.main()
