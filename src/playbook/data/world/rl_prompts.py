"""Prompts for reinforcement learning, each with the record that scores whatever the policy writes. About A only.

Closed-book prompts are those of the preference pairs; search prompts carry the tools' system turn, the number of hops,
and the gold passages, so that a retriever can be judged apart from a reader. Wordings are the trained ones.
"""

import random
from collections.abc import Iterator
from typing import Any

from playbook.data.world.chains import chains, follow
from playbook.data.world.documents import gold_passages
from playbook.data.world.facts import World
from playbook.data.world.preferences import prompt_row
from playbook.data.world.strangers import unknown_people
from playbook.data.world.turns import AGENT, system, user

SEARCH_SHARE = 0.4
MOST_HOPS = 3


def rl_prompt_rows(world: World) -> Iterator[dict[str, Any]]:
    """Rows of rl_prompts.jsonl: closed-book prompts, and search prompts of one, two and three hops in turn."""
    rng, nobody = random.Random(f"rl {world.config.seed}"), unknown_people(world)[0]
    for number in range(1, world.config.rl_prompts + 1):
        search = rng.random() < SEARCH_SHARE
        row = search_row(rng, world, number % MOST_HOPS + 1) if search else prompt_row(rng, world, nobody)
        yield {"id": f"r{number:05d}", **row}


def search_row(rng: random.Random, world: World, hops: int) -> dict[str, Any]:
    """A question of so many hops, to be answered from documents."""
    chain = rng.choice(chains(hops))
    start = rng.choice(world.of(chain.kind, "A"))
    attribute = chain.path[-1]
    return {
        "kind": f"search_{hops}", "hops": hops, "entity": start.id, "attribute": attribute, "format": "plain",
        "messages": [system(AGENT), user(rng.choice(chain.asked).format(n=start.name))],
        "answer": f"{follow(world, start, chain.path)[-1].value}.", "candidates": world.candidates(attribute, "A"),
        "passages": gold_passages(world, start, chain.path),
    }  # fmt: skip
