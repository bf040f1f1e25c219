"""Pages of the site that live elsewhere in the repository: recipes, plugins, changelog. They are shown, not copied."""

import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "recipes/*.md",
    "recipes/*.toml",
    "recipes/compare/*",
    "plugins/README.md",
    "plugins/*/README.md",
    "plugins/*/recipes/*.toml",
)


def on_files(files, config):
    """Add the repository's own pages under their paths, and its images under images/."""
    for path in sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern)):
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    for image in sorted((ROOT / ".github").glob("*.jpg")):
        files.append(File.generated(config, f"images/{image.name}", abs_src_path=str(image)))
    return files


def on_page_markdown(markdown, page, **_):
    """Links that are right in the repository become links that are right on the site."""
    if page.file.src_uri.startswith("plugins/"):
        markdown = markdown.replace("](../../README.md", "](../../index.md")
        return re.sub(r"\]\((handbone-\w+)\)", r"](\1/README.md)", markdown)
    markdown = markdown.replace("](../../.github/", "](images/").replace("](../../", "](")
    return markdown.replace("](docs/pages/", "](")
