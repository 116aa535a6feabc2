"""The corpora of the comparison: where their files are, how they are read, and whether the default was tuned on them.

None of them is in Git. A file comes from its address, or from the cache that the stage `download` uses; its checksum
says that it is the right one.
"""

import io
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.download import own_corpus
from textrnn.artifacts.messages import SIDES, read_messages
from textrnn.cleaning.batch import Clean
from textrnn.cleaning.tally import clean
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.corpus import cache, readers
from textrnn.corpus import settings as reading

GITHUB = "https://raw.githubusercontent.com/"
CONNECT_TIMEOUT = 10.0  # seconds
OUT_OF_SCOPE = "oos"  # clinc150's label of requests that are none of its intents

Files = tuple[tuple[str, str], ...]  # the address and the SHA-256 of each


class Corpus(NamedTuple):
    """A labelled corpus. It is read as params.yaml says, but for its columns."""

    title: str
    labels: int
    licence: str
    tuned: bool  # whether settings of the default were chosen by its scores
    files: Files
    label: str | int = 0
    text: str | int = 1
    part: str | None = None
    test: Files = ()  # the official test part, where it is a file of its own
    converted: Callable[[list[bytes]], bytes] = b"".join  # the files, as one that textrnn/corpus reads

    @property
    def official(self) -> bool:
        """Whether its makers chose a test part."""
        return bool(self.test or self.part)


def lines_by_label(labels: tuple[str, ...], contents: list[bytes]) -> bytes:
    """Return TSV of files that hold a text a line, each of one label."""
    return b"".join(
        f"{label}\t{' '.join(line.split())}\n".encode()
        for label, content in zip(labels, contents, strict=True)
        for line in content.decode("utf-8").split("\n")
        if line.strip()
    )


def lines_in_zip(members: dict[str, str], contents: list[bytes]) -> bytes:
    """Return TSV of a zip whose members hold a text a line; `members` has their names by label."""
    with zipfile.ZipFile(io.BytesIO(contents[0])) as archive:
        return lines_by_label(tuple(members), [archive.read(name) for name in members.values()])


def folders_in_zip(contents: list[bytes]) -> bytes:
    """Return TSV of a zip with a folder a label and a file a text."""
    with zipfile.ZipFile(io.BytesIO(contents[0])) as archive:
        names = sorted(name for name in archive.namelist() if name.count("/") > 1 and not name.endswith("/"))
        texts = [" ".join(archive.read(name).decode("utf-8").split()) for name in names]
    return "".join(f"{name.split('/')[-2]}\t{text}\n" for name, text in zip(names, texts, strict=True)).encode()


BANKING = f"{GITHUB}PolyAI-LDN/task-specific-datasets/57ec275d8078af65b7731c2a98be812d844a6d6b/banking_data/"
THAI = f"{GITHUB}PyThaiNLP/wisesight-sentiment/c1d063649abc3a6870b5fd1aae26cd1c64bdde7b/"
NLTK = f"{GITHUB}nltk/nltk_data/5db857e6f7df11eabb5e5665836db9ec8df07e28/packages/corpora/"

CORPORA = {  # the SMS Spam Collection has no files here: the stage `download` writes it
    "sms": Corpus("text messages", 2, "CC BY 4.0", True, ()),
    "banking77": Corpus(
        "bank customers' questions", 77, "CC BY 4.0", True,
        ((f"{BANKING}train.csv", "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b"),),
        "category", "text",
        test=((f"{BANKING}test.csv", "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d"),),
    ),
    "clinc150": Corpus(
        "requests to an assistant", 150, "CC BY 3.0", True,
        ((f"{GITHUB}clinc/oos-eval/828f8093932c8fe6ca7936c3d2e52903b1c523de/data/data_full.json",
          "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0"),),
        "1", "0", "part",
    ),
    "hate-speech": Corpus(
        "English tweets, foul or not", 3, "MIT", True,
        ((f"{GITHUB}t-davidson/hate-speech-and-offensive-language/cb50f7e9eb855a99abc51423bf40df0e26d6fe30/data/"
          "labeled_data.csv", "fcb8bc7c68120ae4af04a5b9acd58585513ede11e1548ebf36a5c2040b6f6281"),),
        "class", "tweet",
    ),
    "thai": Corpus(
        "Thai posts, sentiment", 4, "CC0 1.0", True,
        ((f"{THAI}neg.txt", "a58220b2221cc51e2072e676329b6a2249046ccc2e5692e53636430eaee82690"),
         (f"{THAI}neu.txt", "afe5cb9b3d09cff1ae482826e1aeebba402c602f451dc7d5198a725c1bcd44e3"),
         (f"{THAI}pos.txt", "a118567bfbf9e1aae0fcd621235a4b27319945746907c790cc6957aacab6a0a1"),
         (f"{THAI}q.txt", "446b7f2df273f4ab2037ad31e2576d8c0be6858b2ade9477d90a8fd8e0bb9f8a")),
        converted=partial(lines_by_label, ("negative", "neutral", "positive", "question")),
    ),
    "medical": Corpus(
        "medical abstracts, subject", 5, "CC BY-SA 3.0", True,
        ((f"{GITHUB}sebischair/Medical-Abstracts-TC-Corpus/70a2d9106c724729be8b3c4ddb00d1b14ec300c8/"
          "medical_tc_test.csv", "1eecea73c9ecad292c55e10403bd139fab9580545d6878482997c5564d51ac05"),),
        "condition_label", "medical_abstract",
    ),
    "film": Corpus(
        "sentences of film reviews", 2, "CC BY 4.0", False,
        ((f"{NLTK}sentence_polarity.zip", "6e1ed4405b65c7eabf1d199a7f7c437091ac21da0ea7467b410a74062574566b"),),
        converted=partial(lines_in_zip, {
            "negative": "sentence_polarity/rt-polarity.neg", "positive": "sentence_polarity/rt-polarity.pos",
        }),
    ),
    "reviews": Corpus(
        "whole film reviews", 2, "CC BY 4.0", False,
        ((f"{NLTK}movie_reviews.zip", "a41211ae685019137410268134db6a1a14428c89b671eb83056151a878539008"),),
        converted=folders_in_zip,
    ),
    "chinese": Corpus(
        "Chinese posts, offensive or not", 2, "Apache 2.0", False,
        ((f"{GITHUB}thu-coai/COLDataset/a0c55a945497ab58e94aef491180e1cf88ffb864/COLDataset/test.csv",
          "b06d31481f0d558b6dc8140408938abe8dba8083cd9976b4ba8f5c837fbe78ed"),),
        "label", "TEXT",
    ),
    "arabic": Corpus(
        "Arabic tweets, sentiment", 3, "MIT", False,
        ((f"{GITHUB}iabufarha/ArSarcasm/62a114b6082e8ef652203605078de4bb16630380/dataset/ArSarcasm_train.csv",
          "6705a3d11572a6f20d41e32a38abee1462c38aa93eec7d9996db8545a3da5364"),),
        "sentiment", "tweet",
    ),
}  # fmt: skip


def fetched(files: Files) -> list[bytes]:
    """Return the files, from the cache or their addresses. Raises UserError if one can be had from neither."""
    contents = []
    for address, checksum in files:
        file = io.BytesIO(cache.read(checksum) or b"")
        if not file.getvalue():
            try:
                own_corpus("compare/corpora.py", address, checksum, CONNECT_TIMEOUT, file)
            except UserError as error:
                raise UserError(f"{error}. Check the network, or put the file at {cache.path(checksum)}") from None
            cache.keep(file, checksum)
        contents.append(file.getvalue())
    return contents


def messages(corpus: Corpus, settings: Clean) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the (label, text) pairs of a corpus and those of its official test part, which may be empty.

    Of rows with the same text, the first is kept, but the official part stays as it is. Raises UserError if a file
    cannot be had or read.
    """
    chosen = settings.model_copy(
        update={"label_column": corpus.label, "text_column": corpus.text, "duplicates": "keep"}
    )
    wanted = reading.reading_of(chosen, reading.Parts(column=corpus.part, group_column=None, time_column=None))
    with tempfile.TemporaryDirectory() as directory:
        train, test = Path(directory, "train"), Path(directory, "test")
        test.write_bytes(b"".join(fetched(corpus.test)) or b"\n")
        if corpus.files:
            train.write_bytes(corpus.converted(fetched(corpus.files)))
        batches = readers.batches(train if corpus.files else paths.CORPUS, wanted, corpus.title, lambda _: None)
        tests = readers.test_batches(test, wanted, f"{corpus.title}, test", lambda _: None)
        kept = Path(directory, "kept")
        with clean(chain(batches, tests), chosen, kept) as tally:
            if tally.rejected > chosen.max_rejected_share * tally.rows:
                few = f"{tally.rejected:,} of {tally.rows:,} rows cannot be read: {tally.first}"
                raise UserError(f"{corpus.title}: {few}")
        pairs = read_messages(kept / "messages.tsv")
        parts = np.load(kept / "columns/part.npy").tolist() or [-1] * len(pairs)
    first, tested = dict[str, str](), list[tuple[str, str]]()
    for (label, text), part in zip(pairs, parts, strict=True):
        if label != OUT_OF_SCOPE and part == SIDES.index("test"):
            tested.append((label, text))
        elif label != OUT_OF_SCOPE:
            first.setdefault(text, label)
    if len(set(first.values())) != corpus.labels:
        raise UserError(f"{corpus.title}: expected {corpus.labels} labels, found {len(set(first.values()))}")
    return [(label, text) for text, label in first.items()], tested
