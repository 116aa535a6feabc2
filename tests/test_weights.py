"""weights.npz has the same bytes whatever the version of Python, the clock, and the user's settings."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from tests.workspace import Workspace


def test_an_archive_of_weights_has_neither_dates_nor_systems_in_its_headers(trained_model: Path) -> None:
    with zipfile.ZipFile(trained_model / "weights.npz") as archive:
        for member in archive.infolist():
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            assert member.compress_type == zipfile.ZIP_STORED
            # A size of the ZIP64 kind is what np.savez asks for or not, by the version of Python.
            assert (member.extra, member.extract_version, member.flag_bits) == (b"", 20, 0)


def test_weights_are_read_as_numpy_reads_archives(trained_model: Path) -> None:
    with np.load(trained_model / "weights.npz", allow_pickle=False) as arrays:
        assert {name.partition("/")[0] for name in arrays} == {"0", "1"}
        assert all(arrays[name].dtype == np.float32 for name in arrays)


def test_a_users_keras_json_changes_no_setting_of_the_network(tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text(
        '{"floatx": "float64", "epsilon": 0.001, "backend": "jax", "image_data_format": "channels_first"}'
    )
    told = "from textrnn.model.runtime import keras; c = keras.config; print(c.floatx(), c.epsilon(), c.backend())"
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=Workspace.ORIGINAL, env=os.environ | {"KERAS_HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["float32", "1e-07", "tensorflow"]
