"""Work for other processes in tests/test_process_pool.py and tests/test_partitions.py: a module that loads quickly."""

import os
import struct
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from textrnn.core.errors import UserError
from textrnn.partitions.exchange import leave


def slower_at_first(number: int) -> tuple[int, int]:
    """Return the square, and which process found it."""
    time.sleep(0.05 if number < 3 else 0)
    return number * number, os.getpid()


def fails_at_seven(number: int) -> int:
    if number >= 7:
        raise UserError(f"expected less than 7, found {number}")
    return number


def dies_at_nine(number: int) -> int:
    if number == 9:
        psutil.Process().kill()
    return number


def slow(number: int) -> int:
    """Leave a file that names this process, and work half a second."""
    Path(f"working-{os.getpid()}").touch()
    time.sleep(0.5)
    return number


def half_a_result(written: Path) -> None:
    """Write the first bytes of a result of a thousand, as a worker of a pool, and then nothing more."""
    pipe = sys._getframe(1).f_locals["result_queue"]._writer
    os.write(pipe.fileno(), struct.pack("!i", 1000) + b"half")
    written.touch()
    time.sleep(3600)


def dies_amid_a_file(item: tuple[int, Path]) -> None:
    """Leave the number and its square for others. The first process to leave a nine dies in the middle of it."""
    number, folder = item
    if number == 9 and not (folder / "died").exists():
        (folder / "died").touch()
        (folder / "numbers.9.half").write_bytes(b"half")
        psutil.Process().kill()
    leave(folder / "numbers", number, [np.array([number]), np.array([number * number])])
