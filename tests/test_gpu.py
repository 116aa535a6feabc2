"""What a GPU would do, on a machine without one: cuDNN's weights and conditions, and which device trains what.

bench/gpu.py is for a machine with one.
"""

import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import Value
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests import cudnn as documented
from tests import reference
from tests.configs import small
from tests.ensembles import CLASSES, VOCABULARY, ensemble_of
from tests.test_network import network_with, tensors
from tests.trainers import trainer_of
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.model import cudnn
from textrnn.model.network import build, directions
from textrnn.model.runtime import deterministic, keras, tf
from textrnn.training import device, members
from textrnn.training.costs import Costs

# cuDNN


@pytest.mark.parametrize("name", ["gru 0", "gru 1", "gru 2", "gru 3", "lstm 0", "lstm 1", "rnn 2"])
def test_the_network_computes_by_cudnn_what_numpy_computes(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    documented.install(monkeypatch)
    config = reference.CONFIGS[name]
    weights = reference.random_weights(config)
    found = network_with(config, weights)(tensors(reference.batch_for(config))).numpy()
    np.testing.assert_allclose(found, reference.logits(config, weights), atol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_gradients_by_cudnn_are_those_of_the_loop(cell: str) -> None:
    config = small(cell=cell, bidirectional=True, layers=2, pooling="mean_max", units=3)
    batch = tensors(reference.batch_for(config))

    def gradients() -> list[Any]:
        network = network_with(config, reference.random_weights(config))
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(network(batch) ** 2)
        found = tape.gradient(total, network.trainable_variables)
        return [tf.convert_to_tensor(one).numpy() for one in found]

    by_loop = gradients()
    with pytest.MonkeyPatch.context() as patch:
        documented.install(patch)
        by_cudnn = gradients()
    for one, other in zip(by_cudnn, by_loop, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * max(1, np.abs(other).max()))


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_step_has_one_operation_of_cudnn_for_each_layer_and_its_gradient_and_no_loop(
    monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    """TensorFlow traces a step, and checks all shapes, where it has no GPU to run it."""
    config = small(cell=cell, bidirectional=True, layers=2, pooling="last", units=3)
    network = network_with(config, reference.random_weights(config))
    monkeypatch.setattr(cudnn, "usable", lambda: True)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)])  # type: ignore[untyped-decorator]
    def step(words: Any, lengths: Any) -> Any:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(network({"words": words, "lengths": lengths}))
        return tape.gradient(total, network.trainable_variables)

    graph = step.get_concrete_function().graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert [kinds.count(kind) for kind in ("CudnnRNNV3", "CudnnRNNBackpropV3", "While", "StatelessWhile")] == [
        2,
        2,
        0,
        0,
    ]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_layers_fulfil_cudnns_conditions(cell: str) -> None:
    deterministic(0)
    for layer in directions(build(small(cell=cell, bidirectional=True), 5, 2).recurrent[0]).values():
        assert layer.cell.activation is keras.activations.tanh
        assert getattr(layer.cell, "recurrent_activation", keras.activations.sigmoid) is keras.activations.sigmoid
        assert layer.cell.use_bias
        assert getattr(layer.cell, "reset_after", True)
        assert (layer.cell.dropout, layer.cell.recurrent_dropout) == (0, 0)


def test_a_cudnn_that_computes_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", documented.stand_in)
    assert cudnn.agrees()
    monkeypatch.setitem(cudnn.GATES, "gru", [0, 1, 2])
    assert not cudnn.agrees()


def test_without_a_gpu_or_with_one_that_lacks_cudnn_the_loops_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cudnn, "usable", cudnn.usable.__wrapped__)
    assert not cudnn.usable()
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda _: ["a GPU"])
    monkeypatch.setattr(tf, "device", lambda _: tf.init_scope())
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    assert not cudnn.usable(), "here TensorFlow has no kernel for cuDNN's operation"
    assert tf.config.experimental.tensor_float_32_execution_enabled() == before


def test_a_replica_without_a_row_of_a_batch_gives_cudnn_a_row_and_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    documented.install(monkeypatch)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: SimpleNamespace(num_replicas_in_sync=2))
    (layer,) = directions(build(small(), 5, 2).recurrent[0]).values()
    states, last = cudnn.outputs("gru", [layer], tf.zeros([0, 2, 3]), tf.zeros([0], tf.int32))
    assert (states.shape, last.shape) == ((0, 2, 4), (0, 4))


REPLICAS = """
import numpy as np, pytest
from tests import cudnn, reference
from tests.test_gpu import network_with, tensors
from textrnn.model.runtime import tf
from textrnn.training.distributed import collective
(processor,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 5)
config = reference.CONFIGS["gru 1"]
batch, weights = tensors(reference.batch_for(config)), reference.random_weights(config)
batch["labels"] = batch["lengths"]
strategy = tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(5)], tf.distribute.ReductionToOneDevice())
with strategy.scope(), pytest.MonkeyPatch.context() as patch:
    network = network_with(config, weights)
    cudnn.install(patch)
    found = collective.run(lambda given: collective.gathered(network(collective.share(given))), batch).numpy()
print(np.abs(found - reference.logits(config, weights)).max())
"""


def test_five_logical_devices_compute_four_rows_by_cudnn() -> None:
    done = subprocess.run([sys.executable, "-c", REPLICAS], cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-5


# Which device


def priced(seconds: float = 100, gpu_seconds: float = 10, networks: int = 5, gpu_memory: float = 2e9) -> Costs:
    return Costs({"layers": 1000}, networks, 1, seconds, gpu_seconds, {}, gpu_memory, networks, 0)


def test_the_device_is_a_setting_of_the_environment() -> None:
    assert [device.wanted({"TEXTRNN_DEVICE": text}) for text in ("cpu", "gpu", "auto", " ")] == [
        "cpu", "gpu", "auto", "auto",
    ]  # fmt: skip
    assert device.wanted({}) == "auto"
    with pytest.raises(UserError, match="expected TEXTRNN_DEVICE to be one of cpu, gpu, auto, found cuda: "):
        device.wanted({"TEXTRNN_DEVICE": "cuda"})


@pytest.mark.parametrize(
    ("wanted", "driver", "seconds", "found", "chosen", "told"),
    [
        ("auto", False, 100, [7], [], ""),
        ("auto", True, 100, [7], [7], "note: training on the GPU: about 100 seconds on the processors, 10 seconds on"),
        ("auto", True, 9, [7], [], "note: training on the processors, though there is a GPU: about 9 seconds on"),
        ("auto", True, 100, [], [], "note: training on the processors, as TensorFlow does not find the GPU: "),
        ("auto", False, 7300, [], [], "note: training will take about 2 hours on this machine: 5 networks of 1,000"),
        ("cpu", True, 100, [7], [], ""),
        ("gpu", False, 9, [7, 8], [7, 8], ""),
    ],
)  # fmt: skip
def test_auto_takes_the_device_that_is_likely_the_faster_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
    wanted: device.Device, driver: bool, seconds: float, found: list[int], chosen: list[int], told: str,
) -> None:  # fmt: skip
    looked = []

    def look() -> list[int]:
        looked.append(True)
        return found

    assert device.choose(wanted, priced(seconds), look, [str(tmp_path if driver else tmp_path / "none")]) == chosen
    said = capsys.readouterr().err
    assert said.startswith(told)
    assert said.count("\n") == bool(told)
    assert bool(looked) == (bool(chosen) or "does not find" in told), "TensorFlow is loaded only where it matters"


@pytest.mark.parametrize(
    ("memories", "processors", "networks", "dealt"),
    [
        ([80e9], 16, 5, [0, 0, 0, 0, 0]),  # all fit
        ([80e9], 2, 5, [0, 0]),
        ([5e9], 16, 5, [0, 0]),  # two fit, and the others come after them
        ([80e9, 80e9], 16, 5, [0, 1, 0, 1, 0]),
        ([80e9] * 4, 2, 5, [0, 1, 2, 3]),
        ([1e9, 80e9, 3e9], 16, 4, [1, 2, 1, 1]),
        ([80e9] * 8, 16, 5, [0, 1, 2, 3, 4]),
    ],
)
def test_members_are_dealt_to_the_gpus_and_share_one_as_long_as_they_fit(
    memories: Sequence[int], processors: int, networks: int, dealt: list[int]
) -> None:
    assert device.deal(memories, priced(networks=networks), processors) == dealt


def test_a_network_that_fits_into_no_gpu_is_an_error() -> None:
    with pytest.raises(
        UserError, match=r"expected a GPU with 2\.0 GB of free memory to train a network, found 1\.5 GB: "
    ):
        device.deal([10**9, 1_500_000_000], priced(), 4)


def test_each_process_takes_a_place_of_its_own() -> None:
    ensemble, begun = ensemble_of(small()), Value("i", 0)
    for place in ([1], [0]):
        members._keep(ensemble, [[1], [0]], begun)
        assert members._given == [(ensemble, place)]
    members._given.clear()


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("run", [members.one_by_one, members.side_by_side])
def test_a_gpu_that_is_asked_for_and_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    monkeypatch.setenv("TEXTRNN_DEVICE", "gpu")
    with pytest.raises(UserError, match="expected a GPU that TensorFlow finds, as TEXTRNN_DEVICE is gpu, found none: "):
        next(run(ensemble_of(small(ensemble=2)), 0, None))


def test_a_step_that_takes_more_memory_than_there_is_ends_as_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(small(cell="rnn"), VOCABULARY, CLASSES)

    def step(_: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(trainer, "step", step)
    with pytest.raises(MemoryError, match="lower train"):
        trainer.train_epochs(ensemble_of(small()).members[0], 0, range(1, 2), trainer.state())
