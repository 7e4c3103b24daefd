"""Readings, passages and notes as HTML. Everything that came from a model or a user is escaped.

Colours are laid thinly over the page's own, so that they can be read on a light and on a dark page alike: Okabe and
Ito's orange for doubt, sky blue for attention.
"""

from collections.abc import Iterable, Sequence
from html import escape

from playbook.agent.memory import Note
from playbook.agent.tools import Source
from playbook.serving.inspector import Reading, Token

CSS = """
.tokens { line-height: 1.9; white-space: pre-wrap; overflow-wrap: anywhere; }
.tokens button { all: unset; cursor: pointer; border-radius: 3px; padding: 1px 0;
  background: rgb(230 159 0 / calc(var(--doubt) * 0.75)); box-shadow: inset 0 -1px rgb(128 128 128 / 0.45); }
.tokens button:hover, .tokens button:focus-visible { outline: 2px solid #0072B2; }
.tokens .mark { font-size: 0.72em; opacity: 0.75; border: 1px solid rgb(128 128 128 / 0.6); border-radius: 4px;
  padding: 0 3px; margin: 0 2px; }
.looks span { border-radius: 3px; padding: 1px 0; background: rgb(86 180 233 / calc(var(--look) * 0.85)); }
.looks span.query { outline: 2px solid #D55E00; }
.quiet { opacity: 0.75; font-size: 0.88em; }
.bars, .bars tr, .bars td { border: 0 !important; background: none !important; font-size: 0.97em; }
.bars td { padding: 1px 10px 1px 0 !important; white-space: pre; }
.bars i { display: inline-block; height: 0.75em; background: #0072B2; border-radius: 2px; min-width: 1px; }
.card { border: 1px solid rgb(128 128 128 / 0.45); border-radius: 8px; padding: 6px 10px; margin: 6px 0; }
.card button { all: unset; cursor: pointer; float: right; padding: 0 8px; border: 1px solid rgb(128 128 128 / 0.6);
  border-radius: 6px; }
.card button:hover, .card button:focus-visible { outline: 2px solid #D55E00; }
"""
ON_CLICK = """
element.addEventListener('click', event => {
  const hit = event.target.closest('[data-pick]');
  if (hit) trigger('select', {pick: hit.dataset.pick});
});
"""
"""For `gr.HTML`: a click on anything with `data-pick` becomes a `select` event that holds it."""


def percent(share: float) -> str:
    """Of a probability, never rounded to certainty: .9999 is ">99.9%"."""
    if 0.999 < share < 1 or 0 < share < 0.001:
        return ">99.9%" if share > 0.5 else "<0.1%"
    return f"{100 * share:.3g}%"


def shown(token: Token | str) -> str:
    """A token's text, with line ends to be seen."""
    text = token if isinstance(token, str) else token.text
    return escape(text.replace("\n", "⏎\n"))


def answer(reading: Reading) -> str:
    """What the model wrote: each token a button, the darker the less likely it was; the tip names its rivals."""
    parts = []
    for place, token in enumerate(reading.tokens[reading.start :], start=reading.start):
        rivals = ", ".join(f"{text.strip() or repr(text)} {percent(chance)}" for text, chance in token.rivals[:3])
        chance = token.probability or 0.0
        tip = escape(f"{percent(chance)} likely; most likely here: {rivals}", quote=True)
        mark = ' class="mark"' if token.special else ""
        parts.append(
            f'<button type="button" data-pick="{place}" title="{tip}" style="--doubt:{1 - chance:.3f}">'
            f"<span{mark}>{shown(token)}</span></button>"
        )
    written = len(reading.tokens) - reading.start
    end = "" if reading.ended else " It was cut there."
    quiet = f"{written} tokens; the least certain: {percent(reading.certainty)}.{end}"
    return f'<div class="tokens">{"".join(parts)}</div><p class="quiet">{quiet}</p>'


def rivals(token: Token) -> str:
    """The likeliest tokens at a token's place, as bars."""
    rows = "".join(
        f'<tr><td>{shown(text)}</td><td>{percent(chance)}</td><td><i style="width:{160 * chance:.1f}px"></i></td></tr>'
        for text, chance in token.rivals
    )
    return f"<p>At the place of <b>{shown(token)}</b>:</p><table class='bars'>{rows}</table>"


def attention(reading: Reading, weights: Sequence[float]) -> str:
    """The row up to the position that looks, each token shaded by how much it is looked at."""
    parts, most = [], max(weights)
    for place, (token, weight) in enumerate(zip(reading.tokens, weights, strict=False)):
        classes = " ".join(["mark"] * token.special + ["query"] * (place == len(weights) - 1))
        parts.append(
            f'<span class="{classes}" title="{percent(weight)}" style="--look:{weight / most:.3f}">'
            f"{shown(token)}</span>"
        )
    told = f"Framed: the position that looks. Darkest: {percent(most)} of its attention. Hover for each share."
    return f'<div class="tokens looks">{"".join(parts)}</div><p class="quiet">{told}</p>'


def passages(sources: Iterable[Source]) -> str:
    """What an agent has read, in order, each with its place."""
    cards = [
        f'<div class="card"><b>{escape(source.title or source.document)}</b> '
        f'<span class="quiet">{escape(source.cite())}</span><br>{escape(source.text)}</div>'
        for source in sources
    ]
    return "".join(cards) or '<p class="quiet">Nothing has been read yet.</p>'


def notes(current: Sequence[Note], history: Sequence[Note], where: str) -> str:
    """What is remembered, each topic with a button to forget it, and what held before."""
    cards = []
    for note in current:
        before = [old.value for old in history if old.topic == note.topic and old != note]
        told = f"<br><span class='quiet'>before: {escape(', '.join(before))}</span>" if before else ""
        pick = escape(note.topic, quote=True)
        cards.append(
            f'<div class="card"><button type="button" data-pick="{pick}" aria-label="forget {pick}">forget</button>'
            f"<b>{escape(note.topic)}</b>: {escape(note.value)} "
            f'<span class="quiet">{note.told_at[:10]}</span>{told}</div>'
        )
    nothing = "<p>Nothing is remembered of you.</p>"
    return ("".join(cards) or nothing) + f'<p class="quiet">{escape(where)}</p>'
