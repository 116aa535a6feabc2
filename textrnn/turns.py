"""The members' epochs, one after another in this process, or side by side in processes of one thread each.

TensorFlow gains little from a second thread in networks of this size, and nothing from two in its sums: an
ensemble has a process for each processor instead. Which process trains a member changes no bit.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from textrnn import machine
from textrnn.checkpoint import Arrays
from textrnn.ensemble import Member, Run, Turn
from textrnn.errors import UserError
from textrnn.recipe import Recipe

PATIENCE = 0.5  # seconds between two looks at whether to go on

Alive = Callable[[], None]


def one_by_one(recipe: Recipe, vocabulary_size: int, classes: int, members: list[Member]) -> Run:
    """Return what trains the members in this process."""

    def run(done: int, states: list[Arrays] | None, alive: Alive) -> Generator[list[Turn], None, None]:
        from textrnn import tensorflow, training  # noqa: PLC0415  # takes six seconds, which the other way has no use for

        machine.tell(tensorflow.gpus())
        tensorflow.deterministic(recipe.seed)
        trainer = training.Trainer(recipe, vocabulary_size, classes)
        states = states or [trainer.beginning(number) for number in range(len(members))]
        while True:
            done += 1
            turns = [trainer.turn(one, number, done, states[number], alive) for number, one in enumerate(members)]
            states = [turn.state for turn in turns]
            yield turns

    return run


def side_by_side(recipe: Recipe, vocabulary_size: int, classes: int, members: list[Member]) -> Run:
    """Return what trains the members in a process for each processor."""

    def run(done: int, states: list[Arrays] | None, alive: Alive) -> Generator[list[Turn], None, None]:
        crew = start(min(processors(), len(members)), (recipe, vocabulary_size, classes, members))
        try:
            yield from turns_of(crew, len(members), recipe.epochs, done, states, alive)
        finally:
            for process in crew.values():
                process.kill()
            for process in crew.values():
                process.join()

    return run


def turns_of(
    crew: dict[Connection, BaseProcess],
    members: int,
    epochs: int,
    done: int,
    states: list[Arrays] | None,
    alive: Alive,
) -> Generator[list[Turn], None, None]:
    """Hand out epochs of members, the earliest first, and yield the turns of each epoch once all have ended.

    A member may begin its next epoch before the others have ended theirs: no processor waits.
    """
    ready = [(done + 1, number, states[number] if states else None) for number in range(members)]
    ended: dict[int, dict[int, Turn]] = {}
    idle, told = [], False
    while True:
        for connection in listen(crew, alive):
            came = said(connection, crew[connection])
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


def listen(crew: dict[Connection, BaseProcess], alive: Alive) -> list[Connection]:
    """Return the connections to the processes which have something to say."""
    while True:
        alive()
        if ready := [one for one in wait(list(crew), PATIENCE) if isinstance(one, Connection)]:
            return ready


def said(connection: Connection, process: BaseProcess) -> Any:
    """Return what the process says. Raises what it could not go on with, and UserError when it is gone."""
    try:
        message = connection.recv()
    except (EOFError, OSError):
        process.join()
        raise UserError(
            f"expected a process which trains to go on, found it ended with code {process.exitcode}: is there "
            "enough memory? Run it again, or set train.ensemble, train.batch_size or train.units lower"
        ) from None
    if isinstance(message, Exception):
        raise message
    return message


def start(count: int, task: tuple[Recipe, int, int, list[Member]]) -> dict[Connection, BaseProcess]:
    """Return so many processes, each by the connection to it."""
    # Forked ones share the rows in memory; but threads, such as TensorFlow's, are torn by a fork.
    forks = sys.platform == "linux" and "tensorflow" not in sys.modules
    context: Any = multiprocessing.get_context("fork" if forks else "spawn")
    crew: dict[Connection, BaseProcess] = {}
    for _ in range(count):
        here, there = context.Pipe()
        process = context.Process(target=work, args=(there, os.getpid(), *task), daemon=True)
        process.start()
        there.close()
        crew[here] = process
    return crew


def work(connection: Connection, parent: int, recipe: Recipe, size: int, classes: int, members: list[Member]) -> None:
    """Train epochs of members as they are asked for, until this process is ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C comes to all: the one which started this ends it

    def alive() -> None:
        if os.getppid() != parent:
            sys.exit(1)

    try:
        from textrnn import tensorflow, training  # noqa: PLC0415  # here alone

        tensorflow.one_thread()
        connection.send(tensorflow.gpus())
        tensorflow.deterministic(recipe.seed)
        trainer = training.Trainer(recipe, size, classes)
        while True:
            while not connection.poll(PATIENCE):
                alive()
            epoch, number, state = connection.recv()
            turn = trainer.turn(members[number], number, epoch, state or trainer.beginning(number), alive)
            connection.send((epoch, number, turn))
    except (UserError, MemoryError, OSError) as error:
        connection.send(error)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
