"""Answer one message with the TensorFlow network and data/trained/weights.npz, as predict.py would without the export.

It leaves out the linear branch, the blend and the checksums, which makes it faster.

Run     python -m bench.keras_answer MESSAGE
"""

import sys

import numpy as np

from textrnn.core import params, paths
from textrnn.core.files import read_json
from textrnn.model.config import TrainConfig
from textrnn.model.network import build, trained_variables
from textrnn.model.runtime import tf
from textrnn.text.subwords import table
from textrnn.text.vocabulary import UNKNOWN, read_tokens, tokenize


def main() -> None:
    """Answer the message on the command line."""
    settings, config = read_json(paths.MODEL / "settings.json"), params.load("train", TrainConfig)
    ids = {token: number for number, token in enumerate(read_tokens(paths.MODEL / "vocabulary.tsv"), UNKNOWN + 1)}
    tokens = tokenize(sys.argv[1], settings["tokenizer"])[: settings["max_sequence_length"]]
    batch = {
        "words": tf.constant([[ids.get(token, UNKNOWN) for token in tokens]], tf.int32),
        "lengths": tf.constant([len(tokens)], tf.int32),
        "subwords": tf.constant(table(tokens, config.subword_buckets)),
        "places": tf.constant([list(range(len(tokens)))], tf.int32),
    }
    logits = []
    with np.load(paths.WEIGHTS) as weights:
        for member in sorted({name.partition("/")[0] for name in weights}):  # of a cascade one
            arrays = {name.partition("/")[2]: weights[name] for name in weights if name.startswith(f"{member}/")}
            network = build(config, len(ids) + 1, len(settings["labels"]))
            for name, variable in trained_variables(network).items():
                variable.assign(arrays[name])
            logits.append(network(batch))
    print(settings["labels"], tf.nn.softmax(tf.reduce_mean(logits, axis=0)).numpy())


if __name__ == "__main__":
    main()
