"""The site builds without a warning."""

import subprocess
import sys

import pytest
from docs_blocks import ROOT

pytest.importorskip("mkdocs", reason="the site is built where the extra docs is installed: pip install '.[docs]'")


def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", ROOT / "docs" / "mkdocs.yml"]
    done = subprocess.run([*command, "--site-dir", tmp_path / "site"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "unknown key" in (tmp_path / "site" / "recipes" / "index.html").read_text(encoding="utf-8")
