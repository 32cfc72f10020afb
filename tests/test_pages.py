"""Pages: what stands in them is what stands in the files."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trials import make_output, run
from short_trials import WALK, short_walk

from trcaugment import Markers, read_trc, write_trc
from trcaugment.conversion.ik import _upright
from trcaugment.conversion.sidecar import sha256_of
from trcaugment.errors import MarkersError
from trcaugment.formats.c3d import format_c3d
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.pages.bones import bones, identify, sides
from trcaugment.pages.html import as_script, render
from trcaugment.pages.marks import find_marks, joined
from trcaugment.pages.packing import Packed, pack
from trcaugment.pages.scene import Layer, at_times, find_pairings, make_scene
from trcaugment.pages.spread import read_spread
from trcaugment.pages.trial import Trial, open_trial
from trcaugment.pages.viewer import make_page, show


def unpack(packed: Packed, n_markers: int) -> np.ndarray:
    steps = np.frombuffer(base64.b64decode(packed.data), dtype="<i2").reshape(-1, n_markers, 3).astype(float)
    return np.where(steps == -32768, np.nan, np.array(packed.center_m) + packed.step_m * steps)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1e5), st.floats(-1e5, 1e5))
def test_packed_positions_are_within_half_a_step_which_is_a_tenth_of_a_millimetre(
    seed: int, size_m: float, away_m: float
) -> None:
    random = np.random.default_rng(seed)
    positions = away_m + size_m * random.uniform(-1, 1, (7, 5, 3))
    positions[random.random((7, 5)) < 0.3] = np.nan
    packed = pack(positions)
    assert packed.step_m == 1e-4 or size_m > 3.2
    np.testing.assert_allclose(unpack(packed, 5), positions, atol=packed.step_m * 0.5001, rtol=1e-12)


def test_bodies_are_joined_from_head_to_toe() -> None:
    for names in (KEYPOINTS.names, ANATOMICAL_MARKERS.names):
        joined_names = {names[k] for bone in bones(names) for k in bone}
        alone = {name for name in names if re.search("thigh|sh[123]", name)}  # clusters lie on muscle
        assert joined_names == set(names) - alone
    assert bones(("RKnee", "chair", "LAnkle")) == []


def test_lines_are_found_under_the_names_of_many_files() -> None:
    renamed = [f"Anna:{name}" for name in KEYPOINTS]
    assert bones(renamed) == bones(KEYPOINTS.names)
    alone, lab = identify(["r_knee", "l_hip"]), identify(["r_knee", "r.ASIS", "sacrum"])
    assert [mark and mark.kind for mark in alone] == ["keypoint", "keypoint"]
    assert [mark and mark.name for mark in lab] == ["r_knee_study", "r.ASIS_study", None]


def test_sides_are_those_of_the_body() -> None:
    assert sides([f"Anna:{name}" for name in KEYPOINTS]) == [mark.side for mark in KEYPOINTS.landmarks]
    assert sides(("r.ASIS_study", "L.ASIS_study", "C7_study", "patellofemoral_l", "back")) == [
        *("right", "left", "middle", "left", "middle")
    ]


@pytest.mark.parametrize("up", ["y", "z", "-x"])
def test_the_axis_that_points_up_is_found_and_shown_upward(up: str) -> None:
    walk = short_walk()
    turns = {"y": np.eye(3), "z": [[1, 0, 0], [0, 0, 1], [0, -1, 0]], "-x": [[0, 1, 0], [-1, 0, 0], [0, 0, 1]]}
    lab = replace(walk, positions=walk.positions @ np.array(turns[up], dtype=float))
    scene = make_scene([Layer("walk", "keypoints", lab)], None, [])
    assert scene.up == up
    shown = unpack(scene.bodies[0].positions, len(walk.names)) @ np.array(scene.turn).T
    np.testing.assert_allclose(shown, walk.positions, atol=1e-4)
    walked = walk.select(["Neck"])[-1, 0] - walk.select(["Neck"])[0, 0]
    apart = scene.heading_rad - np.arctan2(walked[2], walked[0])
    assert np.cos(apart) > 0.95  # forward


def test_another_file_is_shown_at_the_same_moments() -> None:
    walk = short_walk()
    faster_s = np.linspace(walk.time_s[0], walk.time_s[-1], 157)
    moving = Markers(("a",), np.outer(faster_s, [1, 2, 3])[:, None], faster_s)
    np.testing.assert_allclose(at_times(moving, walk.time_s, "a").positions[:, 0], np.outer(walk.time_s, [1, 2, 3]))
    gap = moving.positions.copy()
    gap[50:60] = np.nan
    seen = np.isfinite(at_times(replace(moving, positions=gap), walk.time_s, "a").positions[:, 0, 0])
    np.testing.assert_array_equal(seen, (walk.time_s <= faster_s[49] + 1e-9) | (walk.time_s >= faster_s[60] - 1e-9))
    later = replace(moving, time_s=faster_s + 100)
    with pytest.raises(MarkersError, match=r"b: expected a trial of the same time, 0 to 0.65 s, found 100 to 100.7 s"):
        at_times(later, walk.time_s, "b")


def test_the_distance_of_the_same_markers_is_that_which_was_planted() -> None:
    walk = short_walk()
    names = tuple(f"P1_{name}" for name in walk.names)
    moved = replace(walk, names=names, positions=walk.positions + np.array([0.003, 0.004, 0]))
    layers = [Layer("walk", "keypoints", walk), Layer("other", "other", moved, panel=1)]
    (pairing,) = find_pairings(layers, [walk, moved])
    assert len(pairing.pairs) == len(walk.names)
    assert pairing.mean_mm == pytest.approx(5)
    assert pairing.per_marker_mm == pytest.approx([5] * len(walk.names))
    assert find_pairings([layers[0], replace(layers[1], panel=0)], [walk, moved]) == []


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output of predict with findings and gaps; its input lies in another folder."""
    return make_output(tmp_path_factory.mktemp("made"))


def test_the_marks_are_those_of_the_sidecar(made: Path) -> None:
    trial = open_trial(made)
    assert trial.sidecar is not None
    marks = find_marks(trial)
    assert {mark.kind for mark in marks} >= {"finding", "filled", "guessed"}
    (filled,) = (mark for mark in marks if mark.kind == "filled")
    assert (filled.label, filled.spans) == ("LHip", ((40, 45),))
    assert [(mark.label, mark.spans) for mark in marks if mark.kind == "guessed"] == [("RAnkle", ((20, 40),))]
    bands = joined(marks, 60)
    assert bands["filled"] == [(40, 45)]
    frozen = next(mark for mark in marks if mark.label == "frozen")
    assert frozen.message in [each.message for each in trial.sidecar.findings]
    assert set(bands["finding"]) >= set(frozen.spans)


def test_the_keypoints_of_an_output_are_those_it_was_made_from(made: Path, tmp_path: Path) -> None:
    trial = open_trial(made)
    assert trial.keypoints is not None
    np.testing.assert_allclose(trial.keypoints.positions, read_trc(made.parent / "in" / "walk.trc").positions)
    alone = tmp_path / "walk_aug.trc"
    alone.write_bytes(made.read_bytes())
    sidecar = json.loads(made.with_suffix(".json").read_text())
    sidecar["made"]["input"] = "/nowhere/walk.trc"
    alone.with_suffix(".json").write_text(json.dumps(sidecar))
    assert (
        open_trial(alone).notes[-1]
        == "The keypoints are not shown: /nowhere/walk.trc is not there, or was changed since."
    )
    (tmp_path / "walk.trc").write_bytes((made.parent / "in" / "walk.trc").read_bytes())
    assert open_trial(alone).keypoints is not None
    alone.write_bytes(made.read_bytes() + b"\n")
    changed = open_trial(alone)
    assert changed.sidecar is None
    assert "changed since" in changed.notes[-1]


def test_the_page_loads_nothing_and_no_name_can_break_it(made: Path, tmp_path: Path) -> None:
    odd = tmp_path / "<img src=x>.trc"
    names = ("</script><b>", *short_walk().names[1:])
    write_trc(odd, replace(short_walk(), names=names))
    page = make_page(show(open_trial(odd)), odd.stem).decode()
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert "default-src 'none'" in page
    assert set(re.findall(r"(?:src|href)=\"([^\"]*)", page)) == {"data:,"}
    assert "http" not in re.sub(r"http-equiv", "", page)
    scene = json.loads(page.split('id="scene">')[1].split("</script>")[0])
    assert any("</script><b>" in body["names"] for body in scene["bodies"])


def test_a_minute_at_60_hz_stays_far_below_15_mb_and_a_long_trial_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = short_walk(0, 600)
    minute = Markers(walk.names, np.tile(walk.positions, (6, 1, 1)), np.arange(3600) / 60)
    shown = show(Trial(Path("minute.trc"), minute), Trial(Path("b.trc"), minute))
    assert len(shown.script) < 2e6  # of 40 markers; an output with its keypoints and those of a lab has 100
    assert shown.scene.every == 1
    monkeypatch.setattr("trcaugment.pages.scene._MOST_BYTES", 200_000)
    thinned = show(Trial(Path("minute.trc"), minute))
    assert len(thinned.script) < 350_000
    every = thinned.scene.every
    assert f"The trial is long: one of {every} frames is shown." in thinned.notes
    np.testing.assert_allclose(thinned.scene.time_s, minute.time_s[::every], atol=1e-6)
    shown_positions = unpack(thinned.scene.bodies[0].positions, len(walk.names))
    np.testing.assert_allclose(shown_positions, minute.positions[::every], atol=1e-4)


def test_scripts_cannot_be_ended_by_text() -> None:
    text = as_script({"a": "</script><!--"})
    assert "<" not in text
    assert json.loads(text) == {"a": "</script><!--"}
    with pytest.raises(Exception, match="shown"):
        render("view.html.j2", title="a")


# --- the command


def test_view_writes_a_page_beside_the_trial_and_replaces_none_unasked(made: Path) -> None:
    page = made.with_suffix(".html")
    assert run("view", made).output == f"{made} -> {page}\n"
    assert "Look twice" in page.read_text(encoding="utf-8")
    assert "add --overwrite" in run("view", made, code=2).output
    page.unlink()


def test_c3d_files_are_shown_as_trcs_are(tmp_path: Path) -> None:
    pytest.importorskip("ezc3d")
    write_trc(tmp_path / "walk.trc", short_walk())
    (tmp_path / "lab.c3d").write_bytes(format_c3d(tmp_path / "lab.c3d", short_walk()))
    page = tmp_path / "page.html"
    run("view", tmp_path / "walk.trc", "--with", tmp_path / "lab.c3d", "-o", page)
    assert f"mean distance 0.0 mm over {len(short_walk().names)} markers" in " ".join(page.read_text("utf-8").split())


def test_a_page_on_standard_output_is_nothing_but_the_page(made: Path) -> None:
    shown = run("view", made, "-o", "-")
    assert shown.stdout.endswith("</html>")
    assert shown.stderr == f"{made} -> -\n"


def test_a_damaged_sidecar_is_no_sidecar(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / made.name
    copy.write_bytes(made.read_bytes())
    known = json.loads(made.with_suffix(".json").read_text(encoding="utf-8"))
    copy.with_suffix(".json").write_text(json.dumps(known | {"up": "left"}), encoding="utf-8")
    assert open_trial(copy).sidecar is None


def test_view_says_what_is_wrong_in_one_line(made: Path, tmp_path: Path) -> None:
    page = ["-o", tmp_path / "page.html"]
    empty = tmp_path / "empty.trc"
    write_trc(empty, replace(short_walk(), positions=np.full_like(short_walk().positions, np.nan)))
    no_table = tmp_path / "no.mot"
    no_table.write_text("angles")
    for arguments, code, words in (
        ([made, "--motion", "walk.mot"], 2, "--motion needs --model"),
        ([tmp_path / "none.trc"], 1, "none.trc"),
        ([empty], 1, "expected positions to show, found none in any frame"),
        ([made, "--with", no_table], 1, "no.mot"),
        ([made, "--motion", no_table, "--model", no_table], 1, "no.mot: expected a line 'endheader'"),
        ([made, "-o", made], 2, "is an input"),
    ):
        output = run("view", *arguments, *(page if "-o" not in arguments else []), code=code).output
        assert words in output
        assert output.strip().splitlines()[-1].startswith("Error: ")
    assert not (tmp_path / "page.html").exists()


def test_how_unsure_a_marker_is_comes_with_it(tmp_path: Path) -> None:
    write_trc(tmp_path / "walk.trc", short_walk())
    table = tmp_path / "unsure.csv"
    person = ("--height", 1.584, "--mass", 58.32)
    target = tmp_path / "aug.trc"
    run("predict", tmp_path / "walk.trc", *person, "-o", target, "--uncertainty", table, "--with-keypoints")
    trial = open_trial(target)
    spread_mm = read_spread(table, trial)
    rows = [line.split(",") for line in table.read_text().splitlines()]
    k = rows[0].index("r_knee_study_forward_mm")
    expected = np.linalg.norm(np.array([row[k : k + 3] for row in rows[2:]], dtype=float), axis=1)
    np.testing.assert_allclose(spread_mm[:, trial.markers.names.index("r_knee_study")], expected)
    assert np.isnan(spread_mm[:, trial.markers.names.index("RKnee")]).all()
    shown = show(trial, spread_mm=spread_mm)
    body = next(each for each in shown.scene.bodies if each.role == "predicted")
    assert body.spread_mm is not None
    whole = np.frombuffer(base64.b64decode(body.spread_mm), dtype=np.uint8).reshape(-1, len(body.names))
    np.testing.assert_allclose(whole[:, body.names.index("r_knee_study")], expected, atol=0.5)
    page = tmp_path / "page.html"
    run("view", target, "--uncertainty", table, "-o", page)
    assert "The paler a marker, the less sure" in page.read_text(encoding="utf-8")
    run("report", target, "--uncertainty", table, "-o", page, "--overwrite")
    assert 'id="uncertainty"' in page.read_text(encoding="utf-8")


def test_a_trial_that_is_seen_in_one_frame_has_its_pages(tmp_path: Path) -> None:
    trial = short_walk(0, 40)
    positions = np.full_like(trial.positions, np.nan)
    positions[30] = trial.positions[30]
    write_trc(tmp_path / "a.trc", replace(trial, positions=positions))
    for command in ("view", "report"):
        page = tmp_path / f"{command}.html"
        run(command, tmp_path / "a.trc", "-o", page)
        assert "</html>" in page.read_text(encoding="utf-8")


def test_inverse_kinematics_leaves_an_output_as_predict_turned_it(made: Path, tmp_path: Path) -> None:
    walk = read_trc(WALK.with_name("walk_markers.trc"))
    lab = replace(walk, positions=walk.positions @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]))  # z is up
    path = tmp_path / "lab.trc"
    write_trc(path, lab)
    assert _upright(path, lab)[1] == "z points up: turned to OpenSim's Y"
    sidecar = json.loads(made.with_suffix(".json").read_text())
    sidecar["output"]["sha256"] = sha256_of(path.read_bytes())
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    assert _upright(path, lab) == (lab, "")
    sidecar["findings"].append({"guard": "vertical", "message": "is it --up=z?", "frames": []})
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    assert _upright(path, lab)[1]
