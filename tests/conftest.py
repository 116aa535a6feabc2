"""What all tests share: how Hypothesis searches, and a workspace of their own."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.first_run import first_run
from tests.models import TWO, trained
from tests.repository import Repository
from tests.workspace import Workspace
from textrnn.core import paths

# The same examples on every machine; a workspace may be used for many of them, since each writes its files anew.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("repeatable")

# A shell's background job is started deaf to Ctrl-C, and so would be every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Files that take long, the longest first: begun last, one would keep a single processor busy at the end.
SLOWEST = (
    "test_pipeline.py",
    "test_crashes.py",
    "test_training.py",
    "test_learn.py",
    "test_presets.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first."""
    places = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def trained_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a tiny model of two labels, which nobody may write into."""
    return trained(tmp_path_factory.getbasetemp(), TWO) / "model"


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a tiny repository whose pipeline has run. All processes of pytest share it: take a copy."""
    own = tmp_path_factory.getbasetemp()
    return first_run(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture
def model_copy(trained_model: Path, tmp_path: Path) -> Path:
    """Return a copy of that directory, to be spoilt."""
    return Path(shutil.copytree(trained_model, tmp_path / "copy"))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return an empty workspace, at which every path of the pipeline points while the test runs."""
    for name, path in list(vars(paths).items()):
        if isinstance(path, Path):
            monkeypatch.setattr(paths, name, tmp_path / path.relative_to(Workspace.ORIGINAL))
    return Workspace(tmp_path)
