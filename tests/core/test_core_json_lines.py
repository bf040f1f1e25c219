"""Long JSON lists entry by entry, and lines of JSON: what is no such file says so, and bytes of names survive."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.core.json_stream import json_chunks, json_line, read_json_entries, read_json_head, write_json_entries

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30)
@given(VALUES)
def test_a_line_is_one_line_and_says_the_value(value):
    line = json_line(value)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert json.loads(line) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"n": np.int64(3), "a": np.arange(2)}, '{"n": 3, "a": [0, 1]}'),
        ({"yes": np.bool_(True)}, '{"yes": true}'),
        (Path("p1/a.png"), f'"{Path("p1/a.png")}"'.replace("\\", "\\\\")),
        ("환자", '"환자"'),
        (os.fsdecode(b"caf\xe9") if os.name != "nt" else "caf\udce9", '"caf\\udce9"'),
    ],
)
def test_lines_have_numpy_s_values_paths_and_names_of_any_bytes(value, text):
    assert json_line(value).decode("utf-8") == f"{text}\n"


def test_a_line_refuses_what_has_no_json_form():
    with pytest.raises(TypeError, match="object is not a JSON value"):
        json_line({"x": object()})


@pytest.mark.parametrize("entries", [[], [1], [[]], [{}], [[], {}], [{"a": []}, {"b": {}}], ["]", "}"], [None, "\n ]"]])
def test_chunks_are_what_the_whole_would_be(tmp_path, entries):
    head = {"schema": "s/1", "count": len(entries)}
    text = "".join(json_chunks(head, "images", iter(entries)))
    assert text == json.dumps(head | {"images": entries}, indent=1)
    path = write_json_entries(tmp_path / "x.json", head, "images", entries)
    assert path.read_text("utf-8") == text + "\n"
    assert read_json_head(path, "images") == head and list(read_json_entries(path, "images")) == entries


def test_a_chunk_is_made_when_it_is_asked_for():
    taken = []

    def entries():
        for number in range(5):
            taken.append(number)
            yield number

    chunks = json_chunks({"a": 1}, "list", entries())
    next(chunks), next(chunks)
    assert taken == [0]


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{\n "a": 1\n}', '{\n "entries": [\n  1\n ]\n}'])
def test_a_head_is_read_of_its_own_list_only(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"x\.json: no list 'images'"):
        read_json_head(path, "images")


@pytest.mark.parametrize("read", [read_json_head, lambda *a: list(read_json_entries(*a))])
@pytest.mark.parametrize("content", [None, b'\xff\xfe{"images": []}'])
def test_what_cannot_be_read_is_an_error_of_the_file(tmp_path, read, content):
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((OSError, ValueError)):
        read(path, "images")


@pytest.mark.parametrize("text", ["", "{", '{"images": [1, 2}', '{"images": '])
def test_a_file_of_another_program_that_is_cut_is_an_error(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ValueError):
        list(read_json_entries(path, "images"))


@settings(max_examples=30)
@given(st.integers(0, 60))
def test_wherever_a_file_is_cut_whole_entries_come_and_then_the_error(tmp_path_factory, cut):
    path = tmp_path_factory.getbasetemp() / "cut.json"
    entries = [{"name": "a.png", "bones": [1, {"x": []}]}, {"name": "b.png", "bones": []}]
    write_json_entries(path, {"schema": "s/1"}, "images", entries)
    content = path.read_bytes()
    # The list's own end is what counts: the brace behind it says nothing more.
    end = content.rindex(b" ]")
    path.write_bytes(content[: max(len('{\n "schema": "s/1",\n "images": ['), end - cut - 1)])
    came = []
    with pytest.raises(ValueError):
        for entry in read_json_entries(path, "images"):
            came.append(entry)
    assert came == entries[: len(came)]


def test_entries_that_fail_leave_the_old_file(tmp_path):
    path = write_json_entries(tmp_path / "x.json", {"a": 1}, "list", [1, 2])
    with pytest.raises(TypeError):
        write_json_entries(path, {"a": 1}, "list", [3, object()])
    assert list(read_json_entries(path, "list")) == [1, 2] and [p.name for p in tmp_path.iterdir()] == ["x.json"]
