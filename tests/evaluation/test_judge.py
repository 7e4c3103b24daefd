import json
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_world import SMALL

from playbook.data.world.facts import build_world
from playbook.data.world.preferences import answers, prompt_row
from playbook.data.world.strangers import unknown_people
from playbook.evaluation import judge as judges
from playbook.evaluation.endpoint_judge import endpoint
from playbook.evaluation.judge import Duel, Judge, Verdicts, asked, judge_duels, rated, read_verdict
from playbook.evaluation.judge_card import card, flags, kappa, length_controlled_win_rate, win_rate
from playbook.plumbing.errors import InputError


@pytest.fixture(scope="module")
def duels() -> list[Duel]:
    """Pairs of answers of every quality to questions about a small world, as the preference data draws them."""
    rng, world = random.Random(1), build_world(SMALL)
    nobody = unknown_people(world)[0]
    made = []
    for number in range(300):
        row = prompt_row(rng, world, nobody)
        one, two = rng.sample(answers(rng, row), 2)
        cluster = row["entity"] or f"nobody {number}"
        made.append(Duel(f"d{number}", cluster, row["messages"][0]["content"], one, two, row))
    return made


def judged(judge: Judge, duels: list[Duel], tmp_path: Path) -> list[dict[str, Any]]:
    return judge_duels(judge, duels, Verdicts(tmp_path / "verdicts.jsonl"))


def test_the_planted_judges_are_flagged_and_gold_is_not(duels: list[Duel], tmp_path: Path) -> None:
    truth = judged(judges.gold_judge(), duels, tmp_path)
    told = {}
    for bad in (judges.gold_judge(), judges.always_first(), judges.always_longer(), judges.at_random(1)):
        told[bad.name] = [flag.partition(":")[0] for flag in flags(card(judged(bad, duels, tmp_path), truth, 1))]
    assert told["gold"] == []
    assert told["always_first"] == ["disagrees with gold", "goes by position"]
    assert told["always_longer"] == ["disagrees with gold", "goes by length"]
    assert told["random_1"][:2] == ["disagrees with gold", "goes by position"]


def test_the_card_of_a_judge_that_sees_the_order_alone(duels: list[Duel], tmp_path: Path) -> None:
    truth = judged(judges.gold_judge(), duels, tmp_path)
    first = card(judged(judges.always_first(), duels, tmp_path), truth, 1)
    assert first["first_preferred"].value == 1
    assert first["position_consistency"].value == 0
    assert first["kappa"].value == pytest.approx(0)
    gold = card(truth, truth, 1)
    assert (gold["kappa"].value, gold["agreement"].value, gold["length_pull"].value) == (1, 1, 0)
    assert gold["first_preferred"].value == 0.5


def test_a_verdict_is_asked_for_once(duels: list[Duel], tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path / "v.jsonl")
    records = judge_duels(judges.gold_judge(), duels[:20], verdicts)
    written = (tmp_path / "v.jsonl").read_bytes()

    def refuse(*_: object) -> Any:
        raise AssertionError("asked again")

    again = Verdicts(tmp_path / "v.jsonl")
    assert judge_duels(Judge("gold", refuse), duels[:20], again) == records
    assert again.fresh == 0
    assert (tmp_path / "v.jsonl").read_bytes() == written
    with pytest.raises(AssertionError, match="asked again"):
        judge_duels(Judge("gold 2", refuse), duels[:1], again)


def row(winner: str, longer: int = 0, cluster: str = "") -> dict[str, Any]:
    return {"id": cluster, "cluster": cluster, "winner": winner, "longer": longer}


def test_kappa_by_hand() -> None:
    one = [row("one", cluster=str(i)) for i in range(6)] + [row("two", cluster=str(i)) for i in range(6, 10)]
    two = one[:4] + [row("two", cluster=str(i)) for i in range(4, 10)]
    assert kappa(one, two, 1).value == pytest.approx((0.8 - 0.48) / (1 - 0.48))  # .6 * .4 + .4 * .6 by chance


def test_a_win_rate_that_is_all_length_is_half_once_length_is_controlled() -> None:
    records = []
    for longer in range(-10, 50):  # mostly the longer answers, which win as often as a sigmoid of their length says
        wins = round(20 / (1 + np.exp(-3 * np.tanh(longer / 17))))
        records += [row("one" if i < wins else "two", longer, f"{longer} {i}") for i in range(20)]
    assert win_rate(records, 1).ci95[0] > 0.7
    controlled = length_controlled_win_rate(records, 1)
    assert controlled.value == pytest.approx(0.5, abs=0.03)
    assert controlled.ci95[0] < 0.5 < controlled.ci95[1]


def test_without_a_pull_of_length_control_changes_nothing() -> None:
    records = [row("one" if i % 4 else "two", (-1) ** (i // 4), str(i)) for i in range(400)]
    assert length_controlled_win_rate(records, 1).value == pytest.approx(win_rate(records, 1).value, abs=1e-3)


@pytest.mark.parametrize(("reply", "verdict"), [("1", "first"), ("**2**\nbecause", "second"), ("TIE.", "tie")])
def test_verdicts_are_read(reply: str, verdict: str) -> None:
    assert read_verdict(reply) == verdict


@pytest.mark.parametrize("reply", ["", "Both are fine", "3", "\n\n"])
def test_a_reply_without_a_verdict_is_no_tie(reply: str) -> None:
    with pytest.raises(InputError, match="1, 2 or tie"):
        read_verdict(reply)


@pytest.fixture
def server() -> Iterator[str]:
    """An OpenAI-compatible server that prefers what stands first, and knows one model."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked_for = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = asked_for["model"] == "small" and self.path == "/v1/chat/completions"
            text = "7" if "Rate the answer" in asked_for["messages"][0]["content"] else "1"
            body = {"choices": [{"message": {"role": "assistant", "content": text}}]} if known else {"error": "?"}
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def test_any_endpoint_can_judge(server: str, duels: list[Duel], tmp_path: Path) -> None:
    records = judged(asked("small", endpoint(server, "small")), duels[:3], tmp_path)
    assert [r["consistent"] for r in records] == [False] * 3
    records = judged(rated("small, rated", endpoint(server, "small")), duels[:3], tmp_path)
    assert [r["winner"] for r in records] == ["tie"] * 3
    with pytest.raises(InputError, match="a chat completion"):
        endpoint(server, "large")("?")
