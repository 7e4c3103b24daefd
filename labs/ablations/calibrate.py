"""How many tokens an arm trains on while the default trains on one. Run as `python -m labs.ablations.calibrate ARM`.

Reads: labs/ablations/data/bpe, labs/ablations/data/char.
Writes: labs/ablations/reports/calibrate/ARM.json.
Note: arm and default take turns, a few steps each, and the ratio is taken turn by turn; its median becomes the arm's
    budget. The clock counts CPU-seconds of this process, so that what else the machine does weighs little. Only this
    stage looks at a clock: given its result, training is the same bits each time.
"""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from labs.ablations.arms import DATA, DEFAULT, Arm, make_trainer, seconds_of_steps, turns
from playbook.evaluation.statistics import median_of
from playbook.model.gpt import ModelConfig
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.runlog import progress
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.plumbing.stage import stage
from playbook.training.trainer import TrainConfig


@dataclass(frozen=True)
class Calibration:
    """How the speed of an arm is measured."""

    rounds: int = 9
    """Turns of arm and default that count."""
    warmup: int = 1
    """Turns before those."""
    tokens: int = 8_192
    """Input tokens of a turn."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    arms: dict[str, Arm]
    model: ModelConfig
    train: TrainConfig
    calibration: Calibration = field(default_factory=Calibration)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main(key: str) -> None:
    """Measure the arm `key` against the default."""
    with stage("labs.ablations.calibrate", Params, key) as run:
        if key not in run.params.arms:
            raise InputError("labs.ablations.calibrate", f"one arm of {', '.join(run.params.arms)}", key)
        for part in ("bpe", "char"):  # beside these the folder holds what other arms write meanwhile
            run.input(DATA / part)
        facts = start(run.params.runtime).facts()
        run.report(calibrate(run.params, key, run.work), **facts)


def calibrate(params: Params, key: str, work: Path) -> dict[str, Measurement]:
    """Tokens a CPU-second of the arm, and their ratio to the default's; the default is the unit of itself."""
    how = params.calibration
    pair = [
        make_trainer(params.arms[name], params.model, params.train, how.tokens, params.runtime, DATA, work / str(place))
        for place, name in enumerate((key, DEFAULT))
    ]
    ratios, rates = [], []
    for number, arm_first in progress(turns(how.warmup + how.rounds), key, total=how.warmup + how.rounds):
        rate = {}
        for trainer in pair if arm_first else reversed(pair):
            steps = max(1, how.tokens // (trainer.config.batch * trainer.model.config.context))
            tokens = steps * trainer.config.batch * trainer.model.config.context
            rate[trainer] = tokens / seconds_of_steps(trainer, steps, time.process_time)
        if number >= how.warmup:
            rates.append(rate[pair[0]])
            ratios.append(rate[pair[0]] / rate[pair[1]])
    ratio = Measurement(1.0, (1.0, 1.0), len(ratios)) if key == DEFAULT else median_of(ratios)
    return {"tokens_over_default": ratio, "tokens_per_cpu_second": median_of(rates)}


if __name__ == "__main__":
    main(*sys.argv[1:])
