"""Which worker of a cluster this process is, as TF_CONFIG says. collective.py joins the cluster."""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from textrnn.core.errors import UserError

VARIABLE = "TF_CONFIG"
SHOWN = "set it as docs/cluster.md shows, or unset it to train alone"


class Cluster(NamedTuple):
    """The workers that train together, by their addresses, and which of them this one is."""

    workers: tuple[str, ...] = ()
    number: int = 0

    @property
    def several(self) -> bool:
        """Whether there is anybody to train with."""
        return len(self.workers) > 1

    @property
    def chief(self) -> bool:
        """Whether this worker is the one that writes."""
        return self.number == 0


ALONE = Cluster()


class Task(BaseModel):
    """Which one this process is."""

    type: Literal["chief", "worker"]
    index: Annotated[int, Field(ge=0)]


class Addresses(BaseModel, extra="forbid"):
    """Where they are. Some launchers call the first worker the chief."""

    chief: Annotated[list[Annotated[str, Field(pattern=r"^\S+:\d+$")]], Field(max_length=1)] = []
    worker: list[Annotated[str, Field(pattern=r"^\S+:\d+$")]] = []


class Config(BaseModel):
    """TF_CONFIG, as TensorFlow has defined it."""

    cluster: Addresses
    task: Task


def named(environment: Mapping[str, str]) -> Cluster:
    """Return the cluster that TF_CONFIG names, and which worker this is; ALONE without it.

    Raises UserError when it names none, or none such.
    """
    text = environment.get(VARIABLE, "")
    if not text.strip():
        return ALONE
    try:
        found = Config.model_validate_json(text)
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(map(str, wrong["loc"]))
        raise _refused(f"{place}: {wrong['msg']}" if place else wrong["msg"]) from None
    workers = (*found.cluster.chief, *found.cluster.worker)
    if twice := sorted({one for one in workers if workers.count(one) > 1}):
        raise _refused(f"{twice[0]} twice")
    of_type = getattr(found.cluster, found.task.type)
    if found.task.index >= len(of_type):
        raise _refused(f"{found.task.type} {found.task.index} of {len(of_type)} (they are counted from 0)")
    before = len(found.cluster.chief) if found.task.type == "worker" else 0
    return Cluster(workers, before + found.task.index)


def _refused(found: str) -> UserError:
    return UserError(
        f"expected {VARIABLE} to hold the address of each worker and which one this is, found {found}: {SHOWN}"
    )
