"""The facts of the model card (Mitchell et al. 2019) that are put in words; textrnn/report/page.html has the rest."""

from typing import Any

from textrnn.report.formatting import spelt


def sections(params: dict[str, dict[str, Any]], record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parameters of the run by section, from sections of params.yaml and from the record, model.json."""
    found = params | record["params"] | {"clean": params["clean"]}
    found["download"] = found["download"] | {"source": address(params["download"]["source"])}
    return {name: found[name] for name in ("download", "clean", "vectorize", "split", "train", "evaluate")}


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
