"""The key of params.yaml that says what labels mean."""

from textrnn.artifacts.messages import Scalar
from textrnn.core.params import Section


class Positive(Section):
    """The key of section `evaluate` that names the positive label."""

    positive_label: Scalar
