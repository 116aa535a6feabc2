"""The facts of the model card (Mitchell et al. 2019) that are put in words; textrnn/report/page.html has the rest."""

from typing import Any, NamedTuple

from textrnn.report.formatting import spelt

SMS_SPAM = "sms-spam"  # download.source of the SMS Spam Collection


class Words(NamedTuple):
    """How the page names the labels."""

    positive: str
    others: str
    names: list[str]
    commonest: str  # among the test rows


class Card(NamedTuple):
    """What the page says of the model and its data."""

    network: str
    own_data: bool
    source: str
    sections: dict[str, dict[str, Any]]  # of parameters


def words(positive: str, counts: dict[str, list[int]]) -> Words:
    """Return how the labels are named. `counts` has the test rows of a label last."""
    names = sorted(counts)
    rest = [name for name in names if name != positive]
    commonest = max(names, key=lambda name: counts[name][-1])
    return Words(positive, rest[0] if len(rest) == 1 else "other labels", names, commonest)


def card(params: dict[str, dict[str, Any]], record: dict[str, Any]) -> Card:
    """Return the card of a model from sections of params.yaml and from its record, model.json."""
    source = params["download"]["source"]
    sections = params | record["params"] | {"clean": params["clean"]}
    sections["download"] = sections["download"] | {"source": address(source)}
    order = ("download", "clean", "vectorize", "split", "train", "evaluate")
    text = network(record["params"]["train"])
    return Card(text, source != SMS_SPAM, address(source), {name: sections[name] for name in order})


def network(config: dict[str, Any]) -> str:
    """Return in words what was trained."""
    count, cell, layers = config["ensemble"], config["cell"], config["layers"]
    kind = "simple recurrent network" if cell == "rnn" else f"{cell.upper()} network"
    kind = ("bidirectional " if config["bidirectional"] else "") + kind
    text = f"{spelt(count)} {kind}s" if count > 1 else f"{'an' if kind.startswith('LSTM') else 'a'} {kind}"
    text += f" with {spelt(layers)} layers of" if layers > 1 else " with"
    text += f" {config['units']} units" + (" each way" if config["bidirectional"] else "")
    return text + (", combined with a linear model of character and word n-grams" if config["linear"] else "")


def address(source: str) -> str:
    """Return where a corpus is from, without folders, passwords and keys: the page may be passed on."""
    if "::" in source:  # an archive, and where it is from
        return "::".join(map(address, source.split("::")))
    scheme, sign, rest = source.partition("://")
    if not sign:
        return source.replace("\\", "/").rsplit("/", 1)[-1]
    host, slash, path = rest.partition("#")[0].partition("?")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
