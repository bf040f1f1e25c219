"""The page on Python: its reference is that of the docstrings, and every example on it and in the notebook runs."""

import json

import api_reference
import pytest
from docs_blocks import ROOT, blocks, sentences

import handbone

NOTEBOOK = ROOT / "docs" / "pages" / "image-to-table.ipynb"


def cells(kind):
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def examples():
    """The blocks of the page before its reference, whose signatures are no examples."""
    text = api_reference.PAGE.read_text(encoding="utf-8")
    end = text.count("\n", 0, text.index(api_reference.START))
    of_page = [block for block in blocks("python") if block.place.startswith("docs/pages/python-api.md:")]
    return [block for block in of_page if int(block.place.rpartition(":")[2]) < end]


def run_all(texts):
    """Run texts in one namespace, as a reader would type them."""
    namespace = {}
    for place, text in texts:
        exec(compile(text, place, "exec"), namespace)
    return namespace


def test_the_reference_is_that_of_the_docstrings():
    text = api_reference.PAGE.read_text(encoding="utf-8")
    assert text == api_reference.page_with(text), "run: python tests/helpers/api_reference.py"
    for name in set(handbone.__all__) - {"__version__", "BONES", "HandboneError"}:
        assert f"### {name}\n" in text


def test_the_notebook_was_executed_in_order_and_reads_well():
    counts = [cell["execution_count"] for cell in cells("code")]
    assert counts == list(range(1, len(counts) + 1))
    assert any("image/png" in output.get("data", {}) for cell in cells("code") for output in cell["outputs"])
    prose = "\n\n".join("".join(cell["source"]) for cell in cells("markdown"))
    assert not [sentence for sentence in sentences(prose) if len(sentence.split()) > 25]


@pytest.mark.slow
def test_every_example_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(examples()) >= 9
    made = run_all((block.place, block.text) for block in examples())
    assert made["failed"] == [] and made["prediction"].masks.present().all()
    for name in ("overlay.png", "measurements.csv", "one/png/hand/Capitate.png", "many/coco/annotations.json"):
        assert (tmp_path / name).is_file()


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = run_all(
        (f"{NOTEBOOK.name}, cell {cell['execution_count']}", "".join(cell["source"])) for cell in cells("code")
    )
    assert made["prediction"].masks.present().all() and made["dice"]("Capitate") > 0.9
    assert made["ratio"].value == pytest.approx(0.53, abs=0.1) and (tmp_path / "measurements.csv").is_file()
