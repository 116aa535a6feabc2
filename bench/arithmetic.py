"""How much a network multiplies for a token, and how much a processor can multiply in a second."""

import time

import numpy as np

from textrnn.model.config import TrainConfig

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def multiply_adds(config: TrainConfig) -> int:
    """Return the multiply-adds of one network's forward pass for one token.

    In each step a cell multiplies the input and state of its gates by their kernels: gates · (input + units) · units
    multiplications with an addition each, in every layer and direction.
    """
    directions = 1 + config.bidirectional
    widths = [config.embedding_size, *[config.units * directions] * (config.layers - 1)]
    return sum(GATES[config.cell] * (width + config.units) * config.units for width in widths) * directions


def sgemm(size: int = 1024) -> float:
    """Return the multiply-adds a second of one processor, from the fastest of several products of large matrices."""
    one = np.random.default_rng(0).random((size, size), np.float32)
    took = []
    for _ in range(10):
        begin = time.process_time()
        one @ one
        took.append(time.process_time() - begin)
    return size**3 / min(took)
