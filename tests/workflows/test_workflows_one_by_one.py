"""One image after the other: what fails at any step costs that image alone, or ends the work for good reason."""

import errno
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handbone.core.errors import HandboneError
from handbone.workflows.one_by_one import Job, Made, Opened, make_each
from handbone.workflows.stored_results import StoredResults, is_unfinished, record_file
from handbone.workflows.tasks import here

STEPS = ("key", "known", "load", "make", "draw")
ERRORS = {
    "foreseen": lambda: HandboneError("is broken", where="a.png", remedy="mend it"),
    "unforeseen": lambda: ValueError("no\nsuch thing"),
    "silent": lambda: ZeroDivisionError(),
    "name": lambda: OSError(errno.ENAMETOOLONG, "File name too long"),
    "disk": lambda: OSError(errno.ENOSPC, "No space left on device"),
}


@dataclass(frozen=True)
class Work:
    """A command whose images fail where they are told to; `calls` says what was done."""

    folder: Path
    faults: tuple = ()  # (name, step, error)
    results: int = 1
    earlier: tuple = ()
    calls: list = field(default_factory=list, compare=False)

    def open(self):
        kept = StoredResults(self.folder, "command")
        earlier = tuple(StoredResults(path, "command") for path in self.earlier)
        return Opened(kept, earlier, lambda name: self.job(name))

    def named(self, item):
        return item, item

    def job(self, name):
        names = [f"{name}#{n}" for n in range(self.results)]

        def step(what, value):
            self.calls.append((name, what))
            for who, where, error in self.faults:
                if (who, where) == (name, what):
                    raise ERRORS[error]()
            return value() if callable(value) else value

        def known(find):
            found = [one for one in names if find(one, one) is not None]
            return step("known", found if len(found) == len(names) else [])

        def draw(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            step("draw", lambda: path.write_text(name))

        return Job(
            name,
            name,
            f"images/{name}",
            lambda: step("key", f"key of {name}"),
            known,
            lambda: step("load", f"content of {name}"),
            lambda content: step("make", [Made(one, one, {"of": content}, draw) for one in names]),
        )


def done(work, names):
    return {outcome.name: outcome for outcome in here(work, names)}


NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_costs_its_image_alone_and_a_full_disk_ends_the_work(tmp_path, step, error):
    work = Work(tmp_path, faults=(("b", step, error),))
    if error == "disk" and step == "draw":
        with pytest.raises(OSError, match="No space left"):
            done(work, NAMES)
        return
    found = done(work, NAMES)
    assert set(found) == set(NAMES)
    for name in ("a", "c", "d"):
        assert found[name].results == (f"{name}#0",) and found[name].error is None and not found[name].known
        assert work.open().kept.read(f"{name}#0") == {"of": f"content of {name}"}
    failed = found["b"]
    assert failed.results == () and not (tmp_path / record_file("b#0")).exists()
    # Only what a reader says means that the image could not be read.
    assert failed.unread is (error == "foreseen" and step in ("key", "known", "load"))
    trace = tmp_path / "errors" / "b.txt"
    if error == "foreseen":
        assert failed.error == "a.png: is broken; mend it" and not trace.exists()
    else:
        kind = type(ERRORS[error]()).__name__
        first = {"unforeseen": "no", "silent": ""}.get(error, str(ERRORS[error]()))
        assert failed.error == f"images/b: {kind}: {first}; errors/b.txt has the whole message"
        assert "Traceback" in trace.read_text() and kind in trace.read_text()


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), count=st.integers(0, 5), results=st.integers(1, 3))
def test_each_image_has_one_outcome_whatever_fails(data, count, results, tmp_path_factory):
    names = [f"n{number}" for number in range(count)]
    errors = st.sampled_from(["foreseen", "unforeseen", "name"])
    faults = tuple(
        (name, data.draw(st.sampled_from(STEPS)), data.draw(errors)) for name in names if data.draw(st.booleans())
    )
    work = Work(tmp_path_factory.mktemp("out"), faults=faults, results=results)
    outcomes = list(here(work, names))
    assert sorted(outcome.name for outcome in outcomes) == names
    failing = {name for name, _, _ in faults}
    for outcome in outcomes:
        assert (outcome.error is not None) is (outcome.name in failing)
        assert len(outcome.results) == (0 if outcome.name in failing else results)
    # The work of one image is the same by itself.
    for name in names:
        alone = Work(tmp_path_factory.mktemp("alone"), faults=faults, results=results).open().one(name)
        assert alone == next(outcome for outcome in outcomes if outcome.name == name)


def test_what_is_kept_is_not_made_again_and_what_failed_is(tmp_path):
    first = Work(tmp_path, faults=(("b", "make", "unforeseen"),))
    done(first, NAMES)
    again = Work(tmp_path)
    found = done(again, NAMES)
    assert {name for name, outcome in found.items() if outcome.known} == {"a", "c", "d"}
    assert {name for name, step in again.calls if step in ("load", "make", "draw")} == {"b"}
    assert found["b"].results == ("b#0",) and found["b"].error is None
    assert all(outcome.known for outcome in done(Work(tmp_path), NAMES).values())


@pytest.mark.parametrize("results", [1, 2, 3])
@pytest.mark.parametrize("lost", ["record", "overlay", "changed overlay", "cut record", "nothing"])
def test_an_image_is_known_only_where_all_of_its_results_are_whole(tmp_path, results, lost):
    done(Work(tmp_path, results=results), ["a"])
    last = f"a#{results - 1}"
    record, overlay = tmp_path / record_file(last), StoredResults(tmp_path, "command").overlay(last)
    if lost == "record":
        record.unlink()
    elif lost == "overlay":
        overlay.unlink()
    elif lost == "changed overlay":
        overlay.write_text("mine")
    elif lost == "cut record":
        record.write_text(record.read_text()[:-5])
    outcome = done(Work(tmp_path, results=results), ["a"])["a"]
    assert outcome.known is (lost == "nothing") and len(outcome.results) == results


def test_results_of_an_earlier_folder_are_taken_over_and_stay_there(tmp_path):
    earlier, later = tmp_path / "earlier", tmp_path / "later"
    done(Work(earlier, faults=(("b", "make", "unforeseen"),)), NAMES)
    before = {path: path.read_bytes() for path in earlier.rglob("*") if path.is_file()}
    found = done(Work(later, earlier=(earlier,)), NAMES)
    assert {name for name, outcome in found.items() if outcome.known} == {"a", "c", "d"}
    assert {path: path.read_bytes() for path in earlier.rglob("*") if path.is_file()} == before
    assert all(StoredResults(later, "command").read(f"{name}#0") for name in NAMES)


@pytest.mark.parametrize(("again", "said"), [(0, ""), (3, "3 of 4 radiographs were outlined before")])
def test_it_is_said_how_many_were_done_before(tmp_path, capsys, again, said):
    done(Work(tmp_path), NAMES[:again])
    list(make_each(Work(tmp_path), NAMES, title="Outlining", total=4, done="outlined"))
    assert capsys.readouterr().err.strip() == said


def test_a_result_counts_only_for_what_it_was_made_from(tmp_path):
    image = tmp_path / "a.png"
    image.write_bytes(b"one")
    stored, other = StoredResults(tmp_path / "out", "one"), StoredResults(tmp_path / "out", "two")
    key = stored.key(image)
    stored.overlay("a").parent.mkdir(parents=True)
    stored.overlay("a").write_text("drawn")
    stored.keep("a.png", "a", key, {"x": 1})
    assert stored.find("a.png", "a", key) == stored.find("a.png", "a", None) == stored.read("a.png") == {"x": 1}
    assert other.key(image) != key and other.find("a.png", "a", other.key(image)) is None
    image.write_bytes(b"two")
    assert stored.key(image) != key
    with pytest.raises(HandboneError, match="cannot be read"):
        stored.key(tmp_path / "missing.png")


@pytest.mark.parametrize("page", [False, True])
def test_cleaning_leaves_the_results_that_count_and_nothing_else(tmp_path, page):
    stored = StoredResults(tmp_path, "one", page=page)
    wanted = [stored.overlay("a"), tmp_path / record_file("a.png"), *([stored.page_image("a")] if page else [])]
    gone = [stored.overlay("b"), tmp_path / record_file("b.png"), tmp_path / "errors" / "b.txt", stored.page_image("c")]
    for path in (*wanted, *gone):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    stored.clean([("a.png", "a")])
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(wanted)
    assert not (tmp_path / "errors").exists()


UNWRITTEN = (
    '{\n "fingerprint": "f",\n "images": [\n  {\n   "error": null,\n   "unwritten": {\n    "a": "b"\n   }\n  }\n ]\n}'
)


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [
        ('{\n "fingerprint": "f",\n "images": [\n  {\n   "error": "x"\n  }\n ]\n}', True),
        (UNWRITTEN, True),
        ('{\n "fingerprint": "f",\n "images": [\n  {\n   "error": null\n  }\n ]\n}', False),
        ('{\n "fingerprint": "other",\n "images": [\n  {\n   "error": "x"\n  }\n ]\n}', False),
        ('{\n "images": [\n  {\n   "error": "x"\n  }\n ]\n}', False),
        ('{\n "fingerprint": "f",\n "images": [\n  3\n ]\n}', False),
        ('{\n "fingerprint": "f",\n "images": []\n}', False),
        ("{", False),
        ("[]", False),
    ],
)
def test_a_folder_is_unfinished_where_the_same_command_failed_for_an_image(tmp_path, text, unfinished):
    (tmp_path / "r.json").write_text(text)
    assert is_unfinished(tmp_path, "f", record_file="r.json") is unfinished
    assert not is_unfinished(tmp_path / "missing", "f")
