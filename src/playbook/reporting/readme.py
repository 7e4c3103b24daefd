"""A marked block of a Markdown file, written anew without touching what stands around it."""

from playbook.plumbing.errors import InputError


def update_block(text: str, name: str, content: str) -> str:
    """Replace what stands between `<!-- name:start -->` and `<!-- name:end -->`; the markers stay.

    Each marker must stand there exactly once, the start first, or `InputError` says so.

    >>> update_block("a <!-- n:start -->old<!-- n:end --> z", "n", "new")
    'a <!-- n:start -->\\nnew\\n<!-- n:end --> z'
    """
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    for marker in (start, end):
        if text.count(marker) != 1:
            raise InputError(f"block {name!r}", f"exactly one {marker}", f"{text.count(marker)} of them")
    before, _, rest = text.partition(start)
    if end not in rest:
        raise InputError(f"block {name!r}", f"{start} before {end}", "the end first")
    after = rest.partition(end)[2]
    return f"{before}{start}\n{content.strip()}\n{end}{after}"
