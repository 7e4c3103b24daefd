"""An assistant with a script in the place of a model: real tools, real documents, a real memory file."""

from pathlib import Path

from playbook.agent.backends import Request, Scripted
from playbook.agent.folder import index_folder
from playbook.agent.loop import ACT
from playbook.agent.memory import Memory
from playbook.agent.retriever import DocumentStore
from playbook.agent.tools import Recall, Remember, Search, Tool
from playbook.commands.assistant import Assistant
from playbook.data.world.turns import Turn, call
from playbook.data.world.turns import assistant as says


def turn(request: Request) -> Turn:
    """Notes what begins with "remember", searches for what it does not know, and answers from what it found."""
    said = next(one["content"] for one in reversed(request.messages) if one["role"] == "user")
    last = request.messages[-1]
    if said == "loop":
        return call("search", "Elm Ferry")
    if last["role"] == "user":
        return (
            call("remember", said.removeprefix("remember "))
            if said.startswith("remember")
            else call("search", "Elm Ferry")
        )
    return says("Noted." if said.startswith("remember") else "The Thorn." if "Thorn" in last["content"] else "?")


def assistant(folder: Path) -> Assistant:
    """Its documents and its memory lie in `folder`."""
    documents = folder / "documents"
    documents.mkdir(exist_ok=True)
    (documents / "elm.md").write_text("Elm Ferry lies on the Thorn.\n")
    store = DocumentStore(folder / "store.sqlite")
    index_folder(store, documents)
    user = Memory(folder / "memory.sqlite").of("ada")
    tools: list[Tool] = [Search(store), Recall(user), Remember(user, "chat")]
    return Assistant(Scripted(turn), True, tools, user, ACT, 60.0, lambda text: len(text.split()))
