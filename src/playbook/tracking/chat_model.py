"""A checkpoint as an MLflow model to chat with.

    mlflow.pyfunc.load_model("models:/agentic-llm-playbook/1").predict([{"messages": [...]}])

MLflow runs this file when it loads the model (its "models from code"), with a copy of this package beside it.
"""

from typing import Any

import pydantic
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from playbook.inference.generate import generate
from playbook.inference.sampling import GREEDY
from playbook.model.checkpoint import load_model
from playbook.text.chat import decode_answer, encode_prompt
from playbook.text.special_tokens import END
from playbook.text.tokenizer import load_tokenizer

NEW_TOKENS = 96


class Turn(pydantic.BaseModel):
    """One message."""

    role: str
    content: str


class Conversation(pydantic.BaseModel):
    """Messages, the last of them the user's."""

    messages: list[Turn]


class ChatModel(PythonModel):
    """Answers the last message of each conversation, greedily, one assistant turn each; tools are not run."""

    def load_context(self, context: Any) -> None:
        """Load weights and tokenizer; `context.artifacts` holds the folder of the checkpoint."""
        folder = context.artifacts["checkpoint"]
        self.model = load_model(folder)
        self.tokenizer = load_tokenizer(f"{folder}/tokenizer.json")

    def predict(self, context: Any, model_input: list[Conversation], params: dict[str, Any] | None = None) -> list[str]:
        """The text of each answer; a call of a tool is written as `[search: its query]`."""
        prompts = [encode_prompt([turn.model_dump() for turn in talk.messages], self.tokenizer) for talk in model_input]
        stop = [self.tokenizer.id_of(END)]
        answers = generate(self.model, prompts, GREEDY, stop, NEW_TOKENS)
        return [self._said(ids) for ids in answers]

    def _said(self, ids: list[int]) -> str:
        message = decode_answer(ids, self.tokenizer)
        call = message.get("tool_call")
        return " ".join(filter(None, [message["content"], f"[{call['name']}: {call['query']}]" if call else ""]))


set_model(ChatModel())
