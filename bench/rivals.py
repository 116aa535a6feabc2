"""Answer a file as scikit-learn's SVM or fastText do, which bench/beside.py fitted: a label and a score a line.

As predict.py does, scikit-learn answers a long file by a process for each processor; fastText, which needs an eighth of
the time, by one.

Run     python -m bench.rivals MODEL FILE
"""

import pickle
import sys
from collections.abc import Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

LINES = 2_000  # of a list that a process answers: scikit-learn is as quick with more
LONG = 1 << 17  # bytes of a file that several processes answer


@cache
def unpickled(file: Path) -> Any:
    """Return what `fit` has written."""
    return pickle.loads(file.read_bytes())  # noqa: S301


def of_scikit_learn(file: Path, lines: list[str]) -> str:
    """Return the answers of the SVM in this file to the lines."""
    fitted = unpickled(file)
    decisions = fitted.decision_function(lines)
    labels = fitted.classes_[(decisions > 0).astype(int)]
    return "".join(f"{label}\t{score:.6f}\n" for label, score in zip(labels, decisions, strict=True))


def of_fasttext(file: Path, lines: list[str]) -> str:
    """Return the answers of fastText."""
    import fasttext  # noqa: PLC0415

    model = fasttext.load_model(str(file))
    found = (model.f.predict(f"{line}\n", 1, 0.0, "strict")[0] for line in lines)  # its wrapper fails with NumPy 2
    return "".join(f"{label}\t{score:.6f}\n" for score, label in found)


def main(model: Path, file: Path) -> None:
    """Write the answers of this model to the lines of the file."""
    from textrnn.core import process_pool  # noqa: PLC0415  # one message needs none

    several = model.name == "scikit-learn" and file.stat().st_size > LONG
    answers = of_scikit_learn if model.name == "scikit-learn" else of_fasttext
    with file.open(encoding="utf-8") as source:
        lines = (line.rstrip("\n") for line in source)
        lists: Iterator[list[str]] = iter(lambda: list(islice(lines, LINES if several else sys.maxsize)), [])
        for some in (process_pool.mapped if several else map)(partial(answers, model), lists):
            sys.stdout.write(some)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
