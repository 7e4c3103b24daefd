"""`data.source: text` through the real stages, from a file in data/sources to the report, at toy size."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from playbook.model.checkpoint import load_model
from playbook.plumbing.config import overlay, read_yaml
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement, read_metrics
from playbook.plumbing.paths import ROOT
from stages import audit, compare, dpo, evaluate, grpo, prepare, pretrain, report, reward, sft, tokenizer

pytestmark = pytest.mark.integration

PROFILE = {
    "runtime": {"threads": 1, "precision": "float32"},
    "data": {"source": "text"},
    "tokenizer": {"kind": "char"},
    "model": {"context": 32, "layers": 1, "width": 28, "heads": 2},
    "pretrain": {"tokens": 32 * 8 * 120, "batch": 8, "accumulate": 1},
    "sft": {"tokens": 64 * 4 * 10, "batch": 4, "context": 64},
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))  # side checkpoints go here too
    (tmp_path / "data/sources").mkdir(parents=True)
    write_params({})
    return tmp_path


def write_params(change: dict[str, object]) -> None:
    params = overlay(overlay(read_yaml(ROOT / "params.yaml"), PROFILE), change)
    Path("params.yaml").write_text(json.dumps(params))  # JSON is YAML


def test_from_a_text_to_a_report(workspace: Path) -> None:
    lines = [f"{i} bottles of beer on the wall, {i} bottles of beer.\n" for i in range(1, 300)]
    (workspace / "data/sources/song.txt").write_text("".join(lines))
    for stage in (prepare, audit, tokenizer, pretrain, sft, reward, dpo, grpo):
        stage.main()
    for checkpoint in evaluate.CHECKPOINTS:
        evaluate.main(checkpoint)
    compare.main()
    report.main()
    metrics = read_metrics("reports/metrics/pretrain.json")
    loss = Measurement.from_json(metrics["val_loss"])
    alphabet = len({character for line in lines for character in line})
    assert loss.value < 1.2, f"an alphabet of {alphabet} at first, ln of which is over 3"
    assert loss.ci95[0] < loss.value < loss.ci95[1]
    assert metrics["val_bits_per_byte"]["value"] == pytest.approx(loss.value / 0.693147, rel=1e-3)  # a byte a character
    assert metrics["run"]["tokens"] == 32 * 8 * 120
    assert load_model("models/sft").config == replace(load_model("models/base").config, context=64)
    samples = [json.loads(row) for row in Path("data/records/evaluate/base.jsonl").read_text().splitlines()]
    assert samples
    assert "closed_book" not in metrics
    weights = [read_metrics(f"reports/metrics/{name}.json")["run"]["weights_sha256"] for name in ("sft", "dpo", "grpo")]
    assert len(set(weights)) == 1, "there are no preferences in plain text, so the model is handed on"
    assert "Held-out text, nats per token" in Path("reports/README.md").read_text()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(workspace: Path) -> None:
    (workspace / "data/sources/a.txt").write_text("abcdefghij" * 300)
    seen = []
    for seed in (1, 1, 2):
        write_params({"runtime": {"seed": seed}, "pretrain": {"tokens": 32 * 8 * 5}})
        for stage in (prepare, tokenizer, pretrain):
            stage.main()
        seen.append(read_metrics("reports/metrics/pretrain.json")["run"]["weights_sha256"])
    assert seen[0] == seen[1] != seen[2]


def test_a_text_shorter_than_the_context_is_refused(workspace: Path) -> None:
    (workspace / "data/sources/a.txt").write_text("abcdefghij" * 20)
    write_params({"model": {"context": 256}})
    for stage in (prepare, tokenizer):
        stage.main()
    with pytest.raises(InputError, match="more tokens than the context of 256"):
        pretrain.main()
    assert not Path("models").exists()


def test_a_corrupted_token_file_is_refused_before_training(workspace: Path) -> None:
    (workspace / "data/sources/a.txt").write_text("abcdefghij" * 300)
    for stage in (prepare, tokenizer):
        stage.main()
    tokens = Path("data/tokens/train.tokens")
    whole = bytearray(tokens.read_bytes())
    whole[500] ^= 1
    tokens.write_bytes(whole)
    with pytest.raises(InputError, match="corrupted"):
        pretrain.main()


def test_an_unknown_parameter_is_named_before_anything_runs(workspace: Path) -> None:
    params = read_yaml("params.yaml")
    params["pretrain"]["optimizer"]["learning_rte"] = 1.0
    Path("params.yaml").write_text(json.dumps(params))  # JSON is YAML
    with pytest.raises(InputError, match=r"pretrain: optimizer: learning_rte(.|\n)*rename it to 'learning_rate'"):
        pretrain.main()


def test_learned_positions_do_not_stretch_to_longer_rows(workspace: Path) -> None:
    (workspace / "data/sources/a.txt").write_text("abcdefghij" * 300)
    write_params({"model": {"preset": "gpt2"}, "pretrain": {"tokens": 32 * 8 * 2}})
    for stage in (prepare, tokenizer, pretrain):
        stage.main()
    with pytest.raises(InputError, match=r"sft.context(.|\n)*32, the learned positions"):
        sft.main()
