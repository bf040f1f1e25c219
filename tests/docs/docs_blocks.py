"""The fenced blocks and the sentences of the documents."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_TOP = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
PROSE = [*(ROOT / name for name in _TOP), *sorted((ROOT / "docs" / "pages").glob("*.md"))]
DOCUMENTS = [*PROSE, *sorted((ROOT / "recipes").rglob("*.md"))]
#: Everything that users read as text.
READABLE = [
    *DOCUMENTS,
    ROOT / "CHANGELOG.md",
    ROOT / "docs/zero_shot_gpu/README.md",
    *sorted((ROOT / "plugins").glob("**/README.md")),
]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text and where it begins ("README.md:12")."""

    language: str
    text: str
    place: str


def blocks(*languages: str) -> list[Block]:
    """The blocks of all documents in one of these languages."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(match[1], match[2], f"{path.relative_to(ROOT).as_posix()}:{line}"))
    return [block for block in found if block.language in languages]


def sentences(text: str) -> list[str]:
    """The sentences of a document's prose, without code blocks, tables, headings, comments and link targets.

    A colon or a semicolon does not end a sentence.
    """
    text = re.sub(r"<!--.*?-->", "", _BLOCK.sub("", text), flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = "\n".join("" if line.lstrip().startswith(("|", "#")) else line for line in text.splitlines())
    parts = re.split(r"\n\s*\n|\n(?=\s*- |\s*\d+\. )|(?<=[.!?])\**\s+", text)
    return [" ".join(part.split()) for part in parts if part.strip()]
