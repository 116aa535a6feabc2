"""The work of clean, vectorize and split but near-duplicates, written with Polars or DuckDB, as bench/peers.py has it.

Neither library's regular expressions look ahead, so a few emoticons become other tokens.

Run     PYTHONPATH=FOLDER_OF_POLARS_AND_DUCKDB python -m bench.engines {polars,duckdb} CORPUS FOLDER
"""

# ruff: noqa: S608  # no stranger's text is in the SQL

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WORD = r"\p{L}+(?:['\x{2019}]\p{L}+)*"
RICH = r"(?i:https?://|www\.)\S+|[:;=8][-o']?(?:[dDpP]\b|[()\[\]/\\|*])|\d+|" + WORD + r"|[^\p{L}\p{N}_\s]+|_+"
LINK, NUMBER, OTHER = r"(?:https?://|www\.)\S+", r"\d+(?:[.,:/-]\d+)*", r"[^\p{L}\p{N}]+"
SIDES = {"test": 0.2, "validation": 0.3, "train": 1.0}  # the share of the rows in a part and those before it


def save(folder: Path, ids: NDArray[np.int64], lengths: NDArray[np.int64], ends: NDArray[np.float64]) -> None:
    """Write the tokens, and the rows of each part. `ends` are the shares of the rows up to each row's group."""
    ids.astype(np.int32).tofile(folder / "ids.bin")
    lengths.astype(np.int32).tofile(folder / "lengths.bin")
    sides = np.searchsorted([*SIDES.values()], ends)
    for number, name in enumerate(SIDES):
        np.save(folder / f"{name}.npy", np.flatnonzero(sides == number))


def with_polars(corpus: Path, folder: Path) -> None:
    """Do the work with Polars."""
    import polars as pl  # noqa: PLC0415

    def written(table: pl.DataFrame, name: str) -> None:
        table.write_csv(folder / name, separator="\t", include_header=False, quote_style="never")

    filled = [pl.col(name).str.strip_chars() != "" for name in ("label", "text")]
    read = pl.scan_csv(
        corpus, separator="\t", quote_char=None, has_header=False, new_columns=["label", "text"], infer_schema=False
    )
    messages = read.filter(filled).unique("text", keep="first", maintain_order=True).with_row_index("row").collect()
    written(messages.select("label", "text"), "messages.tsv")

    found = messages.select(token=pl.col("text").str.extract_all(RICH))
    lengths = found["token"].list.len().to_numpy()
    tokens = found.explode("token").drop_nulls()
    counts = tokens.group_by("token").len("count").sort(["count", "token"], descending=[True, False])
    written(counts, "vocabulary.tsv")
    numbers = counts.with_row_index("number").select("token", "number")
    ids = tokens.join(numbers, on="token", how="left", maintain_order="left")["number"].to_numpy()
    del found, tokens

    plain = pl.col("text").str.to_lowercase().str.replace_all(LINK, " link ").str.replace_all(NUMBER, "0")
    plain = plain.str.replace_all(OTHER, " ").str.strip_chars()
    templates = messages.select(template=pl.when(plain != "").then(plain).otherwise("text"))
    groups = templates.group_by("template").len().sort(pl.col("template").hash(0))
    groups = groups.select("template", end=pl.col("len").cum_sum() / pl.col("len").sum())
    ends = templates.join(groups, on="template", how="left", maintain_order="left")["end"].to_numpy()
    save(folder, ids, lengths, ends)


def with_duckdb(corpus: Path, folder: Path) -> None:
    """Do the work with DuckDB."""
    import duckdb  # noqa: PLC0415

    here = duckdb.connect(str(folder / "database"), config={"temp_directory": str(folder)})
    text, rich = "(format csv, delimiter '\t', header false, quote '', escape '')", RICH.replace("'", "''")
    plain = f"regexp_replace(regexp_replace(lower(text), '{LINK}', ' link ', 'g'), '{NUMBER}', '0', 'g')"
    plain = f"trim(regexp_replace({plain}, '{OTHER}', ' ', 'g'))"
    for sql in (
        f"""create table messages as select row_number() over (order by line) - 1 as row, label, text from (
            select min(line) line, arg_min(label, line) label, text from (
                select row_number() over () line, label, text from read_csv('{corpus}', delim='\t', header=false,
                    quote='', escape='', columns={{'label': 'varchar', 'text': 'varchar'}}))
            where trim(label) <> '' and trim(text) <> '' group by text)""",
        f"copy (select label, text from messages order by row) to '{folder / 'messages.tsv'}' {text}",
        f"create table found as select row, regexp_extract_all(text, '{rich}') tokens from messages",
        "create table tokens as select row, unnest(tokens) token, generate_subscripts(tokens, 1) place from found",
        """create table vocabulary as select token, n, row_number() over (order by n desc, token) - 1 number
            from (select token, count(*) n from tokens group by token)""",
        f"copy (select token, n from vocabulary order by number) to '{folder / 'vocabulary.tsv'}' {text}",
        f"create table templates as select row, if({plain} = '', text, {plain}) template from messages",
        """create table parts as select template, sum(n) over (order by hash(template), template) / sum(n) over () share
            from (select template, count(*) n from templates group by template)""",
    ):
        here.execute(sql)
    columns = {
        "number": "from tokens join vocabulary using (token) order by row, place",
        "len(tokens)": "from found order by row",
        "share": "from templates join parts using (template) order by row",
    }
    save(folder, *(here.execute(f"select {name} value {rest}").fetchnumpy()["value"] for name, rest in columns.items()))


def main() -> None:
    """Do what was asked for."""
    what, corpus, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    {"polars": with_polars, "duckdb": with_duckdb}[what](corpus, folder)


if __name__ == "__main__":
    main()
