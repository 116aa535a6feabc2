"""The keys of params.yaml that say how a text is read. predict.py reads model/settings.json, and not these."""

from pydantic import Field, field_validator

from textrnn.core.params import Section
from textrnn.text.normalise import LONGEST, Form, Normalisation, failure
from textrnn.text.vocabulary import Tokenizer


class Normalise(Section):
    """The keys of section `clean` that change a text."""

    unicode: Form
    fold_lookalikes: bool
    lowercase: bool
    ascii_only: bool
    remove_pattern: str = Field(max_length=LONGEST)

    @field_validator("remove_pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        if why := failure(pattern):
            raise ValueError(f"expected a regular expression ({why})")
        return pattern

    @property
    def normalisation(self) -> Normalisation:
        """What `normalise` is given."""
        return Normalisation._make(getattr(self, key) for key in Normalisation._fields)


class Vectorize(Section):
    """Section `vectorize` of params.yaml."""

    tokenizer: Tokenizer
    min_word_frequency: int = Field(ge=0)
    max_sequence_length: int = Field(ge=1, le=10_000)
