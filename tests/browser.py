"""A real Chromium that looks at the report, and what a reader with other eyes than a tester's would find there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@contextmanager
def running() -> Iterator[Browser]:
    """Run Chromium for the block. Without one the test is skipped."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        pytest.skip(f"none of {', '.join(NAMES)} is installed: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


class Sight:
    """An open page, what it said on the console, and what it asked for."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page, self.said, self.asked = page, [], []  # type: Page, list[str], list[str]
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())

    def run(self, script: str, argument: str | None = None) -> Any:
        """Return the value of a JavaScript expression, or what a function makes of the argument."""
        return self.page.evaluate(script, argument)

    def text(self, selector: str) -> str:
        """Return the text of an element, its spaces plain ones."""
        return " ".join(self.page.locator(selector).inner_text().split())

    def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        for key in keys:
            self.page.keyboard.press(key)


@contextmanager
def seen(browser: Browser, path: Path, width: int = 1440, height: int = 900, **options: Any) -> Iterator[Sight]:
    """Open the file at `path` in a window of this size, with nothing but that file within reach."""
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
    try:
        yield Sight(context.new_page(), path)
    finally:
        context.close()


# Every text below the contrast that WCAG 2.2 asks for at level AA, 4.5 to 1: [ratio, text] each. Closed details are
# opened first. Colours are resolved by drawing them, since color-mix() and its like come back in many notations.
CONTRAST = """() => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  const pencil = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pencil.clearRect(0, 0, 1, 1);
    pencil.fillStyle = colour;
    pencil.fillRect(0, 0, 1, 1);
    return [...pencil.getImageData(0, 0, 1, 1).data];
  };
  const light = ([red, green, blue]) => [[red, .2126], [green, .7152], [blue, .0722]].reduce((sum, [value, weight]) => {
    const share = value / 255;
    return sum + weight * (share <= .04045 ? share / 12.92 : ((share + .055) / 1.055) ** 2.4);
  }, 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
      if (colour[3]) throw new Error("half transparent: " + one.outerHTML.slice(0, 80));
    }
    throw new Error("nothing behind it");
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  let looked = 0;
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("script") || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(rgba(element.closest("svg") ? style.fill : style.color)), light(behind(element))];
    const ratio = (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
    looked += 1;
    if (ratio < 4.5) found.push([ratio, texts.currentNode.data.trim().slice(0, 40)]);
  }
  return [looked, found];
}"""

# What reaches beyond the right edge though its own box does not scroll, once all is open.
SIDEWAYS = """() => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  const root = document.documentElement;
  const wide = [...document.body.querySelectorAll("*")].filter((one) => !one.closest(".scroll > *, pre, svg, .skip")
    && one.getBoundingClientRect().right > root.clientWidth + 1);
  return [root.scrollWidth - root.clientWidth, wide.map((one) => one.outerHTML.slice(0, 100))];
}"""

# What the structure of a page lacks for those who hear it.
STRUCTURE = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const ids = all("[id]").map((one) => one.id);
  const levels = all("h1, h2, h3, h4").map((one) => +one.tagName[1]);
  const named = (one) => one.ariaLabel || ids.includes(one.getAttribute("aria-labelledby"));
  const faults = {
    "no language": all("html:not([lang])"),
    "a second h1": all("h1").slice(1),
    "skips a level": levels.filter((level, place) => level > (place ? levels[place - 1] : 0) + 1),
    "an id twice": ids.filter((id, place) => ids.indexOf(id) < place),
    "leads nowhere": all("a[href^='#']").filter((link) => !ids.includes(link.hash.slice(1))),
    "no name": all("svg:not([aria-hidden=true]), img, [role=region], [aria-labelledby]").filter((one) => !named(one)),
    "no scope": all("th:not([scope])"),
    "no label": all("input").filter((one) => !one.labels.length),
  };
  return Object.entries(faults).flatMap(([fault, found]) => found.map((one) => `${fault}: ${one.outerHTML || one}`));
}"""
