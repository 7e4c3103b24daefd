"""The whole page, and how it is served: on this machine alone, without a request to anywhere else."""

from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr

from playbook.plumbing.paths import ROOT
from playbook.serving import markup
from playbook.serving.agent_tab import AgentTab
from playbook.serving.checkpoints import Checkpoints
from playbook.serving.desk import Desk
from playbook.serving.failure_tab import add_failures
from playbook.serving.side_by_side import add_side_by_side
from playbook.serving.worker import Worker

TITLE = "agentic-llm-playbook"
FONTS = (["system-ui", "sans-serif"], ["ui-monospace", "monospace"])
"""Those of the reader's machine: nothing is fetched."""


@dataclass(frozen=True)
class Parts:
    """What the page shows."""

    desk: Desk
    memory: Path
    user: str
    models: Path = ROOT / "models"
    failures: Path = ROOT / "labs/failure_modes/reports"
    questions: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)


def build(parts: Parts) -> gr.Blocks:
    """The page; what has been trained is looked up when it is built."""
    worker = Worker()
    page = gr.Blocks(title=TITLE, analytics_enabled=False)
    with page:
        gr.Markdown(
            f"# {TITLE}\nA small language model, from its tokens to its memory. All of it runs on this machine."
        )
        with gr.Tab("Side by side"):
            add_side_by_side(Checkpoints(parts.models), parts.questions, worker)
        with gr.Tab("Agent and memory"):
            agent = AgentTab(parts.desk, parts.memory, parts.user, worker)
            agent.add(parts.tasks)
        with gr.Tab("Failure modes"):
            add_failures(parts.failures)
        page.load(agent.listed, None, [agent.notes], show_progress="hidden")
    return page


def serve(page: gr.Blocks, port: int | None, wait: bool = True) -> str:
    """Serve it on localhost, and return its address; `wait` until it is stopped. No port named: the first free one."""
    _, address, _ = page.queue(api_open=False).launch(
        server_name="127.0.0.1", server_port=port, share=False, quiet=True, prevent_thread_lock=True, footer_links=[],
        theme=gr.themes.Default(font=FONTS[0], font_mono=FONTS[1]), css=markup.CSS, ssr_mode=False, run_history=False,
        enable_monitoring=False, mcp_server=False, pwa=False,
    )  # fmt: skip
    if wait:
        print(f"The playground is at {address} (Ctrl+C ends it)", flush=True)
        page.block_thread()
    return str(address)
