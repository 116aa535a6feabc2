"""The work of clean, vectorize and split as one would write it with pandas and scikit-learn, all in memory.

It finds no templates that nearly coincide, only equal ones, and its tokens are counts, without their order.

Run     python -m bench.peers {pandas,counts} CORPUS FOLDER
"""

import csv
import sys
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GroupShuffleSplit

# As textrnn.tokenizers has it, but for runs of one mark: scikit-learn takes no pattern that refers to its groups.
RICH = r"(?i:https?://|www\.)\S+|[:;=8][-o']?[()\[\]dDpP/\\|*](?!\w)|\d+|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[^\w\s]+|_+"


def by_pandas(corpus: Path, folder: Path) -> None:
    """Read, drop duplicates, count tokens, and split by templates."""
    import pandas as pd  # noqa: PLC0415  # only this needs it

    table = pd.read_csv(corpus, sep="\t", header=None, names=["label", "text"], dtype=str, quoting=csv.QUOTE_NONE,
                        keep_default_na=False, encoding="utf-8")  # fmt: skip
    table = table[(table.label.str.strip() != "") & (table.text.str.strip() != "")].drop_duplicates("text")
    table.to_csv(folder / "messages.tsv", sep="\t", header=False, index=False, quoting=csv.QUOTE_NONE)
    vectorizer = CountVectorizer(token_pattern=RICH, lowercase=False, dtype=np.int32)
    sparse.save_npz(folder / "counts.npz", vectorizer.fit_transform(table.text), compressed=False)
    (folder / "vocabulary.tsv").write_text("\n".join(vectorizer.get_feature_names_out()), "utf-8")
    template = table.text.str.casefold().str.replace(r"(?:https?://|www\.)\S+", " link ", regex=True)
    template = template.str.replace(r"\d+(?:[.,:/-]\d+)*", "0", regex=True)
    template = template.str.replace(r"[\W_]+", " ", regex=True).str.strip()
    groups = pd.factorize(template)[0]
    rest, test = next(GroupShuffleSplit(1, test_size=0.2, random_state=0).split(table, groups=groups))
    inner = GroupShuffleSplit(1, test_size=0.125, random_state=0).split(rest, groups=groups[rest])
    train, validation = next(inner)
    for name, rows in {"train": rest[train], "validation": rest[validation], "test": test}.items():
        np.save(folder / f"{name}.npy", rows)


def counts(corpus: Path, folder: Path) -> None:
    """Count words with CountVectorizer as it comes."""
    texts = [line.partition("\t")[2] for line in corpus.read_text("utf-8").split("\n")]
    sparse.save_npz(folder / "counts.npz", CountVectorizer().fit_transform(texts), compressed=False)


def main() -> None:
    """Do what was asked for."""
    what, corpus, folder = sys.argv[1:]
    {"pandas": by_pandas, "counts": counts}[what](Path(corpus), Path(folder))


if __name__ == "__main__":
    main()
