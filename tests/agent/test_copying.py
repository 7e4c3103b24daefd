"""Arguments by copying: what can be written is what was said, and no model gets around it."""

from typing import Any

import torch
from toy import randomised

from playbook.agent.backends import GPTMiniBackend, Reply, Request
from playbook.agent.copying import END_HERE, after, arguments, runs, tree
from playbook.agent.memory import Memory
from playbook.agent.tools import Recall, Remember, Search, Toolbox
from playbook.data.world.turns import Turn, call, system, tool, user
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.text.chat import encode_content
from playbook.text.special_tokens import CALL_MARKERS
from playbook.text.tokenizer import CharTokenizer

TOKENIZER = CharTokenizer({chr(i) for i in range(32, 127)} | {"\n"}, specials=True)
TALK = [system("Use the tools."), user("Who is Ada's boss?"), call("search", "x"), tool("Ada Bell, 2014: Bob.")]


class Empty:
    def search(self, query: str, k: int) -> list[Any]:
        return []


def test_runs_are_words_side_by_side_and_end_at_punctuation() -> None:
    assert list(runs(["Ada Bell, 2014: Bob"])) == ["Ada", "Ada Bell", "Bell", "2014", "Bob"]
    assert "Ada" in list(runs(["Ada's boss"]))
    assert max(len(run.split()) for run in runs(["a b c d e"])) == 3


def test_said_is_the_last_turn_of_the_user_and_seen_is_what_was_said_and_shown() -> None:
    assert "Ada Bell" not in arguments(["{said}"], TALK)
    assert "Ada Bell" in arguments(["{seen}"], TALK)
    assert not {"x", "Use", "tools"} & set(arguments(["{seen}"], TALK))  # nor what the model wrote, nor its orders
    assert arguments(["a: {said}", "b"], [user("tea"), user("milk")]) == ["a: milk", "b"]


def test_the_value_of_a_note_is_not_its_topic() -> None:
    notes = arguments(["{said}: {said}"], [user("best subject music")])
    assert "best subject: music" in notes
    assert "best subject: subject" not in notes


def test_a_tree_holds_its_texts_and_nothing_else() -> None:
    root = tree(["tea", "teapot"], TOKENIZER)
    inside = encode_content("tea", TOKENIZER)
    assert END_HERE in after(root, inside)
    assert set(after(root, inside)) == {END_HERE, encode_content("teapot", TOKENIZER)[len(inside)]}
    assert after(root, encode_content("milk", TOKENIZER)) == {}


def test_no_random_model_calls_with_words_of_its_own_or_a_tool_that_it_does_not_have() -> None:
    known = Memory(":memory:").of("ada")
    toolbox = Toolbox.of(Recall(known), Remember(known))
    talk: list[Turn] = [system("Use the tools."), user("My tea is green.")]
    allowed = {tool.name: set(arguments(tool.forms, talk)) for tool in (Recall(known), Remember(known))}
    markers = torch.tensor([TOKENIZER.id_of(marker) for marker in CALL_MARKERS.values()])
    called = 0
    for seed in range(12):
        torch.manual_seed(seed)
        model = randomised(GPTMini(ModelConfig(context=96, layers=1, width=16, heads=2), TOKENIZER.vocab_size))
        with torch.no_grad():
            model.head.weight[markers] *= 20  # a model that likes to call
        reply = GPTMiniBackend(model, TOKENIZER, max_new_tokens=40, copying=True).complete([Request(talk, toolbox)])[0]
        assert isinstance(reply, Reply)
        if made := reply.message.get("tool_call"):
            called += 1
            assert made["query"] in allowed[made["name"]]
    assert called > 3


def test_every_tool_declares_what_its_calls_can_hold() -> None:
    known = Memory(":memory:").of("ada")
    for one in (Recall(known), Remember(known), Search(Empty())):
        assert arguments(one.forms, TALK)
