"""Where a training computes: on the processors, or on GPUs. TEXTRNN_DEVICE decides: where is no part of what."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar, get_args

from textrnn.core.errors import UserError, note
from textrnn.training.costs import Costs, described, duration, shown

VARIABLE = "TEXTRNN_DEVICE"
DRIVERS = ("/dev/nvidiactl", "/dev/dxg")  # of NVIDIA's GPUs: on Linux, and in Windows' Subsystem for Linux

LONG = 600.0  # seconds of training that are announced

Device = Literal["cpu", "gpu", "auto"]
T = TypeVar("T")


def wanted(environment: Mapping[str, str]) -> Device:
    """Return the device that the user asks for. Raises UserError if there is none of that name."""
    text = environment.get(VARIABLE, "").strip().lower() or "auto"
    for device in get_args(Device):
        if text == device:
            return device  # type: ignore[no-any-return]
    raise UserError(
        f"expected {VARIABLE} to be one of {', '.join(get_args(Device))}, found {text}: correct or unset it"
    )


def choose(device: Device, costs: Costs, look: Callable[[], Sequence[T]], drivers: Sequence[str] = DRIVERS) -> list[T]:
    """Return the GPUs to train on, of those that `look` finds by loading TensorFlow, or none for the processors.

    `auto` takes what is likely to be the faster. A GPU is slower for small networks: each step launches its kernels,
    which takes about as long as the processor computes a small step, members share the GPU where each would have a
    processor, and a process waits for its GPU at first. So the default network trains on the processors.
    """
    if device == "cpu" or (device == "auto" and not any(Path(driver).exists() for driver in drivers)):
        if costs.seconds > LONG:
            note(f"training will take about {duration(costs.seconds)} on this machine: {described(costs)}")
        return []
    times = f"about {duration(costs.seconds)} on the processors, {duration(costs.gpu_seconds)} on a GPU"
    if device == "auto" and costs.seconds <= costs.gpu_seconds:
        note(f"training on the processors, though there is a GPU: {times} ({VARIABLE}=gpu takes it all the same)")
        return []
    found = list(look())
    if not found and device == "gpu":
        raise UserError(
            f"expected a GPU that TensorFlow finds, as {VARIABLE} is gpu, found none: install its CUDA "
            "(docs/cluster.md#gpus), or unset it"
        )
    if device == "auto":
        note(f"training on {'the GPU' if found else 'the processors, as TensorFlow does not find the GPU'}: {times}")
    return found


def deal(memories: Sequence[int], costs: Costs, processors: int) -> list[int]:
    """Return for each process that trains members the number of its GPU: one by one, as long as they fit.

    `memories` are the free bytes of each GPU. A process keeps a processor busy with launching kernels, so there are no
    more processes than processors, but one for each GPU. Raises UserError if a network fits into no GPU.
    """
    rooms, dealt = [int(memory / costs.gpu_memory) for memory in memories], list[int]()
    if not any(rooms):
        raise UserError(
            f"expected a GPU with {shown(costs.gpu_memory)} of free memory to train a network, found "
            f"{shown(max(memories))}: lower train.units or train.batch_size, or set {VARIABLE}=cpu"
        )
    while len(dealt) < min(costs.networks, max(processors, len(rooms))) and any(rooms):
        for number, room in enumerate(rooms):
            if room:
                dealt.append(number)
                rooms[number] -= 1
    return dealt[: costs.networks]
