"""`playbook evaluate` as a user types it: a checkpoint with every socket blocked, an endpoint, old records."""

import json
import re
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from agent.scripted_server import said, serving
from small_world import TINY

from playbook.commands.cli import main
from playbook.evaluation.tasks import TASKS
from playbook.model.checkpoint import save_model
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.files import read_jsonl, write_json
from playbook.text.tokenizer import CharTokenizer


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "corpus/world.json", asdict(TINY))
    return tmp_path / "corpus"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    tokenizer = CharTokenizer(map(chr, [10, *range(32, 127)]))
    save_model(GPTMini(ModelConfig(context=512, layers=1, width=28, heads=2), tokenizer.vocab_size), tmp_path / "model")
    tokenizer.save(tmp_path / "model/tokenizer.json")
    return tmp_path / "model"


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("the network was asked for")


@pytest.mark.parametrize("task", TASKS)
def test_a_checkpoint_is_evaluated_without_a_socket(
    task: str, corpus: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    out = tmp_path / "out"
    words = ["evaluate", "--task", task, "--checkpoint", str(checkpoint), "--corpus", str(corpus), "--out", str(out)]
    assert main(words) == 0
    assert re.search(r"\| measure +\| value \[95%\]", capsys.readouterr().out)
    records, metrics = list(read_jsonl(out / "records.jsonl")), json.loads((out / "metrics.json").read_text())
    assert {row["task"] for row in records} == {task}
    assert metrics["run"]["task"] == task

    again = [*words[:-2], "--records", str(out / "records.jsonl"), "--out", str(tmp_path / "again")]
    assert main(again) == 0
    assert list(read_jsonl(tmp_path / "again/records.jsonl")) == records


def test_an_endpoint_is_asked_and_one_that_is_down_gives_no_score(corpus: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    common = ["evaluate", "--task", "instructions", "--corpus", str(corpus), "--limit", "9", "--out", str(out)]
    with serving(lambda body: said("BAKER.")) as (url, posted):
        assert main([*common, "--base-url", url, "--model", "m"]) == 0
    assert len(posted) == 9
    assert {row["strict"] for row in read_jsonl(out / "records.jsonl") if row["kind"] == "capitals"} == {True}
    assert all(body["temperature"] == 0 and "tools" not in body for body in posted)
    (out / "records.jsonl").unlink()
    with serving(lambda body: (400, "no such model")) as (url, _):
        assert main([*common, "--base-url", url]) == 1
    assert "no such model" in capsys.readouterr().err
    assert not (out / "records.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--task", "nothing"], "one of closed_book"),
        (["--task", "behaviour", "--base-url", "http://x", "--checkpoint", "y"], "both"),
        (["--task", "behaviour", "--checkpoint", "y"], "a folder with a trained model"),
    ],
)
def test_what_is_wrong_is_said(words: list[str], told: str, corpus: Path, capsys: Any) -> None:
    assert main(["evaluate", *words, "--corpus", str(corpus)]) == 1
    assert told in capsys.readouterr().err
