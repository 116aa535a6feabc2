"""Section `train` of params.yaml: what the network is, and how it is trained."""

from typing import Literal, Self

from pydantic import Field, model_validator

from textrnn.core.params import Section
from textrnn.text.encoders import Encoder

ClassWeight = Literal["balanced"] | None  # as scikit-learn has it

FOLDS = 5  # of the linear branch where there are no networks


class TrainConfig(Section):
    """Section `train` of params.yaml, which documents each key's unit, range and meaning."""

    seed: int = Field(ge=0, lt=2**31)
    cell: Literal["rnn", "lstm", "gru"]
    bidirectional: bool
    layers: int = Field(ge=1, le=8)
    units: int = Field(ge=1, le=4096)
    embedding_size: int = Field(ge=1, le=4096)
    embedding_range: float = Field(gt=0, le=10)
    recurrent_range: float = Field(ge=0, le=10)
    subword_buckets: int = Field(ge=0, le=10_000_000)
    word_dropout: float = Field(ge=0, lt=1)
    token_dropout: float = Field(ge=0, lt=1)
    subword_dropout: float = Field(ge=0, lt=1)
    embedding_dropout: float = Field(ge=0, lt=1)
    dropout: float = Field(ge=0, lt=1)
    pooling: Literal["last", "mean_max"]
    masking: bool
    epochs: int = Field(ge=1, le=10_000)
    batch_size: int = Field(ge=1, le=1_000_000)
    optimizer: Literal["rmsprop", "adamw"]
    learning_rate: float = Field(gt=0, le=10)
    schedule: Literal["constant", "cosine", "averaged"]
    clip_norm: float = Field(ge=0, le=1_000_000)
    patience: int = Field(ge=0, le=10_000)
    class_weights: Literal["none", "balanced"]
    ensemble: int = Field(ge=0, le=64)
    linear: bool
    encoder: Encoder
    cascade: bool

    @property
    def class_weight(self) -> ClassWeight:
        """The class weights, as scikit-learn calls them."""
        return None if self.class_weights == "none" else self.class_weights

    @property
    def folds(self) -> int:
        """The folds of the training rows that are left out in turn: one for each network, or for the linear branch."""
        return self.ensemble or FOLDS

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        beside = self.linear or self.encoder != "none"
        if beside and self.ensemble == 1:
            raise ValueError(
                "expected an ensemble of at least 2 beside the linear branch or an encoder, as its folds weigh them: "
                "set linear to false and encoder to none, or ensemble to 5"
            )
        if not beside and not self.ensemble:
            raise ValueError(
                "expected networks or the linear branch, found neither, as ensemble is 0 and linear is false: set "
                "linear to true, or ensemble to 1 or more"
            )
        return self
