"""Views of one place and their mean, in both stages and from the command line's names."""

import numpy as np
import pytest
from stages_hands import DiscReader, disc_image, hand_points

from handbone.anatomy import CARPALS, COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import UnknownNameError
from handbone.core.frame import Frame
from handbone.method.coarse import predict_coarse
from handbone.method.locate import predict_located
from handbone.method.refine import predict_refined
from handbone.method.settings import METHOD, MethodSettings, read_settings
from handbone.method.tta import VIEWS, View, tta_mean, views_of
from handbone.method.two_stage import Stage, TwoStage


class GreyReader:
    """A network whose logits are the square of what it sees, less one half; remembers what it saw."""

    def __init__(self):
        self.seen = []

    def logits(self, image, flip=False, within=None):
        self.seen.append(image)
        return np.repeat(image[:1] ** 2 - 0.5, COUNT, axis=0)


def test_names_stand_for_views_and_combine():
    assert views_of([]) == (View(),)
    assert [view.brightness for view in views_of(["brightness"])] == [0.9, 1.0, 1.1, 1.2]
    assert views_of(["turned", "turned"]) == VIEWS["turned"] and len(VIEWS["turned"]) == 5
    both = views_of(["brightness", "turned"])
    assert len(set(both)) == 20 and {view.degrees for view in both} == {-7, 0, 7}
    with pytest.raises(UnknownNameError, match="did you mean 'brightness'"):
        views_of(["brigthness"])


def test_a_brighter_view_multiplies_and_stays_within_the_range():
    grid = np.array([0.0, 0.5, 0.9], np.float32)
    assert View(brightness=1.2).of_grid(grid) == pytest.approx([0.0, 0.6, 1.0])
    assert View(brightness=0.9).of_grid(grid).dtype == np.float32 and grid.max() == np.float32(0.9)
    assert View().of_grid(grid) is grid


def test_logits_of_one_grid_are_averaged_before_the_sigmoid():
    reader, image = GreyReader(), np.full((64, 64), 0.8, np.float32)
    came = predict_coarse(reader, image, 64, views=views_of(["brightness"])).crop(0)[1]
    logits = [(0.8 * factor) ** 2 - 0.5 for factor in (0.9, 1.0, 1.1, 1.2)]
    assert [seen.max() for seen in reader.seen] == pytest.approx([0.72, 0.8, 0.88, 0.96])
    assert came[32, 32] == pytest.approx(1 / (1 + np.exp(-np.mean(logits))), abs=1 / 255)


def test_turned_views_lie_around_the_same_middle_and_vote_in_the_image():
    points = hand_points(unit=300.0, at=np.array([520.0, 900.0]), noise=0.0, degrees=10)
    image, ground_truth = disc_image(points, (1300, 1100), 9)
    seen = []

    def logits(frame, view):
        seen.append(frame)
        return DiscReader().logits(frame.warp(image)[None])

    frame = Frame.letterbox(image.shape, (1024, 1024))
    masks = tta_mean(frame, image.shape, views_of(["turned"]), logits).threshold()
    assert len(seen) == 5 and len({frame.matrix.tobytes() for frame in seen}) == 5
    assert np.allclose([f.to_image([[511.5, 511.5]])[0] for f in seen], [549.5, 649.5])
    assert np.abs(masks.centroids_xy() - ground_truth.centroids_xy()).max() < 1.5


def test_only_the_radiograph_gets_brighter_for_the_refiner_not_the_coarse_masks():
    dense = np.zeros((COUNT, 64, 64), bool)
    dense[:, 20:40, 20:40] = True
    reader, image = GreyReader(), np.full((64, 64), 0.5, np.float32)
    frame = Frame.letterbox(image.shape, (64, 64))
    views = views_of(["brightness"])
    predict_refined(reader, image, frame, bones=CARPALS, coarse=BoneMasks.from_dense(dense), views=views)
    assert [seen[0].max() for seen in reader.seen] == pytest.approx([0.45, 0.5, 0.55, 0.6])
    assert all(np.array_equal(seen[1:], reader.seen[0][1:]) for seen in reader.seen)
    assert reader.seen[0][1:].max() == 1


def test_looks_that_find_the_hand_are_taken_once():
    points = hand_points(unit=300.0, at=np.array([520.0, 900.0]), noise=0.0, degrees=10)
    image, _ = disc_image(points, (1300, 1100), 9)
    reader = DiscReader()
    _, place = predict_located(reader, image, 1024, pass_size=1024, views=views_of(["turned"]))
    assert place.found and len(reader.seen) == place.passes + 5


def test_both_stages_take_the_views_that_are_named():
    points = hand_points(unit=300.0, at=np.array([520.0, 900.0]), noise=0.0, degrees=10)
    image, _ = disc_image(points, (1300, 1100), 9)
    coarse, refiner = DiscReader(), DiscReader()
    settings = MethodSettings(views=("turned",), refiner={})
    method = TwoStage(Stage(coarse, 1024), Stage(refiner, 512), settings)
    method.predict(image)
    assert (len(coarse.seen), len(refiner.seen)) == (5, 5)


def test_weights_say_which_views_unless_told_otherwise(tmp_path):
    from handbone.recipe.schema import Choice
    from handbone.weights.network_file import WeightsCard, build_network, save_weights

    model = Choice(name="unet", encoder="resnet18", encoder_weights="none")
    settings = MethodSettings(views=("brightness",)).model_dump(mode="json")
    card = WeightsCard(model=model, in_channels=1, size=64, stage="coarse", extra={METHOD: settings})
    path = save_weights(tmp_path / "coarse.safetensors", build_network(model, 1), card)
    assert TwoStage.from_path(path).settings.views == ("brightness",)
    for views in ((), ("turned",)):
        settings = read_settings(path).but(views=views)
        assert TwoStage.from_path(path, settings=settings).settings.views == views
    with pytest.raises(UnknownNameError, match="did you mean"):
        read_settings(path).but(views=["turnd"])
