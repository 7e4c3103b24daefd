"""The failure lab: verdicts follow intervals and seeds, faults are planted as stated, every experiment runs in
small.
"""

import importlib
import random
import re
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_world import TINY
from toy import randomised

from labs.failure_modes.capacity import People
from labs.failure_modes.capacity import made_up as made_up_people
from labs.failure_modes.claims import Claim, compare, judge, measured, together
from labs.failure_modes.county import NOTED, County
from labs.failure_modes.experiment import Lab
from labs.failure_modes.figures import draw, fit_frontier, frontier
from labs.failure_modes.forks import encode
from labs.failure_modes.format_hacking import added, form, gated, mixed
from labs.failure_modes.grpo_bias import told as chances_to_go_on
from labs.failure_modes.label_noise import flipped, sides_of
from labs.failure_modes.length_bias import length_pairs
from labs.failure_modes.policies import dealt_anew
from labs.failure_modes.proxies import ProxyConfig, judge_rollout, labelled, prompts_of
from labs.failure_modes.report import page, path_table
from labs.failure_modes.reward_hacking import Params as RewardHackingParams
from labs.failure_modes.reward_hacking import kl_of_best
from labs.failure_modes.verdict import Params as VerdictParams
from labs.failure_modes.verdict import results
from playbook.data.world.facts import build_world
from playbook.data.world.turns import IDK
from playbook.inference.sampling import SamplingConfig
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.config import build, read_params, read_yaml
from playbook.plumbing.errors import InputError
from playbook.posttraining.best_of_n import best_of_n_kl_bound
from playbook.posttraining.reward_model import reward_model_from
from playbook.posttraining.rollouts import Rollout, encode_prompts, roll_out
from playbook.text.tokenizer import CharTokenizer

LAB = Path("labs/failure_modes")
PARAMS = read_yaml(LAB / "params.yaml")
EXPERIMENTS = [name for name in PARAMS if name not in ("bench", "runtime", "studies")]
SMALLER = {"steps": 2, "batch": 4, "pairs": 16, "prompts": 2, "group": 4, "pool": 4, "people": 4, "members": 2,
           "times": 2, "max_new_tokens": 4, "exposures": 1, "people_a": 6, "people_b": 6, "texts": 4,
           "wordings": 2}  # fmt: skip


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A small county, and a model that knows nothing of it."""
    tokenizer = CharTokenizer(string.printable)
    model = GPTMini(ModelConfig(context=192, layers=1, width=16, heads=2), tokenizer.vocab_size).eval()
    return Lab(model, tokenizer, County(build_world(TINY), ("A text.", "Another text.")), tmp_path)


def in_small(tree: Any) -> Any:
    """The same parameters with few of everything."""
    if isinstance(tree, dict):
        small = {key: SMALLER.get(key, in_small(value)) for key, value in tree.items()}
        return (
            small
            | {key: [1, 2] for key in ("at", "n") if isinstance(tree.get(key), list)}
            | ({"n": 2} if isinstance(tree.get("n"), int) else {})
        )
    return tree


@pytest.mark.integration
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_runs_in_small_and_fills_the_arms_that_are_claimed(name: str, lab: Lab) -> None:
    module = importlib.import_module(f"labs.failure_modes.{name}")
    sections = {key: PARAMS[key] for key in (name, "bench", "runtime")}
    rows = list(module.play(lab, build(module.Params, in_small(sections), "params"), 1))
    assert all({"arm", "unit"} <= set(row) for row in rows)


def rows_of(arm: str, values: dict[int, list[float]]) -> list[dict[str, Any]]:
    """Seed -> the value of each unit."""
    return [
        {"seed": seed, "arm": arm, "unit": f"u{place}", "gold": value}
        for seed, row in values.items() for place, value in enumerate(row)
    ]  # fmt: skip


def made_up(shift: dict[int, float], units: int = 40) -> list[dict[str, Any]]:
    """An arm that is `shift` above the other in each seed, units unlike each other."""
    rng = np.random.default_rng(1)
    base = {seed: rng.normal(size=units).tolist() for seed in shift}
    moved = {seed: [value + shift[seed] + 0.1 * rng.normal() for value in row] for seed, row in base.items()}
    return [*rows_of("one", moved), *rows_of("two", base)]


@pytest.mark.parametrize(
    ("shift", "expected", "verdict"),
    [
        ({1: 1.0, 2: 1.2, 3: 0.9}, "above", "PASS"),
        ({1: 1.0, 2: 1.2, 3: 0.9}, "below", "FAIL"),
        ({1: -1.0, 2: -1.2, 3: -0.9}, "below", "PASS"),
        ({1: 2.0, 2: 2.0, 3: -0.2}, "above", "INCONCLUSIVE"),  # one seed says otherwise
        ({1: 0.0, 2: 0.0, 3: 0.0}, "above", "INCONCLUSIVE"),
    ],
)
def test_a_claim_needs_the_interval_and_every_seed(shift: dict[int, float], expected: Any, verdict: str) -> None:
    judged = judge(Claim("gold", "gold", "one", "two", expected), made_up(shift))
    assert judged.verdict == verdict
    assert judged.difference.value == pytest.approx(np.mean(list(shift.values())), abs=0.05)
    assert judged.difference.seeds == 3


@pytest.mark.parametrize(
    ("shift", "units", "verdict"), [(0.0, 40, "PASS"), (1.0, 40, "FAIL"), (0.18, 3, "INCONCLUSIVE")]
)
def test_a_control_is_quiet_only_if_its_whole_interval_is_within_the_bounds(
    shift: float, units: int, verdict: str
) -> None:
    claim = Claim("gold", "gold", "one", "two", "near", within=0.2)
    assert judge(claim, made_up(dict.fromkeys((1, 2, 3), shift), units)).verdict == verdict


def test_arms_are_compared_row_by_row_so_what_units_differ_by_does_not_widen_the_interval() -> None:
    difference, by_seed = compare(made_up({1: 1.0, 2: 1.0, 3: 1.0}), "one", "two", "gold", 1)
    assert difference.ci95[1] - difference.ci95[0] < 0.15  # units differ by 1, within a pair by 0.1
    assert list(by_seed) == [1, 2, 3]


def test_seeds_are_drawn_too() -> None:
    apart = measured(rows_of("one", {1: [0.0] * 50, 2: [0.0] * 50, 3: [3.0] * 50}), "one", "gold")
    assert apart is not None
    assert apart.ci95 == (0.0, 3.0)  # 27 of 729 resamples hold the third seed alone: 3.7%


def test_an_arm_without_rows_is_told() -> None:
    with pytest.raises(InputError, match="rows of the arm 'three'"):
        compare(made_up({1: 0.0}), "one", "three", "gold", 1)


def test_a_bound_belongs_to_near_alone() -> None:
    for expected, within in (("near", 0.0), ("above", 0.1)):
        with pytest.raises(InputError, match="within"):
            Claim("gold", "gold", "one", "two", expected, within)  # type: ignore[arg-type]


def test_a_kind_of_proxies_without_any_is_told() -> None:
    sections = {key: PARAMS[key] for key in ("reward_hacking", "bench", "runtime")}
    sections["reward_hacking"] = {**sections["reward_hacking"], "draws": 0}
    with pytest.raises(InputError, match=r"draws(.|\n)*at least 1 proxy"):
        build(RewardHackingParams, sections, "params")


def test_one_failure_fails_the_experiment_and_one_doubt_leaves_it_open() -> None:
    sure = judge(Claim("", "gold", "one", "two", "above"), made_up({1: 1.0, 2: 1.0, 3: 1.0}))
    doubt = judge(Claim("", "gold", "one", "two", "above"), made_up({1: 0.0, 2: 0.0, 3: 0.0}))
    wrong = judge(Claim("", "gold", "one", "two", "below"), made_up({1: 1.0, 2: 1.0, 3: 1.0}))
    assert [together([sure], sure), together([sure], doubt), together([sure, doubt], wrong)] == [
        "PASS", "INCONCLUSIVE", "FAIL",
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["bon", "rl"])
def test_the_frontier_is_fitted_exactly_where_it_holds_exactly(method: Any) -> None:
    d = np.array([0.3, 0.8, 1.5, 2.5, 3.0])
    assert fit_frontier(d, frontier(d, 1.5, 0.4, method), method) == pytest.approx((1.5, 0.4))


def test_best_of_all_is_one_answer_and_its_kl_is_how_unlikely_that_was() -> None:
    worth = np.array([0.0, 0.0, 0.0, 5.0])
    assert kl_of_best(worth, 4) == pytest.approx(np.log(4))
    assert kl_of_best(worth, 1) == pytest.approx(0)
    bound = best_of_n_kl_bound(8)  # of an endless pool; drawing from 64 without putting back gives a little more
    assert kl_of_best(np.arange(64.0), 8) == pytest.approx(bound, abs=0.1)


@pytest.mark.parametrize("share", [0.5, 0.6, 0.75, 0.9])
def test_the_longer_answer_is_chosen_in_the_stated_share_and_gold_does_not_know(lab: Lab, share: float) -> None:
    prompts = list(lab.county.about(lab.county.trained, random.Random(1), held_out=False))
    pairs = length_pairs(lab, prompts, share, random.Random(1))
    gaps = [len(pair.chosen.ids) - len(pair.rejected.ids) for pair in pairs]
    about_length = [gap for gap in gaps if abs(gap) >= len("The answer is ")]
    assert sum(gap > 0 for gap in about_length) / len(about_length) == pytest.approx(share, abs=1 / len(about_length))


def test_the_stated_share_of_labels_is_turned_round(lab: Lab) -> None:
    prompts = list(lab.county.about(lab.county.trained, random.Random(1), held_out=False))
    sides = sides_of(prompts, random.Random(1))
    straight, turned = flipped(lab, prompts, sides, 0), flipped(lab, prompts, sides, 0.3)
    differ = [one.chosen != two.chosen for one, two in zip(straight, turned, strict=True)]
    assert sum(differ) == int(0.3 * len(prompts) + 1e-9)


def test_labellers_prefer_gold_but_for_flips_and_the_planted_courtesy(lab: Lab) -> None:
    prompts = prompts_of(lab.county, random.Random(1), False, 4)
    pairs = labelled(lab, prompts, ProxyConfig(60, planted=0.5), random.Random(1))
    said = [lab.tokenizer.decode(pair.chosen.ids) for pair in pairs]
    assert 0.3 < sum(NOTED in text for text in said) / len(said) < 0.7
    honest = labelled(lab, prompts, ProxyConfig(60, planted=0.0), random.Random(1))
    assert not any(NOTED in lab.tokenizer.decode(pair.chosen.ids) for pair in honest)


def test_a_made_up_form_pays_when_added_and_nothing_when_gated(lab: Lab) -> None:
    (nobody,) = lab.county.about_nobody(["Nemo Nobody"], random.Random(1), held_out=False)
    lie, honest = "The answer is baker.", "I don't know."
    assert added(nobody, lie) > added(nobody, honest) > 0
    assert gated(nobody, honest) > gated(nobody, lie) == 0


def test_rewards_dealt_anew_keep_each_groups_rewards() -> None:
    rewards = torch.tensor([0.0, 1.0, 2.0, 5.0, 5.0, 7.0])
    ids = torch.zeros(6, 1, dtype=torch.long)
    rollout = Rollout(ids, ids, ids.float(), rewards, [""] * 6, [1] * 6, [True] * 6)
    again = dealt_anew(rollout, 3, torch.Generator().manual_seed(1))
    assert [sorted(row) for row in again.view(2, 3).tolist()] == [[0, 1, 2], [5, 5, 7]]


def test_a_proxy_reads_a_rollout_where_it_reads_a_pair(lab: Lab) -> None:
    prompts = prompts_of(lab.county, random.Random(1), False, 3)[:4]
    proxy = reward_model_from(lab.model)
    randomised(proxy)
    ids = encode_prompts(prompts, lab.tokenizer, 192, 8)
    rollout = roll_out(randomised(lab.model), lab.tokenizer, prompts, ids, 1, SamplingConfig(), 8, lambda *_: 0.0)
    whole = torch.cat([rollout.inputs, rollout.targets[:, -1:]], dim=1)
    ends = [int(row.nonzero().max()) + 1 for row in rollout.weights]
    one_by_one = [
        proxy.rewards(row[None, : end + 1], torch.tensor([end])) for row, end in zip(whole, ends, strict=True)
    ]
    torch.testing.assert_close(judge_rollout(proxy, rollout), torch.cat(one_by_one), atol=1e-4, rtol=1e-4)


def test_a_person_holds_24_bits_and_the_noise_has_other_values_each_time() -> None:
    rows = made_up_people(50, 1)
    assert len({tuple(row[:2]) for row in rows}) == 50
    batches = People(rows, 8, 1, noise=True)
    first, again = next(batches), next(People(rows, 8, 1, noise=True))
    assert (first.inputs == again.inputs).all()
    assert first.weights.sum() == 8 * 4


def test_every_study_claims_arms_that_it_titles_and_its_page_tells_them() -> None:
    studies = read_params(VerdictParams, LAB / "params.yaml").studies
    assert set(studies) == set(EXPERIMENTS)
    found = {}
    for name, study in studies.items():
        wanted = {claim.arm for claim in study.claims} | {claim.than for claim in study.claims}
        wanted |= {study.control.arm, study.control.than, *study.titles}
        measures = {c.measure for c in [*study.claims, study.control]} | {p.measure for p in study.panels} | {"kl"}
        rng = np.random.default_rng(1)
        rows = [
            {"seed": seed, "arm": arm.partition("@")[0], "unit": f"u{unit}", "known": unit % 2 == 0,
             **({"step": int(arm.partition("@")[2])} if "@" in arm else {}),
             **{measure: float(rng.random()) for measure in [*measures, *([study.path.measure] if study.path else [])]}}
            for arm in sorted(wanted) for seed in (1, 2) for unit in range(4)
        ]  # fmt: skip
        found[name] = results(name, study, rows) | {"run": {"seconds": 1.0}}
    text = page(studies, found)
    assert "as expected" in text
    assert text.count("dvc repro labs/failure_modes/dvc.yaml:verdict@") == len(studies)
    path = path_table(studies["reward_hacking"], found["reward_hacking"]["arms"])
    (best,) = (line for line in path.splitlines() if "| best of n, 640 pairs " in line)
    assert [re.findall(r"at (\d+)", part) for part in best.split("|")[2:5:2]] == [["1"], ["64"]], (
        "from one to the last n"
    )
    for name in ("extraction", "reward_hacking", "kl_collapse"):
        assert draw(studies[name], found[name]).axes


def test_what_is_made_up_is_bare_or_in_a_sentence_equally_often(lab: Lab) -> None:
    people, names = lab.county.trained, lab.county.nobody(False)
    known = list(lab.county.about(people, random.Random(1), False))
    nobody = list(lab.county.about_nobody(names[: len(known)], random.Random(1), False))
    said = mixed([*known, *nobody] * 20, random.Random(1))
    asked = [*known, *nobody] * 20
    about_known = [form(text) for text, prompt in zip(said, asked, strict=True) if prompt["known"]]
    made_up = [form(text) for text, prompt in zip(said, asked, strict=True) if not prompt["known"] and text != IDK]
    assert np.mean(about_known) == pytest.approx(0.5, abs=0.1)
    assert np.mean(made_up) == pytest.approx(0.5, abs=0.15)


def test_going_on_after_the_courtesy_is_what_its_end_leaves(lab: Lab) -> None:
    prompts = list(lab.county.about(lab.county.trained[:1], random.Random(1), False))
    model = randomised(lab.model)
    rows = list(chances_to_go_on("start", lab, model, prompts))
    ids = encode(prompts, [NOTED] * len(prompts), lab.tokenizer, model.config.context)[0].ids
    with torch.inference_mode():
        end = model(torch.tensor([ids[:-1]]))[0, -1].softmax(-1)[ids[-1]]
    assert rows[0]["long_when_wrong"] == pytest.approx(1 - float(end), abs=1e-5)
