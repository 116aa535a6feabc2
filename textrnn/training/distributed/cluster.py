"""The cluster in TF_CONFIG, and which of its workers this process is. collective.py joins the cluster."""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from textrnn.core.errors import UserError

VARIABLE = "TF_CONFIG"
Address = Annotated[str, Field(pattern=r"^\S+:\d+$")]


class Cluster(NamedTuple):
    """The addresses of the workers that train together, and the number of this one."""

    workers: tuple[str, ...] = ()
    number: int = 0

    @property
    def several(self) -> bool:
        """Whether there are other workers."""
        return len(self.workers) > 1

    @property
    def chief(self) -> bool:
        """Whether this worker is the one that writes."""
        return self.number == 0


ALONE = Cluster()


class Task(BaseModel):
    """Which worker this process is."""

    type: Literal["chief", "worker"]
    index: Annotated[int, Field(ge=0)]


class Addresses(BaseModel, extra="forbid"):
    """The workers' addresses. Some launchers call the first worker the chief."""

    chief: Annotated[list[Address], Field(max_length=1)] = []
    worker: list[Address] = []


class Config(BaseModel):
    """TF_CONFIG, as TensorFlow has defined it."""

    cluster: Addresses
    task: Task


def from_environment(environment: Mapping[str, str]) -> Cluster:
    """Return the cluster in TF_CONFIG, with this worker's number, or ALONE. Raises UserError if it is invalid."""
    text = environment.get(VARIABLE, "")
    if not text.strip():
        return ALONE
    try:
        config = Config.model_validate_json(text)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise _invalid(": ".join(filter(None, (".".join(map(str, wrong["loc"])), wrong["msg"])))) from None
    chiefs, task = config.cluster.chief, config.task
    workers = (*chiefs, *config.cluster.worker)
    if twice := sorted({one for one in workers if workers.count(one) > 1}):
        raise _invalid(f"{twice[0]} twice")
    count = len(getattr(config.cluster, task.type))
    if task.index >= count:
        raise _invalid(f"{task.type} {task.index} of {count} (they are counted from 0)")
    return Cluster(workers, task.index + (len(chiefs) if task.type == "worker" else 0))


def _invalid(found: str) -> UserError:
    return UserError(
        f"expected {VARIABLE} to hold the address of each worker and which one this is, found {found}: set it as "
        "docs/cluster.md shows, or unset it to train alone"
    )
