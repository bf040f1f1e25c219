"""What a plugin builds may fail at any call: the sentence names its package and the file, and others' errors pass."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from plugins_lying import manager_of

from handbone.anatomy import COUNT
from handbone.core.errors import HandboneError
from handbone.core.radiograph import Radiograph
from handbone.plugins import (
    MetricSpec,
    OptimiserSpec,
    PrompterSpec,
    ReaderSpec,
    SchedulerSpec,
    SplitWriter,
    WeightsSpec,
    WriterSpec,
)
from handbone.plugins.provider import a_type


def built(spec, *given, **named):
    """What the validated spec builds."""
    checked, settings = manager_of(("handbone-x", "3.1", [spec])).get(spec.kind, spec.name)
    return checked.build(settings, *given, **named)


class Folder:
    """A writer that fails where it is told to."""

    def __init__(self, error=None, at=""):
        self.error, self.at, self.done = error, at, []

    def __getattr__(self, name):
        if name not in ("write", "close"):
            raise AttributeError(name)

        def call(*given):
            if self.at == name:
                raise self.error
            self.done.append((name, *given))

        return call


class Split(SplitWriter):
    """The same in parts."""

    def __init__(self, error=None, at=""):
        self.error, self.at, self.done = error, at, []

    def _do(self, name, *given):
        if self.at == name:
            raise self.error
        self.done.append((name, *given))
        return f"{name} of it"

    def part(self, image):
        return self._do("part", image)

    def add(self, part):
        self._do("add", part)

    def close(self):
        self._do("close")


IMAGE = SimpleNamespace(name="p1/wrist.png")
FAILED = [
    ("write", "cannot write p1/wrist.png (ValueError: no room)"),
    ("close", "cannot finish its files (ValueError: no room)"),
    ("part", "cannot write p1/wrist.png (ValueError: no room)"),
    ("add", "cannot append an image (ValueError: no room)"),
]


def use(writer):
    writer.write(IMAGE)
    writer.close()


@pytest.mark.parametrize(("at", "sentence"), FAILED)
def test_a_writer_that_fails_names_the_image_and_its_package(at, sentence):
    kind = Folder if at == "write" else Split
    spec = WriterSpec(name="w", summary="", build=lambda settings, *, folder: kind(ValueError("no room"), at))
    with pytest.raises(HandboneError) as caught:
        use(built(spec, folder=Path()))
    assert str(caught.value).startswith(f"the writer 'w' of handbone-x 3.1 {sentence}; report it to the authors of")
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("kind", [Folder, Split])
def test_a_writer_that_works_is_called_as_it_is_and_in_parts_if_it_can(kind):
    inner = kind()
    writer = built(WriterSpec(name="w", summary="", build=lambda settings, *, folder: inner), folder=Path())
    assert isinstance(writer, SplitWriter) is (kind is Split)
    use(writer)
    expected = [("write", IMAGE)] if kind is Folder else [("part", IMAGE), ("add", "part of it")]
    assert inner.done == [*expected, ("close",)]


@pytest.mark.parametrize("at", ["part", "add", "close"])
def test_a_plugin_s_own_sentence_passes_unchanged(at):
    own = HandboneError("this format holds no masks so large", where="a.seg")
    spec = WriterSpec(name="w", summary="", build=lambda settings, *, folder: Split(own, at))
    with pytest.raises(HandboneError) as caught:
        use(built(spec, folder=Path()))
    assert caught.value is own


@pytest.mark.parametrize("error", [SystemExit(2), MemoryError("much"), KeyError("x")])
def test_no_way_of_failing_ends_the_command_without_a_name(error):
    def fail(*given, **named):
        raise error

    reader = built(ReaderSpec(name="r", summary="", extensions=(".r",), build=lambda settings: fail))
    with pytest.raises(HandboneError, match=r"the reader 'r' of handbone-x 3.1 cannot read a.r \(") as caught:
        reader(Path("folder/a.r"))
    assert type(error).__name__ in str(caught.value)
    with pytest.raises(HandboneError, match=r"the metric 'm' of handbone-x 3\.1 cannot be built"):
        built(MetricSpec(name="m", summary="", build=fail))


def test_a_failure_of_many_lines_is_one_sentence():
    def fail(path):
        raise ValueError("first\n  second\n" + 900 * "x")

    reader = built(ReaderSpec(name="r", summary="", extensions=(".r",), build=lambda settings: fail))
    with pytest.raises(HandboneError) as caught:
        reader(Path("a.r"))
    assert "cannot read a.r (ValueError: first second xxx" in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_ctrl_c_within_a_plugin_stays_the_user_s():
    def interrupted(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(ReaderSpec(name="r", summary="", extensions=(".r",), build=lambda settings: interrupted))(Path("a.r"))


def test_a_reader_is_told_the_frame_only_where_one_is_asked_for():
    seen = []

    def read(*given):
        seen.append(given)
        return Radiograph(np.zeros((2, 2), np.float32), False, 8)

    reader = built(ReaderSpec(name="r", summary="", extensions=(".r",), build=lambda settings: read))
    reader(Path("a.r"))
    reader(Path("a.r"), 3)
    assert seen == [(Path("a.r"),), (Path("a.r"), 3)]


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_numbers_of_a_metric_come_as_float64_whatever_they_are(dtype):
    given = np.arange(COUNT).astype(dtype)
    found = built(MetricSpec(name="m", summary="", build=lambda settings: lambda truth, predicted: given))(None, None)
    assert found.dtype == np.float64 and found.tolist() == list(range(COUNT)) and found is not given


@pytest.mark.parametrize("given", [np.array(["1"] * COUNT), np.zeros(COUNT, bool), np.zeros((COUNT, 1)), None])
def test_what_is_no_number_for_each_bone_is_refused(given):
    measure = built(MetricSpec(name="m", summary="", build=lambda settings: lambda truth, predicted: given))
    with pytest.raises(HandboneError, match="does not return an array of 29 numbers, one for each bone, but"):
        measure(None, None)


@pytest.mark.parametrize(
    ("spec", "given", "sentence"),
    [
        (SchedulerSpec(name="x", summary="", build=lambda s, o, **_: 4), (None,), "has no 'step' and no 'state_dict'"),
        (OptimiserSpec(name="x", summary="", build=lambda s, groups: None), ([],), "is not a torch.optim.Optimizer"),
        (ReaderSpec(name="x", summary="", extensions=(".x",), build=lambda s: None), (), "does not build a function"),
        (PrompterSpec(name="x", summary="", build=lambda s: None), (), "has no 'size' and no 'mask_size'"),
        (WeightsSpec(name="x", summary="", build=lambda s: Path("nowhere")), (), "are not in a folder: "),
    ],
)
def test_what_is_built_has_to_have_the_parts_that_are_used(spec, given, sentence):
    with pytest.raises(HandboneError, match=f"the {spec.kind} 'x' of handbone-x 3.1 {sentence}"):
        built(spec, *given)


def test_a_right_optimiser_is_torch_s_own():
    parameter = torch.zeros(2, requires_grad=True)
    spec = OptimiserSpec(name="x", summary="", build=lambda settings, groups: torch.optim.SGD(groups))
    assert isinstance(built(spec, [{"params": [parameter], "lr": 0.1}]), torch.optim.SGD)


@pytest.mark.parametrize(("value", "said"), [(1, "an int"), ([], "a list"), (None, "a NoneType"), ({}, "a dict")])
def test_types_have_their_article(value, said):
    assert a_type(value) == said
