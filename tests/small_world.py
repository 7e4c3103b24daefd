"""Worlds small enough to write in a moment, for the tests."""

from dataclasses import replace

from playbook.data.world.config import WorldConfig

SMALL = WorldConfig(
    people_a=14, people_b=10, people_c=12, towns=5, employers=4, towns_c=3, employers_c=3,
    biographies=3, drills=40, conversations=300, preferences=100, rl_prompts=60, agent_tasks=64, sessions=4,
)  # fmt: skip
TINY = replace(
    SMALL, people_a=5, people_b=4, people_c=5, biographies=2, drills=10, conversations=30, preferences=12, rl_prompts=8,
    agent_tasks=16, sessions=3,
)  # fmt: skip
