"""What a network multiplies for a token, and what a processor can multiply in a second."""

import time

import numpy as np

from textrnn.recipe import Recipe

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def multiply_adds(recipe: Recipe) -> int:
    """Return the multiply-adds of one network's forward pass for one token.

    Of a step a cell multiplies its gates' input and state by their kernels: gates · (input + units) · units
    multiplications with an addition each, in every layer and direction.
    """
    directions = 1 + recipe.bidirectional
    widths = [recipe.embedding_size, *[recipe.units * directions] * (recipe.layers - 1)]
    return sum(GATES[recipe.cell] * (width + recipe.units) * recipe.units for width in widths) * directions


def sgemm(size: int = 1024) -> float:
    """Return the multiply-adds a second of one processor, in the best of several products of large matrices."""
    one = np.random.default_rng(0).random((size, size), np.float32)
    took = []
    for _ in range(10):
        begin = time.process_time()
        one @ one
        took.append(time.process_time() - begin)
    return size**3 / min(took)
