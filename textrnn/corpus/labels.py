"""The labels of a corpus: made equal where params.yaml says so, and what a person should know of the others."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import field_validator

from textrnn.artifacts.messages import printed
from textrnn.core.errors import UserError
from textrnn.core.escape import listed
from textrnn.core.params import Section
from textrnn.corpus.rows import MISSING, MOST_OF_LABEL, is_label

SEVERAL = re.compile(r"[^|;,]+([|;,][^|;,]+)+")  # labels in one field
FEW = 20  # messages, of which any share may have labels of their own
SHOWN = 3  # groups of variants that a note names


class Labels(Section):
    """Key `labels` of section `clean`."""

    fold_case: bool
    map: dict[str | bool | int | float | None, str | bool | int | float]

    @field_validator("map")
    @classmethod
    def _may_be_labels(cls, names: dict[Any, Any]) -> dict[Any, Any]:
        for new in names.values():
            if (label := printed(str(new))) and not is_label(label):
                raise ValueError(f"expected labels of at most {MOST_OF_LABEL} letters that can be printed")
        return names


def corrected(label: str, settings: Labels) -> str:
    """Return a label as the settings spell it, or "" if it stands for a missing one, such as NaN."""
    names = {printed("null" if old is None else str(old)): printed(str(new)) for old, new in settings.map.items()}
    if settings.fold_case:
        label, names = label.lower(), {old.lower(): new for old, new in names.items()} | names
    label = names.get(label, label)
    return "" if label in MISSING and label not in names.values() else label


def notes(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for each thing that makes labels doubtful. Raises UserError if they are texts."""
    total, names = sum(counts.values()), list(counts)
    if total >= FEW and len(counts) > total / 2:
        raise UserError(
            f"expected labels that come more than once, found {len(counts):,} different ones in {total:,} messages "
            f"({listed(names[:2])}): name the label's column by clean.label_column and the text's by clean.text_column"
        )
    variants = defaultdict(list)
    for label in names:
        variants[label.casefold()].append(label)
    alike = [labels for labels in variants.values() if len(labels) > 1]
    if alike:
        told = "; ".join(", ".join(f"{label!r} ({counts[label]:,})" for label in labels) for labels in alike[:SHOWN])
        more = f"; and {len(alike) - SHOWN} more" if len(alike) > SHOWN else ""
        yield f"labels that differ in capitals alone: {told}{more}. Set clean.labels.fold_case to true to join them"
    several = [label for label in names if SEVERAL.fullmatch(label)]
    if several and any(part in counts for label in several for part in map(str.strip, re.split(r"[|;,]", label))):
        rows = sum(counts[label] for label in several)
        yield (
            f"messages with several labels: {rows:,}, such as {several[0]!r}. A message gets one label here, and each "
            f"combination ({len(several):,}) counts as a label. Choose one in the file, or by clean.labels.map"
        )
