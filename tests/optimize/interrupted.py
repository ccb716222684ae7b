"""The process that the crash test kills: a search whose model falls silent after a number of answers.

Arguments: store URL, folder of the task, number of answers. Each call is written to calls.log in the folder; a line on the
output says when the model has fallen silent.
"""

import asyncio
import sys
from pathlib import Path

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from stemma.core.clock import SystemClock
from stemma.evaluate.calls import Target
from stemma.evaluate.data import Dataset, read_dataset
from stemma.evaluate.memo import Memo
from stemma.evaluate.scorers import scorer_named
from stemma.evaluate.trial import Trial
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.models.embedded import EmbeddedModel
from stemma.optimize.genetic import Genetic
from stemma.optimize.optimizer import Assignment, Optimizer, Search
from stemma.optimize.settings import SearchSettings
from stemma.registry.candidates import Candidates
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Sessions
from stemma.store import Store
from stemma.testing.scripted import CountingModel


class Silenced(WrapperModel):
    """Answers `number` times, then never again."""

    def __init__(self, wrapped: CountingModel, number: int) -> None:
        super().__init__(wrapped)
        self._left = number

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        if self._left == 0:
            sys.stdout.write("silent\n")
            sys.stdout.flush()
            await asyncio.Event().wait()
        self._left -= 1
        return await self.wrapped.request(messages, model_settings, model_request_parameters)


async def search(url: str, folder: Path, answers: int) -> None:
    store, clock = Store.open(url), SystemClock()
    scope = Scope(store, Ledger(store, clock), clock, "user:test")

    def read(name: str) -> Dataset:
        return read_dataset(folder / name, inputs=["text"], expected="queue")

    model = Silenced(CountingModel(EmbeddedModel(), log=folder / "calls.log"), answers)
    await Optimizer(scope, Sessions(scope), Candidates(scope, Contents()), Memo(scope)).run(
        Assignment(Prompt((folder / "prompt.txt").read_text()), read("train.csv"), read("holdout.csv")),
        Search(Genetic(), SearchSettings(population=6, generations=4, max_calls=250, token_cap=150, seed=3)),
        Trial(Target("embedded", model), scorer_named("normalised")),
    )


if __name__ == "__main__":
    asyncio.run(search(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
