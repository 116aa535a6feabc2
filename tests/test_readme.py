"""The README and the pages in docs/ against what is committed."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from textrnn.core.files import read_json
from tools import parameters, readme, speed
from tools.markdown import written

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
TEXT = README.read_text("utf-8")
PAGES = {page: page.read_text("utf-8") for page in readme.PAGES}
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_number_is_the_one_in_the_committed_metrics(page: Path) -> None:
    assert written(PAGES[page], readme.BLOCKS) == PAGES[page], "run `python -m tools.readme`"


def test_every_block_is_on_one_page() -> None:
    found = [block for text in PAGES.values() for block in re.findall("<!-- ([a-z]+) -->\n", text)]
    assert sorted(found) == sorted(readme.BLOCKS)


def test_the_page_of_parameters_says_what_params_yaml_says() -> None:
    params, pipeline = ((ROOT / name).read_text("utf-8") for name in ("params.yaml", "dvc.yaml"))
    assert parameters.PAGE.read_text("utf-8") == parameters.page(params, pipeline), "run `python -m tools.parameters`"
    settings = YAML(typ="safe", pure=True).load(params)
    for section, keys in settings.items():
        part = parameters.page(params, pipeline).partition(f"## {section}\n")[2].partition("\n## ")[0]
        assert re.findall(r"^\| `(\w+)`", part, re.MULTILINE) == list(keys)


def test_a_setting_without_a_meaning_is_noticed() -> None:
    assert parameters.setting("  dpi: 120   # dots | per inch") == ["`dpi`", "`120`", "dots \\| per inch"]
    with pytest.raises(ValueError, match="found '  dpi: 120'"):
        parameters.setting("  dpi: 120")


def test_every_number_of_the_page_on_speed_is_one_that_was_measured() -> None:
    pages = [page.read_text("utf-8") for page in speed.PAGES]
    assert [written(page, speed.BLOCKS) for page in pages] == pages, "run `python -m tools.speed`"
    assert sorted(re.findall("<!-- ([a-z]+) -->\n", "".join(pages))) == sorted(speed.BLOCKS)


@pytest.mark.parametrize("block", readme.BLOCKS)
def test_another_number_in_a_block_is_noticed(block: str) -> None:
    (text,) = (text for text in PAGES.values() if f"<!-- {block} -->\n" in text)
    start = text.index(f"<!-- {block} -->\n")
    digit = start + next(place for place, letter in enumerate(text[start:]) if letter.isdigit())
    changed = text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :]
    assert written(changed, readme.BLOCKS) == text != changed


def test_every_row_that_no_model_gets_right_is_explained() -> None:
    explained = set(re.findall(r"\d+", (ROOT / "docs/ceiling.md").read_text("utf-8")))
    found = {protocol: table["ceiling"]["numbers"].split() for protocol, table in read_json(readme.TABLE).items()
             if "ceiling" in table}  # fmt: skip
    assert set(found) == {"duplicates", "templates"}
    assert all(len(numbers) > 5 for numbers in found.values())
    assert set().union(*found.values()) <= explained


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_a_document_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_the_readme_leads_to_every_other_document() -> None:
    linked, waiting = set(), [README]
    while waiting:
        page = waiting.pop()
        for link in re.findall(r"\]\(([^)#\s]+\.md)\)", page.read_text("utf-8")):
            if "://" not in link and (found := (page.parent / link).resolve()) not in linked:
                linked.add(found)
                waiting.append(found)
    assert set(DOCUMENTS) - {README} <= linked


def test_the_readme_is_no_longer_than_two_screens_or_three() -> None:
    assert len(TEXT.splitlines()) <= 130


def test_every_parameter_that_it_names_exists() -> None:
    settings = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text("utf-8"))
    texts = [page.read_text("utf-8") for page in DOCUMENTS]
    named = [name for text in texts for name in re.findall(r"-S '?(\w+)\.(\w+)=", text)]
    assert len(named) > 5
    assert [key for section, key in named if key not in settings[section]] == []


def test_ci_runs_the_two_commands_as_they_are_written() -> None:
    commands = [line.strip() for line in TEXT.splitlines() if line.startswith("    pip install")]
    assert commands == [
        "pip install -r requirements.txt && dvc repro",
        "pip install -r requirements-dev.txt && pytest",
    ]
    assert commands[1] in (ROOT / ".ci/run").read_text("utf-8")
