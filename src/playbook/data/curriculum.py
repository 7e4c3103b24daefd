"""Several token files in one training run, in shares that change from phase to phase.

What is simple and dense first, what stands on it later: Bengio et al., Curriculum Learning, ICML 2009. A phase can end
as soon as its loss is down, because some things form at another moment in every run (induction heads: Olsson et al.,
arXiv 2209.11895). Each row of a batch comes from one source, so a source's share is counted in rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import torch

from playbook.data.batches import Batch, BatchStream, open_stream
from playbook.data.token_file import TokenFile
from playbook.plumbing.errors import InputError

TEXT, WORLD = "train", "county"
"""The source of a run without phases: of plain text, which has no other, and of the world."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one mixture."""

    share: float
    """Of the whole run, and the most that a phase with `until` takes; the shares of all phases add up to 1."""
    mix: dict[str, float]
    """Source -> share of the rows of each batch, rounded to whole rows; they add up to 1."""
    context: int | None = None
    """Tokens of a row; None: the run's. Shorter rows, and so many more of them that a batch holds as many tokens."""
    until: float | None = None
    """The phase is over once the running mean of the loss (nats) is below; the last phase gets what it leaves."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError("share", "more than 0 and at most 1", self.share)
        if abs(sum(self.mix.values()) - 1) > 1e-6 or min(self.mix.values()) < 0:
            raise InputError("mix", "shares between 0 and 1 that add up to 1", self.mix)
        if self.context is not None and self.context < 1:
            raise InputError("context", "at least 1 token", self.context)
        if self.until is not None and not self.until > 0:
            raise InputError("until", "a loss above 0 nats", self.until)


Source = tuple[str, int]
"""A name, and the tokens of its rows."""


MEMORY = 0.9
"""Of the running mean of the loss, from step to step: about the last ten count."""


class Curriculum:
    """An endless, resumable stream of batches of `rows` rows: phase by phase over `batches`, then the last for ever.

    A phase with a context of its own has rows of that length, as many as `rows` of `context` tokens hold. `streams` has
    one for every source of every phase; `open_curriculum` sees to that, and to phases that fit.
    """

    def __init__(
        self, streams: Mapping[Source, BatchStream], phases: Sequence[Phase], context: int, rows: int, batches: int
    ) -> None:
        self.streams = dict(streams)
        ends = [0, *(round(end * batches) for end in accumulate(phase.share for phase in phases))]
        self.plan: list[Any] = [
            [last - first, phase.until, phase.context or context, _rows(phase, context, rows)]
            for (first, last), phase in zip(pairwise(ends), phases, strict=True)
        ]
        """For each phase its batches, the loss that ends it sooner, the tokens of a row, the rows of each source."""
        self.phase = self.step = 0
        """The phase, and the batches that it has given."""
        self.loss: float | None = None
        """Its running mean in this phase."""

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        while self.phase < len(self.plan) - 1 and self._over():
            self.phase, self.step, self.loss = self.phase + 1, 0, None
        _, _, context, rows = self.plan[self.phase]
        self.step += 1
        parts = [self.streams[name, context].take(count) for name, count in rows.items() if count]
        return Batch(*(torch.cat([getattr(part, column.name) for part in parts]) for column in fields(Batch)))

    def _over(self) -> bool:
        batches, until, _, _ = self.plan[self.phase]
        return self.step >= batches or (until is not None and self.loss is not None and self.loss < until)

    def observe(self, loss: float) -> None:
        """Hear the mean loss of a step; what is learnt need not be drilled."""
        self.loss = loss if self.loss is None else MEMORY * self.loss + (1 - MEMORY) * loss

    def state(self) -> dict[str, Any]:
        """Where it stands and the cursor of each source, ready for JSON, with the plan that they belong to."""
        streams = {f"{name} {context}": stream.state() for (name, context), stream in self.streams.items()}
        return {"plan": self.plan, "phase": self.phase, "step": self.step, "loss": self.loss, "streams": streams}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()` of a curriculum with the same plan over the same sources; otherwise `InputError`."""
        if state.get("plan") != self.plan:
            raise InputError("data cursor: plan", repr(self.plan), state.get("plan"), "start the training anew")
        for (name, context), stream in self.streams.items():
            stream.load_state(state["streams"][f"{name} {context}"])
        self.phase, self.step, self.loss = int(state["phase"]), int(state["step"]), state["loss"]


def open_curriculum(
    folder: Path, phases: Sequence[Phase], context: int, rows: int, tokens: int, seed: int
) -> Curriculum:
    """A curriculum over the token files of `folder`, each verified, for a run of `tokens` input tokens.

    Without phases it is one source throughout. Plain text is always so: it has nothing else to mix.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.tokens"))}
    if TEXT in files or not phases:
        phases = (Phase(1.0, {TEXT if TEXT in files else WORLD: 1.0}),)
    check_phases(phases, files, context, rows)
    opened: dict[str, TokenFile] = {}
    streams: dict[Source, BatchStream] = {}
    for name, length in dict.fromkeys((name, phase.context or context) for phase in phases for name in phase.mix):
        if name not in opened:
            opened[name] = TokenFile.open(files[name])
            opened[name].verify()
        streams[name, length] = open_stream(opened[name], length, rows * context // length, seed)
    return Curriculum(streams, phases, context, rows, round(tokens / (rows * context)))


def _rows(phase: Phase, context: int, rows: int) -> dict[str, int]:
    return rows_of(phase.mix, rows * context // (phase.context or context))


def rows_of(mix: Mapping[str, float], rows: int) -> dict[str, int]:
    """Whole rows of each source in a batch.

    >>> rows_of({"a": 0.5, "b": 0.3, "c": 0.2}, 8)
    {'a': 4, 'b': 2, 'c': 2}
    """
    bounds = [0, *(round(bound * rows) for bound in accumulate(mix.values()))]
    return {name: last - first for name, (first, last) in zip(mix, pairwise(bounds), strict=True)}


def check_phases(phases: Sequence[Phase], sources: Mapping[str, object], context: int, rows: int) -> None:
    """Raise `InputError` unless shares add up to 1, sources are known and get a row each, and shorter rows fill a batch
    exactly."""
    if abs(sum(phase.share for phase in phases) - 1) > 1e-6:
        raise InputError("curriculum", "shares of phases that add up to 1", [phase.share for phase in phases])
    for number, phase in enumerate(phases):
        if strange := [name for name in phase.mix if name not in sources]:
            raise InputError(f"curriculum[{number}]: mix", f"sources among {', '.join(sources)}", ", ".join(strange))
        if phase.context and (phase.context > context or rows * context % phase.context):
            expected = f"at most {context}, and a divisor of batch x context, {rows * context}"
            raise InputError(f"curriculum[{number}]: context", expected, phase.context)
        counts = _rows(phase, context, rows)
        if lost := [name for name, count in counts.items() if phase.mix[name] and not count]:
            expected = f"shares of a row at least, so 1/{sum(counts.values())} (a larger `batch` has more rows)"
            raise InputError(f"curriculum[{number}]: mix", expected, ", ".join(f"{x} {phase.mix[x]}" for x in lost))
