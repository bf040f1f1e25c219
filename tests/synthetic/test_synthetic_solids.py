"""The skeleton's solids: closed, turned outwards, of textbook anatomy, and how the asset is made of meshes."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.synthetic import build_assets, skeleton
from handbone.synthetic.forearm import LENGTH, _smooth, loft_radius, loft_ulna, sphere_faces
from handbone.synthetic.skeleton import FOREARM, PLACED, load_skeleton


def volume(vertices, faces):
    """Of a closed surface, positive where it is turned outwards (divergence theorem)."""
    a, b, c = (np.asarray(vertices, float)[faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def open_edges(faces):
    """How many edges do not have exactly one face on either side."""
    directed = Counter(map(tuple, np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).tolist()))
    return sum(count != 1 or directed[b, a] != 1 for (a, b), count in directed.items())


def ball(radius=10.0, centre=(0.0, 0.0, 0.0), rings=8, columns=12):
    """Vertices and outward faces of a sphere."""
    latitude = np.arange(1, rings + 1) / (rings + 1) * np.pi
    longitude = np.arange(columns) / columns * 2 * np.pi
    ring = [
        [np.sin(a) * np.cos(b), np.cos(a), np.sin(a) * np.sin(b)] for a in latitude.tolist() for b in longitude.tolist()
    ]
    vertices = radius * np.array([[0, 1, 0], *ring, [0, -1, 0]], float) + np.array(centre)
    return vertices, build_assets.outward(vertices, sphere_faces(rings, columns))


@pytest.mark.parametrize(("rings", "columns"), [(1, 3), (2, 5), (7, 12)])
def test_rings_between_two_points_are_a_closed_sphere(rings, columns):
    faces = sphere_faces(rings, columns)
    count = rings * columns + 2
    assert open_edges(faces) == 0 and set(faces.ravel().tolist()) == set(range(count))
    # Euler: vertices less edges plus faces are 2 on a sphere.
    assert count - 3 * len(faces) // 2 + len(faces) == 2


@pytest.mark.parametrize("index", range(anatomy.COUNT))
def test_every_bone_is_a_solid_that_is_turned_outwards(index):
    solid = load_skeleton()
    vertices, faces = solid.vertices[index], solid.faces[index]
    assert open_edges(faces) == 0 and faces.min() == 0 and faces.max() < len(vertices)
    box = float(np.prod(np.ptp(vertices @ solid.frame[index].T, axis=0)))
    assert 0.15 * box < volume(vertices, faces) < 0.85 * box


@pytest.mark.parametrize("index", range(0, anatomy.COUNT, 4))
def test_depths_are_those_of_rays_straight_through(index):
    """Each ray is met with each triangle by solving three equations, and the nearest other side counts."""
    solid = load_skeleton()
    vertices, faces, depth = (part[index].astype(float) for part in (solid.vertices, solid.faces, solid.depth))
    faces = faces.astype(int)
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], np.cross(b - a, c - a))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    right = 0
    chosen = np.random.default_rng(index).choice(len(vertices), 12, replace=False).tolist()
    for place in chosen:
        way = -normals[place]
        start = vertices[place] + 0.05 * way
        equations = np.stack([b - a, c - a, np.broadcast_to(-way, a.shape)], 2)
        whole = np.abs(np.linalg.det(equations)) > 1e-9
        u, v, far = np.linalg.solve(equations[whole], (start - a[whole])[..., None])[..., 0].T
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (far > 0)
        right += abs(min(far[hit].min(initial=40.0) + 0.05, 255 / 8) - depth[place]) < 0.2
    # Rays along an edge or a fold may be met by either of two faces.
    assert right >= len(chosen) - 2


def test_frames_are_right_handed_axes_along_the_bone():
    solid = load_skeleton()
    for index in range(anatomy.COUNT):
        frame = solid.frame[index]
        np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(frame) == pytest.approx(1) and frame[1, 1] > 0, "y points to the elbow"
        along = solid.vertices[index] @ frame[1]
        assert solid.length[index] == pytest.approx(np.ptp(along))
        if index not in PLACED:
            assert solid.base[index] @ frame[1] == pytest.approx(along.max()), "it hangs on its end towards the wrist"
            assert index < solid.parent[index] < 19 and solid.axes[index].any()
    assert (solid.parent[list(PLACED)] == -1).all()
    centre = solid.vertices[skeleton.CAPITATE].mean(0)
    assert np.abs(centre).max() < 0.01, "the capitate's centre is the origin"


@pytest.mark.parametrize("loft", [loft_radius, loft_ulna])
def test_forearms_are_solids_of_a_length(loft):
    vertices, faces = loft()
    assert open_edges(faces) == 0 and len(vertices) - 3 * len(faces) // 2 + len(faces) == 2
    assert volume(vertices, build_assets.outward(vertices, faces)) > 20_000, "cubic millimetres"
    assert LENGTH < np.ptp(vertices[:, 1]) < LENGTH + 12


def test_the_radius_is_inclined_and_tilted_as_in_textbooks():
    vertices, _ = loft_radius()
    x, y, z = vertices.T
    end = y < y.min() + 20
    middle = (x[end].min() + x[end].max()) / 2
    tip = vertices[np.argmin(y)]
    assert tip[0] < middle, "the styloid is on the thumb's side"
    # The farthest point midway between distal and away from the thumb is the ulnar corner of the joint.
    corner = vertices[np.argmax(np.where(end, x - y, -np.inf))]
    assert np.degrees(np.arctan2(corner[1] - tip[1], corner[0] - tip[0])) == pytest.approx(20, abs=4)
    rim = [
        vertices[np.argmin(np.where(end & side, y, np.inf) + 50 * (np.abs(x - middle) > 2))] for side in (z > 4, z < -6)
    ]
    dorsal, palmar = rim
    assert np.degrees(np.arctan2(palmar[1] - dorsal[1], dorsal[2] - palmar[2])) == pytest.approx(11, abs=4)


def test_the_ulnas_styloid_stands_out_away_from_the_thumb():
    vertices, _ = loft_ulna()
    tip = vertices[np.argmin(vertices[:, 1])]
    head = vertices[(vertices[:, 1] < tip[1] + 12) & (vertices[:, 0] < 18)]
    assert tip[0] > vertices[vertices[:, 1] < tip[1] + 12, 0].mean() + 3
    assert 3 < head[:, 1].min() - tip[1] < 7


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_profiles_are_cubic_splines_through_their_sections(seed, share):
    rng = np.random.default_rng(seed)
    xs = np.cumsum(rng.uniform(0.5, 9, 7))
    ys = rng.normal(0, 3, 7)
    x = float(xs[0] + share * (xs[-1] - xs[0]))
    assert _smooth(x, xs, ys) == pytest.approx(CubicHermiteSpline(xs, ys, np.gradient(ys, xs))(x), abs=1e-9)


def stl(vertices, faces):
    """A binary STL file's bytes, in metres."""
    record = np.zeros(len(faces), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    record["corners"] = vertices[faces] / 1000
    return b" " * 80 + len(faces).to_bytes(4, "little") + record.tobytes()


def test_stl_files_are_read_in_millimetres_with_corners_welded(tmp_path):
    vertices, faces = ball()
    thin = np.vstack([faces, [[0, 1, 1]]])
    (tmp_path / "a.stl").write_bytes(stl(vertices, thin) + b"trailing")
    found, welded = build_assets.read_stl(tmp_path / "a.stl")
    assert len(found) == len(vertices) and len(welded) == len(faces), "a face without area is left out"
    assert open_edges(welded) == 0 and volume(found, welded) == pytest.approx(volume(vertices, faces), rel=1e-4)


def test_faces_are_turned_outwards_and_normals_point_there():
    vertices, faces = ball(centre=(30.0, -5.0, 2.0))
    turned = build_assets.outward(vertices, faces[:, ::-1])
    assert volume(vertices, turned) > 0 and build_assets.outward(vertices, faces) is faces
    normals = build_assets.vertex_normals(vertices, turned)
    outwards = (vertices - [30.0, -5.0, 2.0]) / 10
    assert (normals * outwards).sum(1).min() > 0.99
    through = build_assets.thickness(vertices, turned)
    assert through == pytest.approx(20, abs=0.6), "from every side of a ball to the other"


def test_of_surfaces_in_each_other_the_outermost_is_kept():
    outer, inner = ball(10.0, rings=20, columns=40), ball(6.0)
    both = np.vstack([outer[0], inner[0]]), np.vstack([outer[1], inner[1] + len(outer[0])])
    vertices, faces = build_assets.outermost(*both, rings=12)
    assert np.linalg.norm(vertices, axis=1) == pytest.approx(10, abs=0.15) and open_edges(faces) == 0


CHAIN = """<mujoco><worldbody><body name="humerus_r"><body name="ulna_r"><geom mesh="ulna_r"/>
<joint axis="0 0 1" range="0 1"/><body name="c" pos="0.01 0.02 0.03"><geom mesh="capitate_r"/>{bodies}
</body></body></body></worldbody></mujoco>"""


@pytest.fixture
def models(tmp_path):
    """A folder of balls, as that of MyoHand's bones is laid out: each finger hangs on the capitate in a chain."""
    bodies = ""
    names = [build_assets.mesh_name(bone) for bone in anatomy.BONES][:27]
    chains = [
        ["1mc", "thumbprox", "thumbdist"],
        *[[f"{n}{p}" for p in ("mc", "proxph", "midph", "distph")] for n in "2345"],
    ]
    for number, chain in enumerate(chains):
        for name in chain:
            joint = "" if name.endswith("mc") else '<joint axis="1 0 0" range="0 1.5708"/>'
            bodies += f'<body pos="{0.01 * number if name == chain[0] else 0} 0.03 0"><geom mesh="{name}_r"/>{joint}'
        bodies += "</body>" * len(chain)
    bodies += "".join(
        f'<body pos="0 0 0.01"><geom mesh="{name}_r"/></body>' for name in names[19:] if name != "capitate"
    )
    (tmp_path / "arm/assets").mkdir(parents=True)
    (tmp_path / "meshes").mkdir()
    (tmp_path / "arm/assets/myoarm_r_chain.xml").write_text(CHAIN.format(bodies=bodies))
    for name in names:
        (tmp_path / f"meshes/{name}.stl").write_bytes(
            stl(*ball(8.0 if name == "5distph" else 10.0, rings=3, columns=6))
        )
    return tmp_path


def test_a_chain_of_bodies_is_read_from_the_elbow_on(models):
    chain = build_assets.read_chain(models / "arm/assets/myoarm_r_chain.xml")
    assert chain["ulna"]["parent"] is None and chain["capitate"]["parent"] == "ulna"
    assert chain["capitate"]["origin"] == pytest.approx([10, 20, 30]), "millimetres from the elbow's body"
    assert chain["3midph"]["origin"] == pytest.approx([30, 110, 30]) and chain["3midph"]["parent"] == "3proxph"
    (axis, limits) = chain["3midph"]["joints"][0]
    assert axis.tolist() == [1, 0, 0] and limits == pytest.approx([0, 90], abs=0.01)


def test_an_asset_of_meshes_is_a_skeleton(models, tmp_path, monkeypatch):
    monkeypatch.setattr(build_assets, "loft_radius", lambda: ball(12.0, (0, 60, 0)))
    monkeypatch.setattr(build_assets, "loft_ulna", lambda: ball(9.0, (20, 60, 0)))
    monkeypatch.setattr(build_assets, "ASSET", tmp_path / "hand.npz")
    arrays = build_assets.build(models)
    np.savez(tmp_path / "hand.npz", **arrays)
    monkeypatch.setattr(skeleton, "_ASSET", tmp_path / "hand.npz")
    found = skeleton.load_skeleton.__wrapped__()
    assert [len(v) for v in found.vertices] == arrays["counts"][:, 0].tolist()
    assert all(volume(v, f) > 0 for v, f in zip(found.vertices, found.faces, strict=True))
    assert np.abs(found.vertices[skeleton.CAPITATE].mean(0)).max() < 0.01
    # x turns its sign: the index's chain stands 10 mm towards the thumb in the model, and away from it here.
    index, little = (found.vertices[anatomy.INDEX[name]].mean(0) for name in ("finger-7", "finger-19"))
    assert index[0] - little[0] == pytest.approx(30, abs=0.1) and index[1] == pytest.approx(30, abs=0.1)
    assert found.parent[3:6].tolist() == [4, 5, 6] and (found.parent[list(FOREARM)] == -1).all()
    # The little finger's last bone has the ring finger's surface in its own size.
    assert np.ptp(found.vertices[anatomy.INDEX["finger-16"]], axis=0) == pytest.approx(
        0.8 * np.ptp(found.vertices[anatomy.INDEX["finger-12"]], axis=0), rel=0.01
    )
    assert min(depth.min() for depth in found.depth) > 1 and max(depth.max() for depth in found.depth) < 25


def test_without_the_package_of_the_meshes_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setattr(build_assets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(HandboneError, match="myo-sim is not installed; pip install myo-sim"):
        build_assets.main()


def test_every_bone_but_the_forearms_has_a_mesh_of_its_own():
    names = [build_assets.mesh_name(bone) for bone in anatomy.BONES]
    assert len(set(names)) == anatomy.COUNT
    found = {anatomy.SHORT_NAMES[index]: name for index, name in enumerate(names)}
    assert (found["MC1"], found["PP1"], found["DP1"]) == ("1mc", "thumbprox", "thumbdist")
    assert (found["MC4"], found["MP4"], found["DP5"]) == ("4mc", "4midph", "5distph") and found["Lunate"] == "lunate"
