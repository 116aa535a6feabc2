"""Requests that wait, answered together: while the model runs, others come, and the next run takes all of them."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

# Of one run of the model, in characters, with so many added for each text. A request that has more is cut, so that
# those who come meanwhile wait for a part of it alone.
MOST, EACH = 1 << 16, 128


class FullError(Exception):
    """As many requests wait as may."""


class Part(NamedTuple, Generic[T]):
    """Texts of a request that wait for a run."""

    texts: list[str]
    answers: asyncio.Future[list[T]]


class Batches(Generic[T]):
    """Answers the texts of requests in batches, one after the other, in a thread of its own."""

    def __init__(self, answer: Callable[[list[str]], list[T]], most: int, observe: Callable[[int], None]) -> None:
        """Take the function that answers texts, how many requests may wait, and who is told the size of each batch."""
        self.requests = 0  # that wait, or are being answered
        self._answer, self._most, self._observe = answer, most, observe
        self._waiting: asyncio.Queue[Part[T]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, "model")

    async def ask(self, texts: list[str]) -> list[T]:
        """Return an answer for each text, once its turn has come. Raises FullError, and what the function raises."""
        if self.requests >= self._most:
            raise FullError
        self.requests += 1
        found: list[T] = []
        try:
            for some in parts(texts):
                part = Part[T](some, asyncio.get_running_loop().create_future())
                self._waiting.put_nowait(part)
                found += await part.answers
        finally:
            self.requests -= 1
        return found

    async def run(self) -> None:
        """Answer batch after batch, until this task is cancelled."""
        try:
            while True:
                await self._answer_all(await self._batch())
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _batch(self) -> list[Part[T]]:
        """Return the first parts that wait, at least one."""
        batch = [await self._waiting.get()]
        size = cost(batch[0].texts)
        while size < MOST and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
            size += cost(batch[-1].texts)
        return batch

    async def _answer_all(self, batch: list[Part[T]]) -> None:
        """Answer the parts of a batch, but for those whose time is up. If that fails, answer each alone."""
        batch = [part for part in batch if not part.answers.done()]
        if not batch:
            return
        texts = list(chain.from_iterable(part.texts for part in batch))
        try:
            found = iter(await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, texts))
        except Exception as error:  # noqa: BLE001  # whatever it is, it goes to the request that it came of
            if len(batch) > 1:
                for part in batch:
                    await self._answer_all([part])
            elif not batch[0].answers.done():
                batch[0].answers.set_exception(error)
            return
        self._observe(len(texts))
        for part in batch:
            answers = list(islice(found, len(part.texts)))
            if not part.answers.done():
                part.answers.set_result(answers)


def parts(texts: list[str]) -> Iterator[list[str]]:
    """Yield the texts in lists that one run may take, in order."""
    some: list[str] = []
    size = 0
    for text in texts:
        if some and size + cost([text]) > MOST:
            yield some
            some, size = [], 0
        some.append(text)
        size += cost([text])
    yield some


def cost(texts: list[str]) -> int:
    """Return how long a run on these texts takes, in characters."""
    return sum(EACH + len(text) for text in texts)
