"""The members' epochs, one after another in this process, or side by side in processes of one thread each.

TensorFlow gains little from a second thread in networks of this size, and nothing from two in its sums: an
ensemble has a process for each processor instead. Which process trains a member changes no bit.
"""

import sys
from collections import defaultdict
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, wait
from functools import cache, partial
from itertools import count
from typing import Any

from textrnn.core import process_pool
from textrnn.training import machine
from textrnn.training.checkpoint import Arrays
from textrnn.training.distributed.cluster import ALONE, Cluster
from textrnn.training.loop import Ensemble, EpochResult

Epochs = Generator[list[EpochResult], None, None]


def one_by_one(ensemble: Ensemble, done: int, states: list[Arrays] | None, cluster: Cluster = ALONE) -> Epochs:
    """Yield the members' results of each epoch after the `done` ones, trained in this process, one after another.

    The members begin with their `states`, or (None) with their first weights. The workers of a cluster, which this
    process has joined, train each member together.
    """
    from textrnn.model import runtime  # noqa: PLC0415  # side_by_side must fork before TensorFlow loads
    from textrnn.training.distributed import collective  # noqa: PLC0415
    from textrnn.training.trainer import Trainer  # noqa: PLC0415

    if cluster.chief:
        machine.report(runtime.gpus(), len(cluster.workers))
    runtime.deterministic(ensemble.config.seed)
    if runtime.gpus() > 1 and not cluster.several:
        runtime.tf.distribute.experimental_set_strategy(runtime.tf.distribute.MirroredStrategy())
    with collective.together(cluster):
        trainer = Trainer(ensemble.config, ensemble.vocabulary_size, ensemble.classes)
        states = states or [trainer.initial_state(number) for number in range(len(ensemble.members))]
        for epoch in count(done + 1):
            numbered = enumerate(zip(ensemble.members, states, strict=True))
            results = [trainer.train_epoch(member, number, epoch, state) for number, (member, state) in numbered]
            states = [result.state for result in results]
            yield results


def side_by_side(ensemble: Ensemble, done: int, states: list[Arrays] | None) -> Epochs:
    """Yield what `one_by_one` does, from a process for each processor.

    A member begins its next epoch before the others have ended theirs, so no processor waits.
    """
    # Forked processes share the rows in memory; but a fork breaks threads such as TensorFlow's.
    forks = sys.platform == "linux" and "tensorflow" not in sys.modules
    numbers, prepare = range(len(ensemble.members)), partial(_keep, ensemble)
    processes = min(process_pool.processors(), len(numbers))
    with process_pool.started(processes, "fork" if forks else "spawn", prepare) as submit:
        gpus = submit(_gpus)
        running = {submit(_train_epoch, done + 1, one, states and states[one]): (done + 1, one) for one in numbers}
        machine.report(gpus.result())
        results = defaultdict[int, dict[int, EpochResult]](dict)
        while True:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                epoch, number = running.pop(future)
                result = results[epoch][number] = future.result()
                if epoch < ensemble.config.epochs:
                    running[submit(_train_epoch, epoch + 1, number, result.state)] = epoch + 1, number
            while len(results[done + 1]) == len(numbers):
                done += 1
                yield [results[done][number] for number in numbers]
                del results[done]


_given: list[Ensemble] = []  # in a worker process alone


def _keep(ensemble: Ensemble) -> None:
    _given[:] = [ensemble]


@cache
def _trainer() -> Any:
    """Return the trainer of this worker process."""
    from textrnn.model import runtime  # noqa: PLC0415  # the process that starts the workers has no use for TensorFlow
    from textrnn.training.trainer import Trainer  # noqa: PLC0415

    (ensemble,) = _given
    runtime.one_thread()
    runtime.deterministic(ensemble.config.seed)
    return Trainer(ensemble.config, ensemble.vocabulary_size, ensemble.classes)


def _gpus() -> int:
    from textrnn.model import runtime  # noqa: PLC0415

    _trainer()
    return runtime.gpus()


def _train_epoch(epoch: int, number: int, state: Arrays | None) -> Any:
    trainer, member = _trainer(), _given[0].members[number]
    return trainer.train_epoch(member, number, epoch, state or trainer.initial_state(number))
