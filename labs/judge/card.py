"""The judge card of every judge: agreement with gold, position, length; flags computed from the intervals.

Reads: data/corpus (prompts that the gold reward can score), models/reward, models/sft (its reference answers).
Writes: labs/judge/data/records.jsonl, labs/judge/reports/README.md, card.json.
Note: verdicts are kept in .work/verdicts.jsonl by content, so that an endpoint is asked once for each pair and order;
    those of the reward model, which trains anew, under its weights.
    On plain text there is nothing that gold could know, and nothing to judge.
"""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from playbook.data.world.preferences import answers
from playbook.evaluation import judge as judges
from playbook.evaluation.endpoint_judge import endpoint
from playbook.evaluation.judge import Duel, Judge, Verdicts, judge_duels
from playbook.evaluation.judge_card import card, flags
from playbook.evaluation.reward_judge import open_reward_model, reward_judge
from playbook.model.checkpoint import load_model, weights_sha256
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write, read_jsonl, write_json, write_jsonl
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.paths import work_root
from playbook.plumbing.stage import stage
from playbook.reporting.tables import format_measurement, markdown_table

REPORTS = "labs/judge/reports"
HEADERS = {
    "agreement": "says what gold says",
    "kappa": "kappa",
    "position_consistency": "same verdict in both orders",
    "first_preferred": "prefers what stands first",
    "length_pull": "pull of length",
}
CONTROL, REWARD = "gold", "reward_model"


@dataclass(frozen=True)
class DuelsConfig:
    """Which pairs of answers."""

    count: int = 600
    seed: int = 1


@dataclass(frozen=True)
class EndpointConfig:
    """An OpenAI-compatible server as one more judge."""

    url: str = ""
    model: str = ""


@dataclass(frozen=True)
class Params:
    """Sections of labs/judge/params.yaml."""

    judges: dict[str, Literal["believed", "flagged", "measured"]]
    """Name -> what its card should say; `measured`: whatever it is."""
    duels: DuelsConfig = field(default_factory=DuelsConfig)
    endpoint: EndpointConfig = field(default_factory=EndpointConfig)


def main() -> None:
    """Let every judge decide, and write its card."""
    began = time.perf_counter()
    with stage("labs.judge.card", Params) as run:
        params = run.params
        prompts = list(read_jsonl(run.input("data/corpus") / "rl_prompts.jsonl"))
        duels = draw_duels(prompts, params.duels)
        verdicts = Verdicts(work_root() / "verdicts.jsonl")
        truth = judge_duels(judges.gold_judge(), duels, verdicts)
        records, arms, told = [], dict[str, Any](), dict[str, list[str]]()
        model, tokenizer = open_reward_model(run.input("models/reward"))
        ours = reward_judge(REWARD, model, tokenizer, duels, load_model(run.input("models/sft")))
        kept = Verdicts(work_root() / f"verdicts-{weights_sha256(model)[:16]}.jsonl")
        for judge in all_judges(params, ours):
            judged = judge_duels(judge, duels, kept if judge is ours else verdicts)
            found = card(judged, truth, params.duels.seed)
            records += judged
            arms[judge.name] = {name: measured.to_json() for name, measured in found.items()}
            told[judge.name] = flags(found)
        write_jsonl("labs/judge/data/records.jsonl", records)
        outcome = {
            name: outcome_of(told[name], wanted) for name, wanted in params.judges.items() if wanted != "measured"
        }
        results = {
            "expected": params.judges, "arms": arms, "flags": told,
            "negative_control": {"arm": CONTROL, "quiet": not told[CONTROL]},
            "verdicts": outcome, "verdict": "PASS" if set(outcome.values()) == {"PASS"} else "FAIL",
            "run": {"seconds": round(time.perf_counter() - began, 3)},
        }  # fmt: skip
        write_json(f"{REPORTS}/card.json", results)
        with atomic_write(f"{REPORTS}/README.md") as handle:
            handle.write(page(results, len(duels)))


def draw_duels(prompts: Sequence[Mapping[str, Any]], config: DuelsConfig) -> list[Duel]:
    """Two different answers to each of `count` prompts, as preference data draws them."""
    if len(prompts) < config.count:
        raise InputError("labs/judge/params.yaml: duels.count", f"at most {len(prompts)} prompts", config.count)
    rng = random.Random(f"duels {config.seed}")
    duels = []
    for row in rng.sample(list(prompts), config.count):
        one, two = rng.sample(list(dict.fromkeys(answers(rng, dict(row)))), 2)
        cluster = str(row["entity"] or row["id"])
        duels.append(Duel(row["id"], cluster, row["messages"][-1]["content"], one, two, row))
    return duels


def all_judges(params: Params, ours: Judge) -> list[Judge]:
    """The built-in ones by name, the reward model, and the endpoint if there is one."""
    known = {
        "gold": judges.gold_judge(), "always_first": judges.always_first(),
        "always_longer": judges.always_longer(), "random": judges.at_random(params.duels.seed), REWARD: ours,
    }  # fmt: skip
    for name in params.judges:
        if name not in known:
            raise InputError(f"labs/judge/params.yaml: judges.{name}", f"one of {', '.join(known)}", "an unknown judge")
    found = [ours if name == REWARD else Judge(name, known[name].decide) for name in params.judges]
    if params.endpoint.url:
        found.append(judges.asked(params.endpoint.model, endpoint(params.endpoint.url, params.endpoint.model)))
    return found


def outcome_of(told: Sequence[str], wanted: str) -> str:
    """PASS if the card believes the judge, or flags it, as expected."""
    return "PASS" if bool(told) == (wanted == "flagged") else "FAIL"


def page(results: Mapping[str, Any], count: int) -> str:
    """The report."""
    rows = []
    for name, arm in results["arms"].items():
        cells = [format_measurement(Measurement.from_json(arm[key])) for key in HEADERS]
        wanted = results["expected"].get(name, "not known before")
        flagged = "; ".join(results["flags"][name]) or "none"
        n, verdict = Measurement.from_json(arm["kappa"]).n, results["verdicts"].get(name, "")
        rows.append([name, *cells, n, flagged, wanted, verdict])
    table = markdown_table(rows, ["judge", *HEADERS.values(), "n", "flags", "expected", "verdict"])
    return (
        "# May this judge be believed?\n\n"
        f"Each judge sees the same {count} pairs of answers, in both orders; only a verdict that survives the exchange "
        "counts, else the pair is a tie. n counts the entities asked about, which the 95% intervals resample. The pull "
        "of length is how much more often the longer answer wins by this judge than by gold. Three judges have planted "
        "faults; gold is the negative control, which nothing may be said against. The reward model, the main chain's, "
        "is only measured: some of these prompts are about people that it was trained on.\n\n"
        f"{table}\n\nTogether: {results['verdict']}. Made by `python -m labs.judge.card`; every number is in "
        "[card.json](card.json).\n"
    )


if __name__ == "__main__":
    main()
