"""What all tests share: how Hypothesis searches, one trained model, one repository that has run, and workspaces."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.models import TWO, trained
from tests.repository import Repository, first_run
from tests.workspace import Workspace, place

# The same examples on every machine; a workspace may be used for many of them, since each writes its files anew.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("repeatable")

# A shell starts its background jobs with Ctrl-C ignored, and every process that a test starts would inherit that.
# `nohup` does the same with the end of a terminal's session, which Windows does not have.
signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.platform != "win32":
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Where there is a GPU, the tests compute on the processor all the same, whose bits they know.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

# The slowest files first: if one came last, the other process would have nothing to do at the end. The tests of the
# repository that has run come later than those of training, which need no wait for it.
SLOWEST = (
    "test_pipeline.py",
    "test_training.py",
    "test_cluster.py",
    "test_members.py",
    "test_partitions.py",
    "test_documented.py",
    "test_remotes.py",
    "test_compare.py",
    "test_learn.py",
    "test_presets.py",
    "test_export.py",
    "test_network.py",
    "test_crashes.py",
    "test_bad_inputs.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def trained_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a tiny model of two labels, which nobody may write into."""
    return trained(tmp_path_factory.getbasetemp(), TWO) / "model"


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a tiny repository whose pipeline has run, which nobody may change: take a copy."""
    return first_run(tmp_path_factory.getbasetemp())


@pytest.fixture
def model_copy(trained_model: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny model, to be spoilt."""
    return Path(shutil.copytree(trained_model, tmp_path / "copy"))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return an empty workspace, at which every path of the pipeline points while the test runs."""
    place(monkeypatch, tmp_path)
    return Workspace(tmp_path)
