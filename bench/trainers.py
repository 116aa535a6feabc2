"""The default network trained for an epoch at a time, by textrnn and by its peers, on the same rows.

Each contender is run in a process of its own, which prints the seconds of each epoch after the first. All have the
same network, batches of 64 rows, dropout, clipping and AdamW; a token is a time step that is no padding.

Run     python -m bench.trainers CONTENDER --epochs N   (python -m bench.training runs all of them)
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from textrnn.artifacts.ragged import Rows
from textrnn.core import params, paths, process_pool
from textrnn.model.config import TrainConfig
from textrnn.text import subwords, vocabulary
from textrnn.text.settings import Vectorize
from textrnn.training.batches import Batch, Collator, InputDropout, folds, shuffled
from textrnn.training.learn import known_words, leaving_out
from textrnn.training.loop import Ensemble, Member
from textrnn.training.members import side_by_side

CLASSES = 2


class Task(NamedTuple):
    """What is to be learnt."""

    config: TrainConfig
    vocabulary_size: int
    members: list[Member]
    longest: int  # tokens that are read of a row

    @property
    def tokens(self) -> int:
        """Return the time steps of an epoch of the first member, before any is left out."""
        member = self.members[0]
        return int(member.collator.lengths(member.train).sum())


def default_task() -> Task:
    """Return the default training, as stages/train.py has it, from data/split/."""
    from stages.train import training_set  # noqa: PLC0415  # loads what the peers have no use for

    config, vectorize = params.load("train", TrainConfig), params.load("vectorize", Vectorize)
    training, _, _ = training_set(config)
    tokens = vocabulary.read_tokens(paths.VECTORS / "vocabulary.tsv")
    words, kept = known_words(training.rows, tokens, vectorize.min_word_frequency)
    features = subwords.of_many(tokens, config.subword_buckets)
    collator = Collator(words, features, vectorize.max_sequence_length, config.masking)
    fold = folds(training.groups, training.rows.labels, config.ensemble, config.seed)
    members = [leaving_out(number, fold, training.rows, collator, vectorize) for number in range(config.ensemble)]
    return Task(config, len(kept) + 1, members, vectorize.max_sequence_length)


def batches(task: Task, rows: Rows, epoch: int) -> Iterator[Batch]:
    """Yield the batches of an epoch of the first member, rows of like length together, with dropout."""
    collator, config = task.members[0].collator, task.config
    dropout = InputDropout(config.token_dropout, config.word_dropout, config.subword_dropout)
    random = np.random.default_rng(epoch)
    lengths = collator.lengths(rows)
    for chosen in shuffled(lengths, config.batch_size, (0, epoch)):
        yield collator.batch(rows, chosen, lengths, dropout, random)


def timed(epochs: int, epoch: Callable[[int], object]) -> list[float]:
    """Return the seconds of each epoch after the first, which compiles and warms up."""
    seconds = []
    for number in range(epochs + 1):
        begin = time.perf_counter()
        epoch(number)
        seconds.append(time.perf_counter() - begin)
    return seconds[1:]


def textrnn_alone(task: Task, epochs: int) -> list[float]:
    """Train one member in this process, on one thread."""
    from textrnn.model import runtime  # noqa: PLC0415  # PyTorch's contender does not load TensorFlow
    from textrnn.training.trainer import Trainer  # noqa: PLC0415  # PyTorch's contender does not load TensorFlow

    runtime.one_thread()
    runtime.deterministic(task.config.seed)
    trainer = Trainer(task.config, task.vocabulary_size, CLASSES)
    member = task.members[0]
    return timed(epochs, lambda n: trainer.fit_rows(member.train, member.collator, n + 1, (0, n + 1, 0)))


def textrnn_side_by_side(task: Task, epochs: int) -> list[float]:
    """Train all members in a process for each processor; an epoch's seconds are divided by their number.

    As in stages/train.py, they include the predictions of held-out rows, and states handed to and fro.
    """
    config = task.config.model_copy(update={"epochs": 10_000})
    results = side_by_side(Ensemble(config, task.vocabulary_size, CLASSES, task.members), 0, None)
    seconds = timed(epochs + 1, lambda _: next(results))[1:]  # the first two begin before all are warm
    results.close()
    return [one / len(task.members) for one in seconds]


def keras_fit(task: Task, epochs: int, padded: bool) -> list[float]:
    """Train with Keras' layers and `fit`: on rows padded to one length, or on the same batches as textrnn's."""
    from textrnn.model import network  # noqa: PLC0415
    from textrnn.model.runtime import keras, tf  # noqa: PLC0415

    for setting in (
        tf.config.threading.set_intra_op_parallelism_threads,
        tf.config.threading.set_inter_op_parallelism_threads,
    ):
        setting(process_pool.processors())
    keras.utils.set_random_seed(0)
    config, rows = task.config, task.members[0].train

    class Plain(network.Network):
        """The same network of Keras' own recurrent layers."""

        def read(self, layer: Any, values: Any, mask: Any) -> Any:
            return layer(values, mask=mask)

    class Epoch(keras.utils.PyDataset):  # type: ignore[misc]
        """The batches of an epoch, made beforehand: no peer waits for NumPy."""

        def __init__(self, made: list[Batch]) -> None:
            super().__init__()
            # From the first two batches fit learns which dimensions vary: the shortest rows and the longest ones.
            made.sort(key=lambda batch: batch["words"].shape[1])
            made.insert(0, made.pop())
            self.made = [self.widened(batch) for batch in made]

        def widened(self, batch: Batch) -> dict[str, Any]:
            """Return it with as many subwords as any token has, since fit wants one shape, and padded if asked."""
            subwords = task.members[0].collator.subwords
            assert subwords is not None
            widths = {"subwords": int(np.diff(subwords.offsets).max())} | (
                dict.fromkeys(("words", "places"), task.longest) if padded else {}
            )
            wide = {
                name: np.pad(batch[name], ((0, 0), (0, width - batch[name].shape[1]))) for name, width in widths.items()
            }
            return {**batch, **wide}

        def __len__(self) -> int:
            return len(self.made)

        def __getitem__(self, place: int) -> tuple[dict[str, Any], Any]:
            batch = {name: array for name, array in self.made[place].items() if name != "labels"}
            return batch, self.made[place]["labels"]

    model = Plain(config, task.vocabulary_size, CLASSES)
    model.compile(
        keras.optimizers.AdamW(config.learning_rate, global_clipnorm=config.clip_norm),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    made = [Epoch(list(batches(task, rows, number))) for number in range(epochs + 1)]
    return timed(epochs, lambda number: model.fit(made[number], verbose=0, shuffle=False))


def pytorch(task: Task, epochs: int, threads: int) -> list[float]:
    """Train with PyTorch, on packed sequences and the same batches."""
    import torch  # type: ignore[import-not-found]  # noqa: PLC0415  # of bench/requirements.txt
    from torch import nn  # noqa: PLC0415
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # type: ignore[import-not-found]  # noqa: PLC0415

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    config, rows = task.config, task.members[0].train
    words = nn.Embedding(task.vocabulary_size, config.embedding_size)
    parts = nn.Embedding(config.subword_buckets + 1, config.embedding_size)
    gru = nn.GRU(config.embedding_size, config.units, batch_first=True, bidirectional=True)
    dropout, output = nn.Dropout(config.dropout), nn.Linear(4 * config.units, CLASSES)
    network = nn.ModuleList([words, parts, gru, output])
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, eps=1e-7, weight_decay=0.004)

    def step(batch: dict[str, Any]) -> None:
        present = (batch["subwords"] > 0).float()
        count = present.sum(-1, keepdim=True).clamp(min=1)
        features = (parts(batch["subwords"]) * present[..., None]).sum(-2) / count.sqrt()
        values = words(batch["words"]) + features[batch["places"]]
        values = nn.functional.dropout1d(values.transpose(1, 2), config.embedding_dropout).transpose(1, 2)
        packed = pack_padded_sequence(values, batch["lengths"], batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(gru(packed)[0], batch_first=True)
        mask = (torch.arange(states.shape[1]) < batch["lengths"][:, None])[..., None]
        pooled = [(states * mask).sum(1) / mask.sum(1), states.masked_fill(~mask, -torch.inf).amax(1)]
        loss = nn.functional.cross_entropy(output(dropout(torch.cat(pooled, -1))), batch["labels"])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        optimizer.step()

    def epoch(number: int) -> None:
        for batch in batches(task, rows, number):
            step({name: torch.from_numpy(np.asarray(array, np.int64)) for name, array in batch.items()})

    return timed(epochs, epoch)


CONTENDERS: dict[str, Callable[[Task, int], list[float]]] = {
    "textrnn": textrnn_side_by_side,
    "textrnn, one thread": textrnn_alone,
    "PyTorch": lambda task, epochs: pytorch(task, epochs, process_pool.processors()),
    "PyTorch, one thread": lambda task, epochs: pytorch(task, epochs, 1),
    "Keras fit, same batches": lambda task, epochs: keras_fit(task, epochs, padded=False),
    "Keras fit, padded": lambda task, epochs: keras_fit(task, epochs, padded=True),
}


def main() -> None:
    """Run one contender, and print its figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.trainers", description=__doc__.splitlines()[0])
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("--epochs", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    task = default_task()
    print(json.dumps({"tokens": task.tokens, "seconds": CONTENDERS[options.contender](task, options.epochs)}))


if __name__ == "__main__":
    main()
