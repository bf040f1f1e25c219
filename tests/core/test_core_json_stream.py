"""JSON with a long list: the same bytes as the whole would have, and entries come back one by one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.core.files import write_json
from handbone.core.json_stream import json_chunks, read_json_entries, read_json_head, write_json_entries

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["}", "{", " ]", "a\n  }\n", "["])
)
ENTRIES = st.lists(
    st.recursive(LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=3), v, max_size=3)),
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(entries=ENTRIES, head=st.dictionaries(st.text(max_size=3).filter(lambda k: k != "images"), LEAVES, min_size=1))
def test_text_is_that_of_the_whole_and_is_read_back(tmp_path_factory, entries, head):
    folder = tmp_path_factory.mktemp("json")
    whole = {**head, "images": entries}
    assert "".join(json_chunks(head, "images", iter(entries))) == json.dumps(whole, indent=1, ensure_ascii=False)
    path = write_json_entries(folder / "a.json", head, "images", iter(entries))
    assert path.read_bytes() == write_json(folder / "b.json", whole).read_bytes()
    assert list(read_json_entries(path, "images")) == entries
    assert read_json_head(path, "images") == head


def test_a_file_of_another_layout_is_read_as_a_whole(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"schema": "s", "images": [{"a": 1}, 2]}')
    assert list(read_json_entries(path, "images")) == [{"a": 1}, 2]


def test_a_file_that_is_cut_is_an_error(tmp_path):
    path = write_json_entries(tmp_path / "a.json", {"schema": "s"}, "images", [{"a": 1}, {"b": 2}])
    lines = path.read_text().splitlines(keepends=True)
    for count in range(1, len(lines) - 2):
        path.write_text("".join(lines[:count]))
        with pytest.raises(ValueError):
            list(read_json_entries(path, "images"))
