"""The numbers of README.md and of pages in docs/, written from the committed metrics: none is typed by hand.

Reads   metrics/*.json, plots/scores.tsv, compare/*.json, presets/networks.json
Writes  README.md, docs/{comparison,origin}.md
Run     python -m tools.readme   (after `dvc repro`, `dvc --cd compare repro`, compare.check or presets.networks)
"""

import sys
from collections.abc import Callable
from typing import Any

from scipy import stats

from compare.code import RECORD
from compare.corpora import CORPORA
from compare.picture import PANELS, starred
from compare.protocols import CEILING, CORPUS_TABLE, NAMES, OFFICIAL, PARTS, PROMISES, PROTOCOLS, STRANGE, TABLE
from compare.score import committed
from presets.networks import NETWORKS, RESULTS, TUTORIAL
from textrnn.core import paths
from textrnn.core.errors import run
from textrnn.core.files import read_json, read_table, read_text, write_text
from tools.markdown import table, written

# In the picture "the same" stands below the name that it repeats; in a sentence it would not.
ALONE = NAMES | {
    "svm_cut": "linear SVM, threshold tuned",
    "tutorial_masked": "the tutorial's RNN, padding masked",
}

SHORT = {  # names of the models in the tables of corpora
    "naive_bayes": "naive Bayes", "logistic": "logistic", "svm_1": "SVM, C 1", "svm": "SVM, C 10",
    "svm_cut": "SVM, tuned", "fasttext": "fastText", "linear_branch": "no networks", "no_linear": "no branch",
    "encoder": "with minilm", "default": "default",
}  # fmt: skip

LEVEL = 0.05  # of a test
SCORES = paths.PLOTS / "scores.tsv"
PAGES = [paths.ROOT / name for name in ("README.md", "docs/comparison.md", "docs/origin.md")]


def decimal(value: float) -> str:
    """Return a score with three digits."""
    return f"{value:.3f}"


def percent(share: float, digits: int = 1) -> str:
    """Return a share in per cent."""
    return f"{share:.{digits}%}".replace("%", " %")


def spread(scores: dict[str, float], shown: Callable[[float], str] = decimal) -> str:
    """Return a mean over the splits of the comparison, and its standard deviation."""
    return f"{shown(scores['mean'])} ± {shown(scores['sd'])}"


def metrics(name: str) -> dict[str, Any]:
    """Return the committed metrics of a stage."""
    values: dict[str, Any] = read_json(paths.METRICS / f"{name}.json")
    return values


def results() -> str:
    """Return the scores of the default: over ten splits of the comparison, then on the split that is committed."""
    split, found = metrics("split"), read_json(TABLE)["templates"]
    scores = {name: [float(value) for value in values if value] for name, *values in read_table(SCORES)[1:]}
    models, rows = found["models"], []
    titles: list[tuple[str, str, Callable[[float], str]]] = [
        ("mcc", "Matthews correlation", decimal),
        ("average_precision", "average precision", decimal),
        ("accuracy", "accuracy", percent),
        ("recall", "recall (spam found)", percent),
        ("false_positive_rate", "false positive rate (false alarms)", percent),
    ]
    for name, title, shown in titles:
        value, low, high = map(shown, scores[name][:3])
        committed = f"{value} ({low} … {high})"
        rows.append([title, spread(models["default"][name], shown), committed, shown(models["majority"][name]["mean"])])
    rows.append(["expected calibration error", "", decimal(scores["calibration_error"][0]), ""])
    near = split["test_twins"] or "none"
    text = (
        "The ten splits are five folds, dealt twice, with near-duplicates always in one fold; the table has their mean "
        "and standard deviation. Without its networks the model has a Matthews correlation of "
        f"{spread(models['linear_branch']['mcc'])} there, and the best linear baseline "
        f"({ALONE[found['strongest_linear']]}) has {spread(models[found['strongest_linear']]['mcc'])}. The committed "
        f"split has {split['test']:,} test rows, and {near} of them have a near-duplicate among the "
        f"{split['train'] + split['validation']:,} training rows. Brackets are 95 % intervals over the choice of test "
        "rows."
    )
    header = ["", "ten splits", "the committed split", "answering ham always"]
    return f"{table(header, rows, numbers=True)}\n\n{text}"


def tutorial() -> str:
    """Return what the tutorial's accuracy is worth."""
    row = read_json(RESULTS)[TUTORIAL]
    ham, right, recall = map(percent, (1 - row["positive_share"], row["test_accuracy"], row["recall"]))
    return (
        f"After {row['epochs']} epochs it reaches {right} accuracy on {row['test_rows']:,} test rows. Of all rows "
        f"{ham} are ham, so a program that always answers ham is right about as often. The network catches {recall} of "
        f"the spam. Its Matthews correlation is {row['mcc']:.2f}, where 0 is guessing and 1 is perfect. So accuracy "
        "alone says little, and this project reports more."
    )


def networks() -> str:
    """Return a row for each network of the tutorial."""
    found = read_json(RESULTS)
    rows = []
    for name, overrides in NETWORKS.items():
        row, line = found[name], " ".join(f"-S {override}" for override in overrides)
        shown = [f"{row['parameters']:,}", percent(row["test_accuracy"]), f"{row['mcc']:.2f}", percent(row["recall"])]
        rows.append([name, f"`{line}`" if line else "", *shown])
    return table(["network", "options", "parameters", "test accuracy", "MCC", "recall"], rows, numbers=True)


def comparison() -> str:
    """Return a row for each model of the comparison, under both protocols."""
    found = read_json(TABLE)
    header = ["model"]
    header += [name for protocol in PANELS for name in (f"MCC, {PROTOCOLS[protocol]}", "average precision")]
    rows = []
    for model in [model for model in ALONE if model in found["templates"]["models"]]:
        row = [ALONE[model]]
        for protocol in PANELS:
            scores = found[protocol]["models"][model]
            row += [decimal(scores[name]["mean"]) for name in ("mcc", "average_precision")]
        rows.append(row)
    return table(header, rows, numbers=True)


def verdict() -> str:
    """Return how the default compares with the best linear baseline, and how far both are from the ceiling."""
    lines = []
    for protocol in PANELS:
        found, ceiling = read_json(TABLE)[protocol], read_json(CEILING)[protocol]
        parts = []
        for name, words in {"mcc": "Matthews correlation", "average_precision": "average precision"}.items():
            scores = found["default"][name]
            word = "better" if scores["low"] > 0 else "worse" if scores["high"] < 0 else "not significant"
            parts.append(f"{words} {scores['difference']:+.4f} ({scores['low']:+.4f} … {scores['high']:+.4f}), {word}")
        lines.append(
            f"- **{PROTOCOLS[protocol].capitalize()}.** Against the best linear baseline "
            f"({ALONE[found['strongest_linear']]}): {'; '.join(parts)}. Every good model gets {ceiling['rows']} of "
            f"{ceiling['of']:,} rows ({ceiling['spam']} spam) wrong; who missed only those would have "
            f"{decimal(ceiling['mcc'])}."
        )
    return "\n".join(lines)


def leaks() -> str:
    """Return what near-duplicates of test rows among the training rows are worth to the strongest models."""
    found = read_json(TABLE)
    linear = found["templates"]["strongest_linear"]
    means = {
        protocol: [decimal(found[protocol]["models"][model]["mcc"]["mean"]) for model in ("default", linear)]
        for protocol in PROTOCOLS
    }
    (default, other), (default_apart, other_apart) = means["naive"], means["templates"]
    return (
        "Most published results on this corpus leave near-duplicates of test rows in the training rows. So dealt, the "
        f"default has {default} instead of {default_apart}, and the best linear baseline {other} instead of "
        f"{other_apart}."
    )


def by_corpus() -> dict[str, Any]:
    """Return what the cells say of each corpus, in the order of the comparison."""
    found = read_json(CORPUS_TABLE)
    return {corpus: found[corpus] for corpus in CORPORA if corpus in found}


def corpora() -> str:
    """Return a row for each corpus: every model, and the default against the best baseline, which is in bold."""
    models = [model for model in SHORT if any(model in found["models"] for found in by_corpus().values())]
    rows, outcomes = [], []
    for corpus, found in by_corpus().items():
        scores = {model: decimal(of_model["mcc"]) for model, of_model in found["models"].items()}
        scores[found["strongest"]] = f"**{scores[found['strongest']]}**"
        about = CORPORA[corpus]
        row = [f"{starred(corpus)}: {about.title}", str(about.labels), *(scores.get(model, "") for model in models), ""]
        if "default" in found:
            mcc = found["default"]["mcc"]
            row[-1] = f"{mcc['difference']:+.3f} ± {mcc['standard_error']:.3f}"
            outcomes.append((mcc["difference"], mcc["standard_error"]))
        rows.append(row)
    above, below = sum(one > 2 * error for one, error in outcomes), sum(one < -error for one, error in outcomes)
    text = (
        f"The default is more than two standard errors above the best baseline on {above} of {len(outcomes)} corpora, "
        f"and more than one below it on {below}."
    )
    header = ["corpus", "labels", *(SHORT[model] for model in models), "difference"]
    return f"{table(header, rows, numbers=True)}\n\n{text}"


def official() -> str:
    """Return the scores on the test parts that the makers of a corpus chose."""
    found = {corpus: scores[OFFICIAL] for corpus, scores in by_corpus().items() if scores[OFFICIAL]}
    models = [model for model in SHORT if any(model in of_corpus for of_corpus in found.values())]
    rows = []
    for corpus, of_corpus in found.items():
        for key, title in {"accuracy": "accuracy", "loss": "log loss"}.items():
            scores = [of_corpus.get(model, {}) for model in models]
            values = [decimal(of_model[key]) if key in of_model else "" for of_model in scores]
            rows.append([f"{corpus}: {title}", *values])
    return table(["test part", *(SHORT[model] for model in models)], rows, numbers=True)


def parts() -> str:
    """Return what the default loses on each corpus without one of its parts."""
    found = {corpus: scores["parts"] for corpus, scores in by_corpus().items() if scores.get("parts")}
    rows = [
        [part, *(f"{scores[name]['difference']:+.3f}" if name in scores else "" for scores in found.values())]
        for name, part in PARTS.items()
    ]
    return (
        f"{table(['part', *found], rows, numbers=True)}\n\nMean differences of 2 splits, on {len(found)} corpora: "
        "between 0.01 and -0.01 they say little."
    )


def promises() -> str:
    """Return for each corpus and promise which share of the test texts is answered, and which of the answers wrong."""
    header, *lines = read_table(PROMISES)
    found = [dict(zip(header, line, strict=True)) for line in lines if line[0] != STRANGE]
    promised = sorted({row["promise"] for row in found}, key=float)
    rows = []
    for corpus in sorted({row["corpus"] for row in found}):
        of_corpus = [row for row in found if (row["corpus"], row["each_label"]) == (corpus, "False")]
        rows.append([corpus, *(outcome([row for row in of_corpus if row["promise"] == one]) for one in promised)])
    return f"{table(['corpus', *promised], rows, numbers=True)}\n\n{broken(found)}"


def outcome(splits: list[dict[str, str]]) -> str:
    """Return which share of the texts is answered, and which share of these answers is wrong."""
    texts, answered, wrong = (sum(int(row[name]) for row in splits) for name in ("texts", "answered", "wrong"))
    return f"{percent(answered / texts)}, {percent(wrong / answered)} wrong" if answered else "none"


def broken(found: list[dict[str, str]]) -> str:
    """Return a sentence on how often more of the answers to a test part were wrong than the promise allows."""
    made = [row for row in found if int(row["answered"]) and row["each_label"] == "False"]
    counts = [(int(row["wrong"]), int(row["answered"]), 1 - float(row["promise"])) for row in made]
    above = sum(wrong > share * answered for wrong, answered, share in counts)
    surely = sum(stats.binom.sf(wrong - 1, answered, share) < LEVEL for wrong, answered, share in counts)
    return (
        f"{len(made)} promises were made, of {len(found) // 2}. In {above} test parts more of the answers were wrong "
        f"than promised, in {surely} of them more than chance explains (one-sided binomial test, 5 %)."
    )


def code() -> str:
    """Return which code gave the numbers of the comparison."""
    names = committed()
    total, cells = len(names), read_json(RECORD)["recomputed"]
    if len(cells) in (0, total):
        return f"All {total:,} cells ran with the code that `compare/code.json` names."
    return (
        f"{len(cells):,} of the {total:,} cells ran, or gave the committed scores again, with the code that "
        "`compare/code.json` names. The others ran with an earlier state of it."
    )


BLOCKS: dict[str, Callable[[], str]] = {
    "results": results,
    "corpora": corpora,
    "official": official,
    "parts": parts,
    "comparison": comparison,
    "verdict": verdict,
    "leaks": leaks,
    "promises": promises,
    "code": code,
    "tutorial": tutorial,
    "networks": networks,
}


def main() -> None:
    """Write the pages."""
    for page in PAGES:
        write_text(page, written(read_text(page), BLOCKS))


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
