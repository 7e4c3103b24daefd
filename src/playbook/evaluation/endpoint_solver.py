"""Any OpenAI-compatible endpoint as a solver of the harness: temperature 0, no tools, one request a sample."""

from collections.abc import Sequence

from playbook.agent.backends import Request, Unavailable
from playbook.agent.endpoint import EndpointBackend
from playbook.agent.tools import Toolbox
from playbook.evaluation.harness import Messages, Solver
from playbook.plumbing.errors import InputError
from playbook.plumbing.runlog import progress


def endpoint_solver(backend: EndpointBackend, max_new_tokens: int) -> Solver:
    """Answers as the endpoint gives them. One that does not answer raises `InputError`: silence is no wrong answer."""

    def answers(conversations: Sequence[Messages]) -> list[str]:
        said = []
        for messages in progress(conversations, "answers"):
            turns = [dict(turn) for turn in messages]
            reply = backend.complete([Request(turns, Toolbox(), max_tokens=max_new_tokens)])[0]
            if isinstance(reply, Unavailable):
                raise InputError(backend.config.base_url, "an endpoint that answers", reply.told, "check --base-url")
            said.append(str(reply.message["content"]).strip())
        return said

    return answers
