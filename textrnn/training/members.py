"""The members' epochs, one after another in this process, or side by side in processes of one thread each.

TensorFlow gains little from a second thread in networks of this size, and nothing from two in its sums: an
ensemble has a process for each processor instead. Which process trains a member changes no bit.
"""

import os
import sys
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection, wait

from textrnn.core import process_pool
from textrnn.core.errors import UserError
from textrnn.core.process_pool import Workers, received, started
from textrnn.model.config import TrainConfig
from textrnn.training import machine
from textrnn.training.checkpoint import Arrays
from textrnn.training.distributed.cluster import ALONE, Cluster
from textrnn.training.loop import EpochResult, Member, Run

PATIENCE = 0.5  # seconds between two looks at whether to go on

Alive = Callable[[], None]


def one_by_one(
    config: TrainConfig, vocabulary_size: int, classes: int, members: list[Member], cluster: Cluster = ALONE
) -> Run:
    """Return what trains the members in this process, or in all of the cluster, which has been joined, together."""

    def run(done: int, states: list[Arrays] | None, alive: Alive) -> Generator[list[EpochResult], None, None]:
        from textrnn.model import runtime  # noqa: PLC0415  # six seconds, and no use the other way
        from textrnn.training.distributed import collective  # noqa: PLC0415  # six seconds, and no use the other way
        from textrnn.training.trainer import Trainer  # noqa: PLC0415  # six seconds, and no use the other way

        if cluster.chief:
            machine.tell(runtime.gpus(), len(cluster.workers))
        runtime.deterministic(config.seed)
        if not cluster.several:
            collective.spread()
        with collective.together(cluster):
            trainer = Trainer(config, vocabulary_size, classes)
            states = states or [trainer.beginning(number) for number in range(len(members))]
            while True:
                done += 1
                turns = [trainer.turn(one, number, done, states[number], alive) for number, one in enumerate(members)]
                states = [turn.state for turn in turns]
                yield turns

    return run


def side_by_side(config: TrainConfig, vocabulary_size: int, classes: int, members: list[Member]) -> Run:
    """Return what trains the members in a process for each processor."""

    def run(done: int, states: list[Arrays] | None, alive: Alive) -> Generator[list[EpochResult], None, None]:
        # Forked ones share the rows in memory; but threads, such as TensorFlow's, are torn by a fork.
        forks = sys.platform == "linux" and "tensorflow" not in sys.modules
        task = os.getpid(), config, vocabulary_size, classes, members
        with started(work, task, min(process_pool.processors(), len(members)), "fork" if forks else "spawn") as crew:
            yield from turns_of(crew, len(members), config.epochs, done, states, alive)

    return run


def turns_of(
    crew: Workers,
    members: int,
    epochs: int,
    done: int,
    states: list[Arrays] | None,
    alive: Alive,
) -> Generator[list[EpochResult], None, None]:
    """Hand out epochs of members, the earliest first, and yield the turns of each epoch once all have ended.

    A member may begin its next epoch before the others have ended theirs: no processor waits.
    """
    ready = [(done + 1, number, states[number] if states else None) for number in range(members)]
    ended: dict[int, dict[int, EpochResult]] = {}
    idle, told = [], False
    while True:
        for connection in listen(crew, alive):
            came = received(connection, crew[connection])
            if isinstance(came, Exception):
                raise came
            if isinstance(came, int):  # of GPUs: it is ready
                if not told:
                    machine.tell(came)
                told = True
            else:
                epoch, number, turn = came
                ended.setdefault(epoch, {})[number] = turn
                if epoch < epochs:
                    ready.append((epoch + 1, number, turn.state))
            idle.append(connection)
        ready.sort(key=lambda task: task[:2])
        while ready and idle:
            idle.pop().send(ready.pop(0))
        if len(ended.get(done + 1, {})) == members:
            done += 1
            turns = ended.pop(done)
            yield [turns[number] for number in range(members)]


def listen(crew: Workers, alive: Alive) -> list[Connection]:
    """Return the connections to the processes which have something to say."""
    while True:
        alive()
        if ready := [one for one in wait(list(crew), PATIENCE) if isinstance(one, Connection)]:
            return ready


def work(
    connection: Connection, parent: int, config: TrainConfig, size: int, classes: int, members: list[Member]
) -> None:
    """Train epochs of members as they are asked for, until this process is ended."""

    def alive() -> None:
        if os.getppid() != parent:
            sys.exit(1)

    try:
        from textrnn.model import runtime  # noqa: PLC0415  # here alone
        from textrnn.training.trainer import Trainer  # noqa: PLC0415  # here alone

        runtime.one_thread()
        connection.send(runtime.gpus())
        runtime.deterministic(config.seed)
        trainer = Trainer(config, size, classes)
        while True:
            while not connection.poll(PATIENCE):
                alive()
            epoch, number, state = connection.recv()
            turn = trainer.turn(members[number], number, epoch, state or trainer.beginning(number), alive)
            connection.send((epoch, number, turn))
    except (UserError, MemoryError, OSError) as error:
        connection.send(error)
