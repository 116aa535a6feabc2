"""The work of clean, vectorize and split, written with pandas and scikit-learn.

`same` does all that the stages do. It finds near-duplicates by a sparse matrix product, as is usual with scikit-learn;
the cost grows with the square of the number of messages. `less` leaves near-duplicates out and keeps only equal
templates together. `counts` is scikit-learn's bag of words alone.

Run     python -m bench.peers {same,less,counts} CORPUS FOLDER
"""

import csv
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GroupShuffleSplit

from textrnn.dedup.word_sets import NEAR

# As in textrnn/text/vocabulary.py, but for runs of one mark: those need a group, which findall alone would return.
RICH = r"(?i:https?://|www\.)\S+|[:;=8][-o']?[()\[\]dDpP/\\|*](?!\w)|\d+|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[^\w\s]+|_+"
CHUNK = 500_000  # rows whose tokens are in memory at a time
BLOCK = 500  # rows of the sparse product at a time


def prepared(corpus: Path, folder: Path, near: bool) -> None:
    """Read, drop duplicates, number the tokens, and split by templates."""
    import pandas as pd  # noqa: PLC0415  # only this needs it

    table = pd.read_csv(corpus, sep="\t", header=None, names=["label", "text"], dtype=str, quoting=csv.QUOTE_NONE,
                        keep_default_na=False, encoding="utf-8")  # fmt: skip
    table = table[(table.label.str.strip() != "") & (table.text.str.strip() != "")].drop_duplicates("text")
    table.to_csv(folder / "messages.tsv", sep="\t", header=False, index=False, quoting=csv.QUOTE_NONE)

    numbers: dict[str, int] = {}
    counts = np.zeros(0, np.int64)
    with (folder / "tokens.bin").open("wb") as tokens, (folder / "lengths.bin").open("wb") as lengths:
        for start in range(0, len(table), CHUNK):
            found = table.text.iloc[start : start + CHUNK].str.findall(RICH)
            lengths.write(found.str.len().to_numpy(np.int32).tobytes())
            codes, names = pd.factorize(found.explode().dropna())
            places = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int32)
            tokens.write(places[codes].tobytes())
            counts = np.pad(counts, (0, len(numbers) - len(counts)))
            counts += np.bincount(places[codes], minlength=len(counts))
    vocabulary = pd.DataFrame({"token": list(numbers), "count": counts})
    vocabulary = vocabulary.sort_values(["count", "token"], ascending=[False, True])
    vocabulary.to_csv(folder / "vocabulary.tsv", sep="\t", header=False, index=False, quoting=csv.QUOTE_NONE)
    ranks = np.argsort(vocabulary.index).astype(np.int32)
    ranks[np.fromfile(folder / "tokens.bin", np.int32)].tofile(folder / "ids.bin")

    template = table.text.str.casefold().str.replace(r"(?:https?://|www\.)\S+", " link ", regex=True)
    template = template.str.replace(r"\d+(?:[.,:/-]\d+)*", "0", regex=True)
    template = template.str.replace(r"[\W_]+", " ", regex=True).str.strip()
    groups, names = pd.factorize(template.where(template != "", table.text))
    if near:
        groups = near_duplicates(list(names))[groups]
    np.save(folder / "groups.npy", groups)
    rest, test = next(GroupShuffleSplit(1, test_size=0.2, random_state=0).split(table, groups=groups))
    inner = GroupShuffleSplit(1, test_size=0.125, random_state=0).split(rest, groups=groups[rest])
    train, validation = next(inner)
    for name, rows in {"train": rest[train], "validation": rest[validation], "test": test}.items():
        np.save(folder / f"{name}.npy", rows)


def near_duplicates(templates: list[str]) -> NDArray[np.int32]:
    """Return a number for each distinct template, the same for near-duplicates."""
    words = CountVectorizer(binary=True, tokenizer=str.split, token_pattern=None, lowercase=False, dtype=np.int32)
    sets = words.fit_transform(templates)
    turned = sets.T.tocsr()
    sizes = np.asarray(sets.sum(axis=1)).ravel()
    ones, others = [], []
    for start in range(0, len(templates), BLOCK):
        common = (sets[start : start + BLOCK] @ turned).tocoo()
        one, other = common.row + start, common.col
        near = 100 * common.data >= NEAR * (sizes[one] + sizes[other] - common.data)
        ones.append(one[near])
        others.append(other[near])
    pairs = np.concatenate(ones), np.concatenate(others)
    graph = sparse.coo_matrix((np.ones(len(pairs[0]), np.int8), pairs), shape=(len(templates),) * 2)
    found: NDArray[np.int32] = sparse.csgraph.connected_components(graph, directed=False)[1]
    return found


def counts(corpus: Path, folder: Path) -> None:
    """Count words with CountVectorizer as it comes."""
    texts = [line.partition("\t")[2] for line in corpus.read_text("utf-8").split("\n")]
    sparse.save_npz(folder / "counts.npz", CountVectorizer().fit_transform(texts), compressed=False)


def main() -> None:
    """Do what was asked for."""
    what, corpus, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if what == "counts":
        counts(corpus, folder)
    else:
        prepared(corpus, folder, near=what == "same")


if __name__ == "__main__":
    main()
