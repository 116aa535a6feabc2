"""The model card, after Mitchell et al. (2019): what the model is, of what, for what, and what it does not know."""

from typing import Any, NamedTuple

from textrnn.report.formatting import percent, some, spelt, threshold

SMS_SPAM = "sms-spam"  # download.source of the SMS Spam Collection

OF_OWN_DATA = (
    "It knows the language, the places and the years of the messages it was trained on, and no others. What it is "
    "worth on other messages, only labelled ones can tell."
)
OF_SMS_SPAM = (
    "It knows English messages, most of them British or Singaporean, of about 2003 to 2011: premium-rate numbers, "
    "ringtones, prize draws. Other languages, other years, and the links and messengers of later spam are not in the "
    "corpus; how much worse it is there was not measured."
)


class Words(NamedTuple):
    """How the page names the labels."""

    positive: str
    others: str
    names: list[str]
    commonest: str  # among the test rows


class Card(NamedTuple):
    """The paragraphs of the card, and what the page says of the model elsewhere."""

    network: str
    own_data: bool
    source: str
    limits: list[str]
    sections: dict[str, dict[str, Any]]  # of parameters


def words(positive: str, counts: dict[str, list[int]]) -> Words:
    """Return how the labels are named. `counts` has the test rows of a label last."""
    names = sorted(counts)
    rest = [name for name in names if name != positive]
    commonest = max(names, key=lambda name: counts[name][-1])
    return Words(positive, rest[0] if len(rest) == 1 else "other labels", names, commonest)


def card(params: dict[str, dict[str, Any]], record: dict[str, Any], metrics: dict[str, Any], named: Words) -> Card:
    """Return what the card says of a model with this record, trained and scored as the metrics say."""
    source = params["download"]["source"]
    sections = params | record["params"] | {"clean": params["clean"]}
    sections["download"] = sections["download"] | {"source": address(source)}
    order = ("download", "clean", "vectorize", "split", "train", "evaluate")
    own = source != SMS_SPAM
    return Card(
        network(record["params"]["train"]),
        own,
        address(source),
        limits(own, params, record, metrics, named),
        {name: sections[name] for name in order},
    )


def network(config: dict[str, Any]) -> str:
    """Return in words what was trained."""
    count, cell, layers = config["ensemble"], config["cell"], config["layers"]
    kind = "simple recurrent network" if cell == "rnn" else f"{cell.upper()} network"
    kind = ("bidirectional " if config["bidirectional"] else "") + kind
    text = f"{spelt(count)} {kind}s" if count > 1 else f"{'an' if kind.startswith('LSTM') else 'a'} {kind}"
    text += f" with {spelt(layers)} layers of" if layers > 1 else " with"
    text += f" {config['units']} units" + (" each way" if config["bidirectional"] else "")
    return text + (", and beside them a linear model of character and word n-grams" if config["linear"] else "")


def address(source: str) -> str:
    """Return where a corpus is from, without what may be a secret: a page is passed on, and params.yaml may be not."""
    if "::" in source:  # an archive, and where it is from
        return "::".join(map(address, source.split("::")))
    scheme, sign, rest = source.partition("://")
    if not sign:
        return source.replace("\\", "/").rsplit("/", 1)[-1]
    host, slash, path = rest.partition("#")[0].partition("?")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def limits(
    own: bool, params: dict[str, dict[str, Any]], record: dict[str, Any], metrics: dict[str, Any], named: Words
) -> list[str]:
    """Return what the model does not know, a sentence or two each."""
    share, longer = metrics["split"]["positive_share"]["test"], metrics["vectorize"]["truncated_share"]
    read, trained = record["params"]["vectorize"]["max_sequence_length"], record["params"]["train"]
    reader = "The networks read" if trained["ensemble"] > 1 else "The network reads"
    suspects = metrics["evaluate"]["suspects"]["all"]
    return [
        OF_OWN_DATA if own else OF_SMS_SPAM,
        "Nobody tried to deceive it. A sender who can ask it will find words that pass.",
        rule(metrics["evaluate"]["threshold"], params["evaluate"]["threshold"])
        if len(named.names) == 2
        else "It answers the likeliest label, whatever an error of one kind costs.",
        f"Its probabilities suppose that as many messages are {named.positive} as here, {percent(share)}. Where fewer "
        "are, more of what it flags is flagged by mistake.",
        f"{reader} the first {some(read, 'token')} of a message; {percent(longer)} of the messages are longer.",
        "The intervals say what other test rows would change, not another split or another training.",
        "Labels are the work of people: "
        + (
            f"{some(suspects, 'row is', 'rows are')} likely mislabelled, and may count against the model wrongly."
            if suspects
            else "none was found to be likely wrong, which does not make all of them right."
        ),
    ]


def rule(cut: float, setting: float | str) -> str:
    """Return how the threshold was chosen."""
    chosen = (
        "chosen where the Matthews correlation of rows held out in training is expected to be highest"
        if setting == "held_out"
        else "set by hand"
    )
    return (
        f"The threshold, {threshold(cut)}, was {chosen}. If one kind of error costs you more than the other, set "
        "evaluate.threshold to a number: the slider above shows what it does."
    )
