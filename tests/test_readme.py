"""The README and the pages in docs/ against what is committed."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from compare.picture import PANELS
from compare.protocols import CEILING, TABLE
from textrnn.core.files import read_json
from tools import readme, speed
from tools.markdown import written

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCUMENTS = {page: page.read_text("utf-8") for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]}


@pytest.mark.parametrize("tool", [readme, speed], ids=["readme", "speed"])
def test_every_block_of_a_page_is_what_the_committed_numbers_give_and_another_digit_is_noticed(tool: Any) -> None:
    pages, blocks = tool.PAGES, tool.BLOCKS
    for page in pages:
        assert written(DOCUMENTS[page], blocks) == DOCUMENTS[page], "run `python -m tools.readme` and `tools.speed`"
        changed = re.sub(r"(<!-- [a-z]+ -->\n\D*)\d", r"\g<1>X", DOCUMENTS[page])
        assert changed.count("X") >= DOCUMENTS[page].count("X") + len(re.findall("<!-- [a-z]+ -->", DOCUMENTS[page]))
        assert written(changed, blocks) == DOCUMENTS[page]
    found = [block for page in pages for block in re.findall("<!-- ([a-z]+) -->\n", DOCUMENTS[page])]
    assert sorted(found) == sorted(blocks), "each on one page"


def test_a_difference_is_not_significant_if_its_interval_contains_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = read_json(TABLE)
    monkeypatch.setattr(readme, "read_json", lambda path: found if path == TABLE else read_json(path))
    for low, high, word in ((0.001, 0.002, "better"), (-0.002, -0.001, "worse"), (-0.001, 0.9, "not significant")):
        for protocol in PANELS:
            for scores in found[protocol]["default"].values():
                scores.update(low=low, high=high)
        assert readme.verdict().count(f", {word}") == 4


def test_params_yaml_says_beside_each_setting_what_it_means() -> None:
    text = (ROOT / "params.yaml").read_text("utf-8")
    settings = YAML(typ="safe", pure=True).load(text)
    explained = re.findall(r"^  (\w+): +\S.*?  # .{10}", text, re.MULTILINE)
    assert explained == [key for keys in settings.values() for key in keys]


def test_every_row_that_no_good_model_gets_right_is_explained() -> None:
    part = DOCUMENTS[ROOT / "docs/comparison.md"].partition("## Rows that no good model gets right\n")[2]
    explained = set(re.findall(r"\d+", part.partition("\n## ")[0]))
    for found in read_json(CEILING).values():
        assert set(found["numbers"].split()) <= explained
        assert found["rows"] == len(found["numbers"].split()) > 5


def test_every_file_that_a_document_links_to_exists_and_the_readme_leads_to_every_document() -> None:
    linked, waiting = set(), [README]
    for page, text in DOCUMENTS.items():
        links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == [], page
    while waiting:
        page = waiting.pop()
        for link in re.findall(r"\]\(([^)#\s]+\.md)\)", DOCUMENTS[page]):
            if "://" not in link and (found := (page.parent / link).resolve()) not in linked:
                linked.add(found)
                waiting.append(found)
    assert set(DOCUMENTS) - {README} <= linked


def test_the_readme_fits_on_three_screens() -> None:
    assert len(DOCUMENTS[README].splitlines()) <= 130


def test_every_parameter_that_a_document_names_exists() -> None:
    settings = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text("utf-8"))
    named = [name for text in DOCUMENTS.values() for name in re.findall(r"-S '?(\w+)\.(\w+)=", text)]
    assert len(named) > 5
    assert [key for section, key in named if key not in settings[section]] == []
