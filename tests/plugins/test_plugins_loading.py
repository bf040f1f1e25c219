"""Every kind of faulty plugin, loaded inside one process: it is named with its reason, and nothing of it stays."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from plugins_disk import BAD, GOOD, HALF, HEAD, write_plugin

from handbone.core.errors import HandboneError, ShapeError
from handbone.plugins import LossSpec, PluginManager, Prompts, ReaderSpec, events, hookimpl
from handbone.plugins.checks import Contents, UnfitError, error_text, examine, guarded
from handbone.plugins.events import has_listeners, notify


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_faulty_plugin_is_named_with_its_reason_and_nothing_else_suffers(site, name):
    code, reason = BAD[name]
    write_plugin(site, name, code, requires=("no-such-thing>=2",))
    write_plugin(site, "good-one", GOOD)
    manager = PluginManager()
    problem = next(one for one in manager.problems if one.package == name)
    assert reason in problem.reason and "\n" not in problem.reason
    assert name not in manager.loaded and manager.of_package(name) == []
    assert [one.package for one in manager.provided("loss") if one.spec.name == "good-loss"] == ["good-one"]


def test_nothing_of_a_half_good_plugin_stays(site):
    write_plugin(site, "half-one", HALF)
    manager = PluginManager()
    assert "its handbone_metrics failed: RuntimeError: no" in manager.problems[0].reason
    assert not any(one.package == "half-one" for kind in ("loss", "command") for one in manager.provided(kind))
    assert not any(package == "half-one" for _, package, _ in manager.events)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("[handbone]\na = good_one:nothing\n", "its entry point 'good_one:nothing' cannot be loaded: AttributeError"),
        ("[handbone]\na = good_one.inner\n", "its module 'good_one.inner' is missing; pip install --force-reinstall"),
    ],
)
def test_entry_points_that_lead_nowhere_say_what_to_do(site, entry, reason):
    write_plugin(site, "good-one", HEAD, entry=entry)
    problem = next(one for one in PluginManager().problems if one.package == "good-one")
    assert reason in problem.reason


def test_a_plugin_that_needs_a_newer_handbone_says_so(site):
    write_plugin(site, "good-one", "import handbone.nothing_of_the_kind")
    problem = next(one for one in PluginManager().problems if one.package == "good-one")
    assert "needs 'handbone.nothing_of_the_kind', which this version of handbone does not have" in problem.reason


def plugin(**hooks):
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def loss(**changes):
    return LossSpec(**{"name": "mine", "summary": "A loss", "build": print, **changes})


def reader(name, *extensions):
    return ReaderSpec(name=name, summary="A format", build=print, extensions=extensions)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (SimpleNamespace(HANDBONE_API="1"), "its HANDBONE_API is '1', which must be a whole number"),
        (SimpleNamespace(HANDBONE_API=0), "was written for version 0 .*; upgrade the plugin"),
        (SimpleNamespace(HANDBONE_API=2), "was written for version 2 .*; pip install --upgrade handbone"),
        (plugin(handbone_losses=lambda: [loss(summary=3)]), "has the summary 3, which is not text"),
        (plugin(handbone_losses=lambda: [loss(build=3)]), "has the build 3, which is not a function"),
        (plugin(handbone_losses=lambda: [loss(name=3)]), "has an invalid name"),
        (plugin(handbone_losses=lambda: [loss(), loss(summary="B")]), "its loss 'mine' is registered twice"),
        (plugin(handbone_losses=lambda: iter([])), "instead of a list of LossSpec"),
        (
            plugin(handbone_readers=lambda: [reader("a", ".x"), reader("b", ".y", ".x")]),
            "a reader of '.x' is registered twice",
        ),
    ],
)
def test_hooks_and_specs_are_examined_before_anything_is_registered(made, reason):
    with pytest.raises(UnfitError, match=reason):
        examine([made])


def test_a_wrapper_around_other_plugins_is_refused():
    def handbone_losses():
        return (yield)

    made = SimpleNamespace(handbone_losses=hookimpl(wrapper=True)(handbone_losses))
    with pytest.raises(UnfitError, match="is a wrapper around other plugins, which handbone does not allow"):
        examine([made])


def test_what_a_plugin_may_do():
    def handbone_epoch_ended(stage, *, unknown=1, **others):
        """Takes what it names, and may have more with defaults."""

    assert examine([]) == examine([SimpleNamespace()]) == Contents()
    found = examine([plugin(handbone_losses=lambda: (loss(),), handbone_epoch_ended=handbone_epoch_ended)])
    assert [spec.name for spec in found.specs] == ["mine"]
    assert [(event.hook, event.arguments) for event in found.events] == [("handbone_epoch_ended", ("stage",))]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("half"), "KeyError: 'half'"),
        (ValueError(), "ValueError"),
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (ValueError("x" * 400), f"ValueError: {'x' * 300}..."),
    ],
)
def test_an_error_is_one_line_with_its_type(error, text):
    assert error_text(error) == text
    with pytest.raises(UnfitError, match="it failed: ") as caught, guarded("it failed"):
        raise error
    assert str(caught.value) == f"it failed: {text}" and caught.value.__cause__ is error


def test_ctrl_c_in_a_plugin_is_the_user_s_and_prints_are_no_results(capsys):
    with pytest.raises(KeyboardInterrupt), guarded("it failed"):
        raise KeyboardInterrupt
    with guarded("it failed"):
        sys.stdout.write("loading\n")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "loading\n")


@pytest.fixture
def told(monkeypatch):
    """A manager of this test alone, and what its listeners heard."""
    manager, heard = PluginManager(entry_points=False), []
    monkeypatch.setattr(events, "registry", lambda: manager)
    monkeypatch.delenv("HANDBONE_STRICT_PLUGINS", raising=False)

    def listen(stage, epoch):
        heard.append((stage, epoch))

    def fail(epoch):
        heard.append(epoch)
        raise SystemExit(3)

    manager.register(plugin(handbone_epoch_ended=fail), package="failing", version="1")
    manager.register(plugin(handbone_epoch_ended=listen), package="listening", version="2")
    return heard


def test_listeners_hear_what_they_name_and_a_failure_is_told_once(told, capfd):
    for epoch in range(2):
        notify("handbone_epoch_ended", stage="coarse", epoch=epoch, metrics={})
    assert told == [0, ("coarse", 0), 1, ("coarse", 1)]
    said = capfd.readouterr().err
    assert said.count("plugin failing 1: its handbone_epoch_ended failed: SystemExit: 3") == 1
    assert has_listeners("handbone_epoch_ended") and not has_listeners("handbone_run_started")


def test_strict_plugins_stop_the_work(told, monkeypatch):
    monkeypatch.setenv("HANDBONE_STRICT_PLUGINS", "1")
    with pytest.raises(HandboneError, match="its handbone_epoch_ended failed: SystemExit: 3; fix or disable it"):
        notify("handbone_epoch_ended", stage="coarse", epoch=0, metrics={})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"boxes_xyxy": (2, 3)}, r"boxes_xyxy.*\(B, 4\)"),
        ({"labels": (3, 5)}, r"labels.*\(2, P\)"),
        ({"labels": (2,)}, r"labels.*\(2, P\)"),
        ({"points_xy": (2, 4, 2)}, r"points_xy.*\(2, 5, 2\)"),
        ({"masks": (2, 8, 8)}, r"masks.*\(2, 1, m, m\)"),
        ({"masks": (3, 1, 8, 8)}, r"masks.*\(2, 1, m, m\)"),
    ],
)
def test_prompts_of_another_shape_are_refused(changes, words):
    shapes = {"boxes_xyxy": (2, 4), "points_xy": (2, 5, 2), "labels": (2, 5), "masks": (2, 1, 8, 8)}
    right = Prompts(**{name: np.zeros(shape) for name, shape in shapes.items()})
    assert len(right) == 2 and len(right.rows(1, 9)) == 1 and right.rows(0, 1).masks.shape == (1, 1, 8, 8)
    with pytest.raises(ShapeError, match=words):
        Prompts(**{name: np.zeros(shape) for name, shape in {**shapes, **changes}.items()})
