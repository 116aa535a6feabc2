"""evaluate.promise: of the answers given at most a share is wrong, the other texts are "unsure"."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

import textrnn
from compare import promise as of_promises
from compare.models import Learnt, Task
from compare.protocols import PROMISES
from stages import evaluate, plot
from tests.models import THREE, copied, trained
from tests.workspace import Workspace
from textrnn.artifacts.messages import read_messages
from textrnn.cli import predict
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.files import read_json, read_table, write_json
from textrnn.inference import decision
from textrnn.metrics import promise
from textrnn.metrics.scores import Bools, Floats

DRAWS = 200


@pytest.fixture
def three_labels(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    copied(workspace, trained(tmp_path_factory.getbasetemp(), THREE))
    return workspace


def promising(workspace: Workspace, promised: float, **changes: Any) -> None:
    changes |= {"evaluate__positive_label": None, "evaluate__bootstrap_samples": 200}
    workspace.settings(evaluate__promise=promised, **changes)


# The promise, in simulations


def population(labels: int, random: np.random.Generator) -> tuple[Floats, Bools]:
    """Return the probabilities, nearly calibrated, of many answers, and whether each is right."""
    probability = np.maximum(random.beta(8, 0.35, 100_000), 1 / labels)
    return probability, random.random(len(probability)) > np.minimum(1, (1 - probability) ** 0.9)


def of_all(probability: Floats, right: Bools, least: float) -> tuple[float, float]:
    """Return which share of all texts is answered, and which share of these answers is wrong."""
    given = probability >= least
    return float(given.mean()), float(1 - right[given].mean()) if given.any() else 0.0


def allowed(draws: int) -> float:
    """Return in how many of the draws a promise may be broken that is kept with 95 % confidence, by chance as well."""
    return float(binom.ppf(0.999, draws, 1 - promise.CONFIDENCE))


@pytest.mark.parametrize(("promised", "rows", "answered"), [(0.95, 1_000, 0.75), (0.99, 4_000, 0.35), (0.9, 200, 0.7)])
@pytest.mark.parametrize("labels", [2, 50])
def test_a_promise_is_kept_in_95_of_100_draws_and_most_of_what_could_be_answered_is(
    labels: int, promised: float, rows: int, answered: float
) -> None:
    random = np.random.default_rng(labels)
    probability, right = population(labels, random)
    shares, broken = [], 0
    for _ in range(DRAWS):
        drawn = random.integers(len(right), size=rows)
        share, wrong = of_all(probability, right, promise.sure_from(probability[drawn], right[drawn], promised))
        shares.append(share)
        broken += wrong > 1 - promised
    assert broken <= allowed(DRAWS)
    assert np.mean(shares) > answered


@pytest.mark.parametrize("promised", [0.9, 0.99])
def test_where_a_few_more_answers_are_wrong_than_promised_the_promise_is_hardly_ever_made(promised: float) -> None:
    random = np.random.default_rng(0)
    made = 0
    for _ in range(DRAWS):
        probability, right = random.beta(8, 0.35, 1_000), random.random(1_000) < promised - 0.02 * (1 - promised)
        made += promise.sure_from(probability, right, promised) < math.inf
    assert made <= allowed(DRAWS)


def test_rows_that_come_in_groups_count_as_fewer() -> None:
    random = np.random.default_rng(0)
    broken = {True: 0, False: 0}
    probability, right = population(2, random)
    for _ in range(DRAWS):
        drawn, groups = np.repeat(random.integers(len(right), size=100), 10), np.repeat(np.arange(100), 10)
        for known in broken:
            effect = promise.design_effect(right[drawn], groups if known else np.arange(1_000))
            least = promise.sure_from(probability[drawn], right[drawn], 0.97, effect)
            broken[known] += of_all(probability, right, least)[1] > 0.03
    assert broken[True] <= allowed(DRAWS) < broken[False]
    assert promise.design_effect(np.repeat([True, False, True], 10), np.repeat([4, 2, 7], 10)) == pytest.approx(10)
    assert promise.design_effect(np.ones(3, bool), np.arange(3)) == 1


@pytest.mark.parametrize(("promised", "rows"), [(0.9, 29), (0.95, 59), (0.99, 299)])
def test_a_promise_takes_rows_even_if_no_answer_is_wrong(promised: float, rows: int) -> None:
    assert promise.fewest(promised) == rows
    probability, right = np.linspace(0.8, 0.999, rows), np.ones(rows, bool)
    assert promise.sure_from(probability, right, promised) == 0.8
    assert promise.sure_from(probability[1:], right[1:], promised) == math.inf
    assert promise.sure_from(probability[:0], right[:0], promised) == math.inf


def test_answers_as_probable_as_one_another_are_given_or_not_together() -> None:
    probability = np.repeat([0.99, 0.6], [400, 100])
    right = np.concatenate([np.ones(450, bool), np.zeros(50, bool)])
    assert promise.sure_from(probability, right, 0.99) == 0.99


# What a model answers


RULE = decision.Rule(1, 0.3, (0.8, 0.35))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RULE, [0, -1, -1, 1]),
        (RULE._replace(sure_from=(math.inf, 0.0)), [-1, -1, 1, 1]),
        (RULE._replace(sure_from=None), [0, 0, 1, 1]),
    ],
)
def test_an_answer_less_probable_than_its_label_needs_is_unsure(rule: decision.Rule, expected: list[int]) -> None:
    probabilities = np.array([[0.8, 0.2], [0.75, 0.25], [0.7, 0.3], [0.65, 0.35]])
    assert decision.final(probabilities, rule).tolist() == expected


def decided(model: Path, **changes: Any) -> None:
    write_json(model / "threshold.json", read_json(model / "threshold.json") | changes)


def test_predict_prints_unsure_and_all_probabilities(
    model_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    decided(model_copy, sure_from={"ham": None, "spam": 0})
    texts = ["URGENT! Collect your two tickets", "mum says soup tomorrow 8pm"]

    def lines(*arguments: str) -> list[str]:
        monkeypatch.setattr("sys.argv", ["predict.py", "--model", str(model_copy), *arguments, *texts])
        predict.loaded.cache_clear()
        predict.main()
        return capsys.readouterr().out.splitlines()

    assert [line.split("\t")[0] for line in lines()] == ["spam", "unsure"]
    head, *rows = lines("--format", "table")
    assert head.startswith("label   P(spam)  text")
    assert [row.split()[0] for row in rows] == ["spam", "unsure"]
    assert len({row.index(text) for row, text in zip(rows, texts, strict=True)}) == 1
    assert "unsure" in "\n".join(lines("--format", "table", "--explain"))
    answer = json.loads(lines("--format", "jsonl", "--top", "2")[1])
    assert (answer["label"], set(answer["probabilities"])) == ("unsure", {"ham", "spam"})
    model = textrnn.load(model_copy)
    assert (model.may_be_unsure, model.predict(texts).labels) == (True, ["spam", "unsure"])
    assert model.shown(model.predict(texts)) == pytest.approx(
        [answer_of["probabilities"]["spam"] for answer_of in map(json.loads, lines("--format", "jsonl"))]
    )
    assert [token for token, _ in model.explain(texts[1])][:3] == ["mum", "says", "soup"]
    assert answer["probability"] == answer["probabilities"]["spam"]


def test_what_a_promise_needs_is_checked_when_a_model_is_loaded(model_copy: Path) -> None:
    decided(model_copy, sure_from={"ham": 0.5})
    with pytest.raises(UserError, match="expected `sure_from` of 'ham', 'spam'"):
        decision.read(model_copy, ["ham", "spam"])
    decided(model_copy, sure_from={"ham": 0.5, "spam": 1.5})
    with pytest.raises(UserError, match="sure_from"):
        decision.read(model_copy, ["ham", "spam"])


# The stage evaluate


def test_without_a_promise_nothing_says_anything_of_it(trained_model: Path) -> None:
    assert set(read_json(trained_model / "threshold.json")) == {"model", "positive_label", "threshold"}
    assert "promise" not in read_json(trained_model.parent / "data/scored/scores.json")
    assert "Promise" not in (trained_model.parent / "report/index.html").read_text("utf-8")


def test_evaluate_says_how_many_test_rows_are_answered_and_how_many_of_these_answers_are_wrong(
    three_labels: Workspace,
) -> None:
    before = read_table(paths.PREDICTIONS)
    promising(three_labels, 0.7)
    three_labels.run(evaluate.main)
    least = read_json(paths.MODEL / "threshold.json")["sure_from"]
    assert set(least) == set(THREE)
    assert len(set(least.values())) == 1
    header, *lines = read_table(paths.PREDICTIONS)
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    sure = [row for row in rows if float(row["probability"]) >= min(least.values())]
    assert [row["given"] for row in rows] == [row["predicted"] if row in sure else "unsure" for row in rows]
    assert 0 < len(sure) < len(rows)
    assert [row["predicted"] for row in rows] == [line[before[0].index("predicted")] for line in before[1:]]
    found = read_json(paths.SCORES)
    wrong = [row for row in sure if row["label"] != row["predicted"]]
    assert (found["promise"]["answers"], found["promise"]["wrong"]) == (len(sure), len(wrong))
    assert found["promise"]["answered"] == round(len(sure) / len(rows), 6)
    assert found["promise"]["error"] == pytest.approx(len(wrong) / len(sure), abs=1e-6)
    low, high = (found["promise"][end]["error"] for end in ("ci_low", "ci_high"))
    assert low <= found["promise"]["error"] < high
    assert sum(one["answers"] for one in found["promise"]["by_label"].values()) == len(sure)
    assert found["accuracy"] == pytest.approx(np.mean([row["label"] == row["predicted"] for row in rows]), abs=1e-6)
    compared = three_labels.metrics("evaluate")
    assert compared["promise"] == {name: found["promise"][name] for name in ("answered", "error")}
    assert "given" in read_table(paths.ERRORS)[0]
    three_labels.run(plot.main)
    page = paths.REPORT.read_text("utf-8")
    assert 'id="promise"' in page
    assert f"{len(sure)} of the" in page


def test_at_most_ten_scores_are_compared_with_a_promise_too(trained_model: Path, workspace: Workspace) -> None:
    copied(workspace, trained_model.parent)
    promising(workspace, 0.7)
    workspace.run(evaluate.main)
    found = workspace.metrics("evaluate")
    assert len(found) - 1 + len(found["promise"]) <= 10


def test_each_label_keeps_the_promise_if_asked_and_a_label_that_cannot_is_never_answered(
    three_labels: Workspace,
) -> None:
    header, *lines = read_table(paths.HELD_OUT)
    messages = read_messages(paths.MESSAGES)
    own = {label: header.index(label) for label in THREE}
    # The answers to rows of one label are right and sure, those to the others are wrong.
    for line in lines:
        label = messages[int(line[0])][0]
        answer = label if label == "ham" else next(one for one in THREE if one not in {"ham", label})
        line[1:] = ["0.900000" if place == own[answer] else "0.050000" for place in range(1, 4)]
    paths.HELD_OUT.write_text("".join("\t".join(line) + "\n" for line in [header, *lines]), "utf-8")
    promising(three_labels, 0.9, evaluate__promise_per_label=True)
    three_labels.run(evaluate.main)
    assert read_json(paths.MODEL / "threshold.json")["sure_from"] == dict.fromkeys(THREE) | {"ham": 0.9}
    said = "to promise anything of 'win, \"now\"', 'новости': texts that look so are answered 'unsure'"
    assert any(said in warning for (warning,) in read_table(paths.WARNINGS))
    assert set(column(read_table(paths.PREDICTIONS), "given")) <= {"ham", "unsure"}


def column(table: list[list[str]], name: str) -> list[str]:
    return [line[table[0].index(name)] for line in table[1:]]


def test_a_promise_that_the_held_out_rows_cannot_keep_is_one_line_that_says_what_they_can(
    three_labels: Workspace,
) -> None:
    promising(three_labels, 0.999)
    said = three_labels.failure(evaluate.main)
    assert said.startswith("error: params.yaml: expected held-out answers that can keep evaluate.promise 0.999 (2,995 ")
    assert said.count("\n") <= 1
    assert "promise less, or give more rows" in said or "promise 0." in said


def test_a_label_named_unsure_and_a_promise_do_not_go_together(three_labels: Workspace) -> None:
    renamed = [("unsure" if label == "ham" else label, text) for label, text in read_messages(paths.MESSAGES)]
    three_labels.messages(renamed)
    table = paths.HELD_OUT.read_text("utf-8")
    paths.HELD_OUT.write_text(table.replace("ham", "unsure", 1), "utf-8")
    promising(three_labels, 0.9)
    assert "expected no label 'unsure' beside evaluate.promise" in three_labels.failure(evaluate.main)


# The comparison


def test_the_comparison_counts_answers_wrong_ones_and_texts_out_of_scope() -> None:
    held_out = np.column_stack([np.linspace(0.9, 1, 400), np.linspace(0.1, 0, 400)])
    todo = Task([], np.zeros(400, np.int16), np.arange(400), [], ["a", "b"], None)
    test = np.array([[0.95, 0.05], [0.99, 0.01], [0.6, 0.4], [0.93, 0.07], [0.5, 0.5]])
    found = of_promises.measured("x", "0-0", todo, Learnt(np.arange(400), held_out, test, 0.0), np.array([0, 1, 0]))
    for row in found:
        assert row.labels == (1 if row.each_label else 2), "no held-out row was answered with the second one"
        assert (row.texts, row.answered, row.wrong, row.out_of_scope, row.out_of_scope_answered) == (3, 2, 1, 2, 1)
    header, *lines = read_table(PROMISES)
    assert tuple(header) == of_promises.Row._fields
    splits = {(name, split) for name, found in of_promises.CORPUS_SPLITS.items() for split in found}
    assert {tuple(line[:2]) for line in lines} == splits
    assert len(lines) == len(splits) * len(of_promises.PROMISED) * 2
