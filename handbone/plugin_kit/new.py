"""Creates a new plugin package from the template."""

import re
from dataclasses import dataclass
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.folders import atomic_dir
from handbone.plugins.hooks import API_VERSION

TEMPLATE = Path(__file__).parent / "template"
_PREFIX, _SUFFIX = "handbone-", ".jinja"
_NAME = re.compile(r"handbone(-[a-z][a-z0-9]*)+")


@dataclass(frozen=True)
class PackageName:
    """A plugin's name in its forms.

    >>> name = PackageName.of("handbone-soft-votes")
    >>> name.module, name.short, name.prefix
    ('handbone_soft_votes', 'soft-votes', 'soft_votes')
    """

    name: str

    @classmethod
    def of(cls, text: str) -> "PackageName":
        """Check a name.

        Raises
        ------
        HandboneError: it does not begin with "handbone-", or could not be a module's name.
        """
        if _NAME.fullmatch(text):
            return cls(text)
        plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-").removeprefix("handbone").strip("-")
        proposal = f"{_PREFIX}{plain}"
        remedy = f"did you mean {proposal!r}?" if _NAME.fullmatch(proposal) else "such as 'handbone-mine'"
        wanted = "use 'handbone-' and lower-case words that begin with a letter, joined by '-'"
        raise HandboneError(f"{text!r} is not a valid plugin name: {wanted}", remedy=remedy)

    @property
    def module(self) -> str:
        """What Python imports."""
        return self.name.replace("-", "_")

    @property
    def short(self) -> str:
        """The name without "handbone-"."""
        return self.name.removeprefix(_PREFIX)

    @property
    def prefix(self) -> str:
        """The prefix of the package's component names, which avoids conflicts between packages."""
        return self.short.replace("-", "_")


def write_package(name: str, parent: Path) -> Path:
    """Write a package that registers a network, a loss, an ensembler and a command, with tests that pass.

    Returns
    -------
    Its folder: `parent` / `name`.

    Raises
    ------
    HandboneError: a name that cannot be used, or a folder that exists.
    """
    names = PackageName.of(name)
    folder = Path(parent) / names.name
    if folder.exists():
        raise HandboneError(
            "the folder already exists", where=folder, remedy="choose another name or --output, or remove it"
        )
    with atomic_dir(folder) as temporary:
        for path, text in rendered(names).items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_text(text, encoding="utf-8", newline="\n")
    return folder


def rendered(names: PackageName) -> dict[str, str]:
    """The files of a new package: path to text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    values = {
        "name": names.name,
        "module": names.module,
        "short": names.short,
        "prefix": names.prefix,
        "api": API_VERSION,
    }
    found = {}
    for template in sorted(environment.list_templates(extensions=[_SUFFIX.removeprefix(".")])):
        path = template.removesuffix(_SUFFIX)
        path = re.sub(r"^module/", f"{names.module}/", path).replace("test_module", f"test_{names.module}")
        found[path] = environment.get_template(template).render(values)
    return found
