"""Requests that wait, answered together: while the model runs, others come, and the next run takes all of them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

MOST_TEXTS = 512  # of one run, unless a request alone has more: those who come meanwhile wait for its end
MOST_CHARACTERS = 1 << 18


class FullError(Exception):
    """As many requests wait as may."""


class Asked(NamedTuple, Generic[T]):
    """A request that waits."""

    texts: list[str]
    answers: asyncio.Future[list[T]]


class Batches(Generic[T]):
    """Answers the texts of requests in batches, one after the other, in a thread of its own."""

    def __init__(
        self, answer: Callable[[list[str]], list[T]], most_waiting: int, observe: Callable[[int], None]
    ) -> None:
        """Take the function that answers texts, and one that is told how many texts each batch has."""
        self._answer, self._observe = answer, observe
        self._waiting: asyncio.Queue[Asked[T]] = asyncio.Queue(most_waiting)
        self._thread = ThreadPoolExecutor(1, "model")

    async def ask(self, texts: list[str]) -> list[T]:
        """Return an answer for each text, once its turn has come. Raises FullError, and what the function raises."""
        asked = Asked[T](texts, asyncio.get_running_loop().create_future())
        try:
            self._waiting.put_nowait(asked)
        except asyncio.QueueFull:
            raise FullError from None
        return await asked.answers

    def waiting(self) -> int:
        """Return how many requests wait for their turn."""
        return self._waiting.qsize()

    async def run(self) -> None:
        """Answer batch after batch, until this task is cancelled."""
        try:
            while True:
                await self._answer_all(await self._batch())
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _batch(self) -> list[Asked[T]]:
        """Return the first requests that wait, at least one."""
        batch = [await self._waiting.get()]
        texts, characters = len(batch[0].texts), sum(map(len, batch[0].texts))
        while not self._waiting.empty() and texts < MOST_TEXTS and characters < MOST_CHARACTERS:
            batch.append(self._waiting.get_nowait())
            texts += len(batch[-1].texts)
            characters += sum(map(len, batch[-1].texts))
        return batch

    async def _answer_all(self, batch: list[Asked[T]]) -> None:
        """Answer the requests of a batch, except those whose time is up. If that fails, answer each alone."""
        batch = [asked for asked in batch if not asked.answers.done()]
        texts = list(chain.from_iterable(asked.texts for asked in batch))
        if not batch:
            return
        try:
            found = iter(await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, texts))
        except Exception as error:  # noqa: BLE001  # whatever it is, it goes to the request that it came of
            if len(batch) == 1:
                if not batch[0].answers.done():
                    batch[0].answers.set_exception(error)
                return
            for asked in batch:
                await self._answer_all([asked])
            return
        self._observe(len(texts))
        for asked in batch:
            answers = list(islice(found, len(asked.texts)))
            if not asked.answers.done():
                asked.answers.set_result(answers)
