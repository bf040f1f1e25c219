"""Templates: escaped, each compiled once in a process, each call with its own filters."""

import jinja2

from handbone.report import templates


def test_a_template_is_compiled_once_and_each_call_has_its_own_filters(tmp_path, monkeypatch):
    monkeypatch.setattr(jinja2, "PackageLoader", lambda *_: jinja2.FileSystemLoader(tmp_path))
    (tmp_path / "a.html.jinja").write_text("<p>{{ value | told }}</p>")
    assert templates.template("a.html.jinja", {"told": str.upper}).render(value="a & b") == "<p>A &amp; B</p>"
    with monkeypatch.context() as patched:
        patched.setattr(jinja2.Environment, "compile", None)
        assert templates.template("a.html.jinja", {"told": str.title}).render(value="a") == "<p>A</p>"
        assert templates.template("a.html.jinja", {"told": len}).render(value="abc") == "<p>3</p>"
    (tmp_path / "a.html.jinja").write_text("<b>{{ value | told }}</b>")
    assert templates.template("a.html.jinja", {"told": len}).render(value="abc") == "<b>3</b>"
