"""A dozen kinds of bad input through processes of their own, as programs call handbone."""
# ruff: noqa: E501 (a kind is read best in one line)

import json
import subprocess
import sys

import pytest
import test_bad_images
import test_bad_labels
import test_bad_settings
import test_bad_tables
from bad_input import complaints, content_of
from json_docs import undocumented

KINDS = {
    kind: bad
    for table, kinds in (
        (test_bad_images.PATHS, ("no such file", "a pipe", "an unknown option")),
        (test_bad_tables.CALLS, ("no such table", "an unknown word of --rle", "a user's file in the way")),
        (test_bad_labels.SETS, ("a file without an image", "an unknown layout")),
        (test_bad_settings.CALLS, ("an unknown recipe", "an unknown command", "weights that nobody has", "an unknown plugin")),
    )
    for kind, bad in table.items()
    if kind in kinds
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_process_says_it_in_json_and_ends_with_its_code(kind, tmp_path, small_weights):
    bad = KINDS[kind]
    bad.make(tmp_path)
    before = content_of(tmp_path)
    words = [*bad.words.format(**small_weights).split(), "--json"]
    done = subprocess.run([sys.executable, "-m", "handbone", *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == bad.code and "Traceback" not in done.stderr and content_of(tmp_path) == before
    value = json.loads(done.stdout)
    assert undocumented(value) == []
    assert any(all(word.lower() in text.lower() for word in bad.says) for text in complaints(value))
