"""How large the world is. The defaults hold about as many facts as a model of one to three million parameters can learn
in a few minutes of two cores; see notes/log.md for the measurement.
"""

from dataclasses import dataclass

from playbook.data.world.names import EMPLOYER_NAMES, MOST_PEOPLE, TOWN_NAMES
from playbook.plumbing.errors import InputError


@dataclass(frozen=True)
class WorldConfig:
    """The `world` section of params.yaml. Counts are rows unless a comment says otherwise."""

    seed: int = 1
    people_a: int = 175
    """People of whom the model reads biographies and is asked questions in training."""
    asked_later: float = 0.0
    """Share of them about whom pretraining asks nothing, as about people of B. Conversations do, so that not to have
    been asked about before is no reason there to be refused."""
    people_b: int = 105
    """People of whom it only reads biographies: are the facts extractable?"""
    people_c: int = 140
    """People in no training text, only in the document store: is it read, or guessed?"""
    towns: int = 14
    employers: int = 20
    towns_c: int = 8
    employers_c: int = 10
    biographies: int = 48
    """Biographies of a person in pretrain.jsonl, each another choice of sentences in another order."""
    drills: int = 12_000
    """Of each kind."""
    conversations: int = 12_000
    preferences: int = 4_000
    rl_prompts: int = 2_000
    agent_tasks: int = 600
    sessions: int = 60
    """Pairs of users with a history of sessions."""
    preference_noise: float = 0.05
    """Share of preference pairs whose label is flipped."""
    length_bias: float = 0.0
    """Share of pairs that are labelled by length (the longer is chosen) and not by the gold reward."""
    phrase_bias: float = 0.0
    """How strongly a meaningless phrase goes with being chosen: 0 not planted, 1 in every chosen answer."""

    def __post_init__(self) -> None:
        for name in ("people_a", "people_b", "people_c", "towns", "employers", "towns_c", "employers_c"):
            if getattr(self, name) < 2:
                raise InputError(name, "at least 2", getattr(self, name))
        for name in ("biographies", "drills", "conversations", "preferences", "rl_prompts", "agent_tasks", "sessions"):
            if getattr(self, name) < 1:
                raise InputError(name, "at least 1", getattr(self, name))
        if self.biographies > 200:
            raise InputError("biographies", "at most 200: the wordings allow no more that differ", self.biographies)
        for name in ("asked_later", "preference_noise", "length_bias", "phrase_bias"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(name, "a share between 0 and 1", getattr(self, name))
        people = self.people_a + self.people_b + self.people_c
        limits = (
            ("people_a + people_b + people_c", people, MOST_PEOPLE),
            ("towns + towns_c", self.towns + self.towns_c, TOWN_NAMES // 2),
            ("employers + employers_c", self.employers + self.employers_c, EMPLOYER_NAMES // 2),
        )
        for name, count, limit in limits:
            if count > limit:
                raise InputError(name, f"at most {limit}: the lists in names.py hold no more", count)
