"""clean: every row of the corpus is parsed, validated and normalised, or rejected with a reason.

Reads   data/raw/{corpus,test}; section `clean`, the columns of section `split`, the names of the sources and
        evaluate.positive_label of params.yaml
Writes  data/clean/messages.tsv (label, tab, text), data/clean/columns/{part,group,time}.npy,
        data/clean/origins/ (the file and line of each message), data/clean/{rejected,contradictions}.tsv (with a
        header), metrics/clean.json
Run     python -m stages.clean
"""

if __spec__ is None:
    raise SystemExit("error: stages/clean.py is part of a package: run `python -m stages.clean`")

import sys
from itertools import chain

from textrnn.artifacts.messages import positive_label
from textrnn.artifacts.settings import Positive
from textrnn.cleaning.batch import Clean
from textrnn.cleaning.tally import Tally, clean
from textrnn.core import params, paths
from textrnn.core.errors import UserError, note, run
from textrnn.core.files import write_metrics
from textrnn.corpus import file_list, labels, readers
from textrnn.corpus.readers import Seen
from textrnn.corpus.settings import Parts, Source, TestSource, reading_of
from textrnn.corpus.sources import short_names


def check(tally: Tally, limit: float) -> None:
    """Tell of the rows rejected. Raise UserError if they are more than a share of `limit`, or if there is no row."""
    if not tally.rows:
        raise UserError("expected a row or more in data/raw/corpus, found none: check download.source")
    if tally.rejected / tally.rows > limit:  # 0.29 * 100 is less than 29, and 29 / 100 is 0.29
        raise UserError(
            f"expected at most {limit:.2%} of the rows to be rejected, found {tally.rejected} of {tally.rows}. The "
            f"first is {tally.first}. Mend them (data/clean/rejected.tsv lists all), set clean.format and the columns "
            "as the file has them, or raise clean.max_rejected_share"
        )
    if tally.rejected:
        counted = f"{tally.rejected:,} of {tally.rows:,} rows {'is' if tally.rejected == 1 else 'are'} rejected"
        note(f"{counted}. The first is {tally.first} (data/clean/rejected.tsv lists all)")


def main() -> None:
    """Run the stage."""
    chosen, positive = params.load("clean", Clean), params.load("evaluate", Positive, part=True)
    reading = reading_of(chosen, params.load("split", Parts, part=True))
    source = params.load("download", Source, part=True).source
    test = params.load("split", TestSource, part=True).test_source
    name, other = short_names([source, test or source])
    seen: list[Seen] = []
    corpus = readers.for_workers(paths.CORPUS, reading, name, seen.append)
    if paths.TEST_CORPUS.exists():
        corpus = chain(corpus, readers.test_batches(paths.TEST_CORPUS, reading, other, seen.append))
    size = sum(file_list.size(path) for path in (paths.CORPUS, paths.TEST_CORPUS) if path.exists())
    with clean(corpus, chosen, paths.MESSAGES.parent, size) as tally:
        check(tally, chosen.max_rejected_share)
        for one in [*chain.from_iterable(one.notes for one in seen), *labels.notes(tally.labels)]:
            note(one)
        label = positive_label(tally.labels, positive.positive_label)
        if label and positive.positive_label is None:
            note(f"the positive label is {label!r}, the rarer one of two: evaluate.positive_label may name the other")
    kept = tally.labels.total()
    counts = {"rows": tally.rows, "kept": kept, "duplicates": tally.duplicates, "rejected": tally.rejected}
    more = {"contradictions": tally.contradictions, "encoding": seen[0].encoding.name}
    share = {"positive_share": tally.labels[label] / kept} if label else {}
    write_metrics(paths.METRICS / "clean.json", counts | share | more)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
