"""The members' epochs, one after another in this process, or side by side in processes of one thread each.

TensorFlow gains little from a second thread in networks of this size, and nothing from two in its sums: an
ensemble has a process for each processor instead, or several for each GPU. Which of them trains a member changes no
bit.
"""

import os
from collections import defaultdict
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, wait
from functools import cache, partial
from itertools import count
from multiprocessing import get_context
from typing import Any, Literal

from textrnn.core import process_pool
from textrnn.training import costs, device, machine
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

    gpus = runtime.gpus()  # in a cluster, which has been joined
    if not cluster.several:
        gpus = device.choose(device.wanted(os.environ), costs.reckon(ensemble), runtime.gpus)
        runtime.compute_on(gpus)
    if cluster.chief:
        machine.report(len(gpus), len(cluster.workers))
    runtime.deterministic(ensemble.config.seed)
    if len(gpus) > 1 and not cluster.several:
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
    """Yield what `one_by_one` does, from a process for each processor, or for each place on a GPU.

    A member begins its next epoch before the others have ended theirs, so no processor waits.
    """
    method = process_pool.start_method()
    numbers, reckoned, processors = range(len(ensemble.members)), costs.reckon(ensemble), process_pool.processors()
    places: list[list[int]] = [[]] * min(processors, len(numbers))
    if memories := device.choose(device.wanted(os.environ), reckoned, partial(_memories, method)):
        places = [[number] for number in device.deal(memories, reckoned, processors)]
    machine.report(len({tuple(place) for place in places if place}))
    begun = get_context(method).Value("i", 0)
    with process_pool.started(len(places), method, partial(_keep, ensemble, places, begun)) as submit:
        running = {submit(_train_epoch, done + 1, one, states and states[one]): (done + 1, one) for one in numbers}
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


def _memories(method: Literal["fork", "spawn"]) -> list[int]:
    """Return the free bytes of each GPU, which a process opens that ends before the members' begin."""
    with process_pool.started(1, method) as submit:
        found: list[int] = submit(_open_gpus).result()
    return found


def _open_gpus() -> list[int]:
    from textrnn.model import runtime  # noqa: PLC0415

    return runtime.memories()


_given: list[tuple[Ensemble, list[int]]] = []  # in a worker process alone: the members, and its GPU, if any


def _keep(ensemble: Ensemble, places: list[list[int]], begun: Any) -> None:
    """Take the next place. `begun` counts the processes that have one."""
    with begun.get_lock():
        _given[:] = [(ensemble, places[begun.value])]
        begun.value += 1


@cache
def _trainer() -> Any:
    """Return the trainer of this worker process."""
    from textrnn.model import runtime  # noqa: PLC0415  # the process that starts the workers has no use for TensorFlow
    from textrnn.training.trainer import Trainer  # noqa: PLC0415

    ((ensemble, place),) = _given
    runtime.compute_on(place)
    runtime.one_thread()
    runtime.deterministic(ensemble.config.seed)
    return Trainer(ensemble.config, ensemble.vocabulary_size, ensemble.classes)


def _train_epoch(epoch: int, number: int, state: Arrays | None) -> Any:
    trainer, member = _trainer(), _given[0][0].members[number]
    return trainer.train_epoch(member, number, epoch, state or trainer.initial_state(number))
