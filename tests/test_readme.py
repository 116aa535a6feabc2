"""The README against what is committed."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from textrnn.files import read_json
from tools import readme, speed
from tools.markdown import written

ROOT = Path(__file__).resolve().parent.parent
TEXT = readme.README.read_text("utf-8")


def test_every_number_is_the_one_in_the_committed_metrics() -> None:
    assert written(TEXT, readme.BLOCKS) == TEXT, "run `python -m tools.readme`"


def test_every_number_of_the_page_on_speed_is_one_that_was_measured() -> None:
    page = speed.PAGE.read_text("utf-8")
    assert written(page, speed.BLOCKS) == page, "run `python -m tools.speed`"
    assert sorted(re.findall("<!-- ([a-z]+) -->\n", page)) == sorted(speed.BLOCKS)


@pytest.mark.parametrize("block", readme.BLOCKS)
def test_another_number_in_a_block_is_noticed(block: str) -> None:
    start = TEXT.index(f"<!-- {block} -->\n")
    digit = start + next(place for place, letter in enumerate(TEXT[start:]) if letter.isdigit())
    changed = TEXT[:digit] + str((int(TEXT[digit]) + 1) % 10) + TEXT[digit + 1 :]
    assert written(changed, readme.BLOCKS) == TEXT != changed


def test_every_row_that_no_model_gets_right_is_explained() -> None:
    explained = set(re.findall(r"\d+", (ROOT / "docs/ceiling.md").read_text("utf-8")))
    found = {protocol: table["ceiling"]["numbers"].split() for protocol, table in read_json(readme.TABLE).items()
             if "ceiling" in table}  # fmt: skip
    assert set(found) == {"duplicates", "templates"}
    assert all(len(numbers) > 5 for numbers in found.values())
    assert set().union(*found.values()) <= explained


def test_every_file_that_it_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if not link.startswith("http")]
    assert len(links) > 6
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_parameter_that_it_names_exists() -> None:
    settings = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text("utf-8"))
    named = re.findall(r"-S '?(\w+)\.(\w+)=", TEXT)
    assert len(named) > 5
    assert [key for section, key in named if key not in settings[section]] == []


def test_ci_runs_the_two_commands_as_they_are_written() -> None:
    commands = [line.strip() for line in TEXT.splitlines() if line.startswith("    pip install")]
    assert commands == [
        "pip install -r requirements.txt && dvc repro",
        "pip install -r requirements-dev.txt && pytest",
    ]
    assert commands[1] in (ROOT / ".ci/run").read_text("utf-8")
