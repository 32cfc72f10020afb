"""What is found in folders of trials: built here file by file, with what must come out written beside it."""

from __future__ import annotations

import inspect
import json
import os
import random
import shutil
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trcaugment.errors import SessionsError, SubjectsError
from trcaugment.sessions.finding import FoundTrial, find_trials
from trcaugment.sessions.tree import LeftOut
from trcaugment.sessions.variants import Stage, variant_of

OPENCAP = "height_m: 1.78\nmass_kg: 72.0\nsex: m\n"
HEADER = "path,subject,height_m,mass_kg\n"


def pose2sim(height="1.72", mass="70.0", section="project"):
    return f"[{section}]\nparticipant_height = {height}\nparticipant_mass = {mass}\n[filtering]\ntype = 'butterworth'\n"


def build(root, files, order=None):
    """Write files: names, or name -> content."""
    contents = dict.fromkeys(files, "") if not isinstance(files, dict) else files
    for name in order or contents:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contents[name], encoding="utf-8")


def find(root, subjects=None, outputs=None):
    return find_trials(root, subjects, outputs or root / "augmented")


def trials(items):
    """name -> (subject, height, mass, source of the height, source of the mass)."""
    return {
        t.name: (t.subject_name, t.person.height_m, t.person.mass_kg, t.person.height_source, t.person.mass_source)
        for t in items
        if isinstance(t, FoundTrial)
    }


def left(items, *, failed):
    return {t.name: t.reason for t in items if isinstance(t, LeftOut) and t.failed == failed}


def test_an_opencap_session_is_found_alone_and_in_a_cohort(tmp_path):
    build(tmp_path / "S1", {"sessionMetadata.yaml": OPENCAP, "MarkerData/walk.trc": "", "MarkerData/squat.TRC": ""})
    source = "S1/sessionMetadata.yaml"
    person = ("S1", 1.78, 72.0, source, source)
    assert trials(find(tmp_path)) == {"S1/MarkerData/squat.TRC": person, "S1/MarkerData/walk.trc": person}
    alone = find(tmp_path / "S1")
    assert trials(alone)["MarkerData/walk.trc"] == ("S1", 1.78, 72.0, "sessionMetadata.yaml", "sessionMetadata.yaml")
    assert [t.source for t in alone] == [tmp_path / "S1/MarkerData/squat.TRC", tmp_path / "S1/MarkerData/walk.trc"]


def test_the_downloaded_session_is_found(shared_data):
    items = find(shared_data / "sessions")
    names = [f"opencap_subject0/MarkerData/{name}.trc" for name in ("Asym_0", "Squats_0", "neutral")]
    source = "opencap_subject0/sessionMetadata.yaml"
    assert trials(items) == dict.fromkeys(names, ("opencap_subject0", 1.78, 72.0, source, source))
    assert len(items) == 3


def test_of_opencaps_versions_of_a_trial_one_is_taken(tmp_path):
    setup = "MarkerData/mmpose_0.8/2-cameras"
    build(
        tmp_path,
        {
            "sessionMetadata.yaml": OPENCAP,
            f"{setup}/PreAugmentation/walk.trc": "",
            f"{setup}/PostAugmentation_v0.2/walk_LSTM.trc": "",
            f"{setup}/PostAugmentation_v0.2/run_LSTM.trc": "",
            f"{setup}/PostAugmentation_v0.3/run_LSTM.trc": "",
            "MarkerData/mmpose_0.8/5-cameras/PreAugmentation/walk.trc": "",
            "MarkerData/walk.trc": "",
            "OpenSimData/walk.trc": "",
        },
    )
    items = find(tmp_path)
    assert set(trials(items)) == {
        f"{setup}/PreAugmentation/walk.trc",
        f"{setup}/PostAugmentation_v0.3/run_LSTM.trc",  # the keypoints are in it, and nowhere else
        "MarkerData/mmpose_0.8/5-cameras/PreAugmentation/walk.trc",  # other cameras, another trial
        "MarkerData/walk.trc",
    }
    assert not left(items, failed=True)
    skipped = left(items, failed=False)
    assert f"{setup}/PreAugmentation/walk.trc" in skipped[f"{setup}/PostAugmentation_v0.2/walk_LSTM.trc"]
    assert f"{setup}/PostAugmentation_v0.3/run_LSTM.trc" in skipped[f"{setup}/PostAugmentation_v0.2/run_LSTM.trc"]
    assert "not in MarkerData" in skipped["OpenSimData/walk.trc"]


# Names of old and new versions of Pose2Sim: the frames stood behind the filter's name first, before it later.
@pytest.mark.parametrize(
    ("name", "trial", "stage", "person"),
    [
        ("T00_Static_0-12", "T00_Static", Stage.RAW, ""),
        ("T00_Static_filt_butterworth_0-12", "T00_Static", Stage.FILTERED, ""),
        ("T00_Static_0-12_filt_butterworth", "T00_Static", Stage.FILTERED, ""),
        ("T00_Static_0-12_filt_butterworth_LSTM", "T00_Static", Stage.AUGMENTED, ""),
        ("T00_Static_0-12_filt_butterworth_on_speed", "T00_Static", Stage.FILTERED, ""),
        ("T02_Participants1-2_P1_0-100_filt_LOESS", "T02_Participants1-2_P1", Stage.FILTERED, "P1"),
        ("T02_Participants1-2_P2_0-100_LSTM", "T02_Participants1-2_P2", Stage.AUGMENTED, "P2"),
        ("sets_1-2_0-100", "sets_1-2", Stage.RAW, ""),
        ("infiltrated", "infiltrated", Stage.RAW, ""),
        ("", "", Stage.RAW, ""),
    ],
)
def test_pose2sim_names_tell_the_version(name, trial, stage, person):
    variant = variant_of(f"T00/pose-3d/{name}.trc")
    assert (variant.stage, variant.person) == (stage, person)
    assert variant.trial == (f"T00/pose-3d/{trial}" if trial else "T00/pose-3d/.trc")


def test_of_pose2sims_versions_of_a_trial_the_filtered_one_is_taken(tmp_path):
    names = ("w_0-99", "w_0-100_filt_kalman", "w_0-100_filt_kalman_LSTM", "w_100-200", "w_300-400_LSTM")
    build(tmp_path, {"Config.toml": pose2sim(), **{f"pose-3d/{name}.trc": "" for name in names}})
    items = find(tmp_path)
    # Frames 100-200 were not filtered, and of 300-400 there is nothing else.
    taken = [f"pose-3d/{name}.trc" for name in ("w_0-100_filt_kalman", "w_100-200", "w_300-400_LSTM")]
    sources = ("Config.toml (participant_height)", "Config.toml (participant_mass)")
    assert trials(items) == dict.fromkeys(taken, (tmp_path.name, 1.72, 70.0, *sources))
    assert left(items, failed=False) == {
        "pose-3d/w_0-99.trc": "the raw version of pose-3d/w_0-100_filt_kalman.trc, which is taken instead",
        "pose-3d/w_0-100_filt_kalman_LSTM.trc": "another augmenter's output for the same trial as "
        "pose-3d/w_0-100_filt_kalman.trc, which is taken instead",
    }


def test_the_nearest_configuration_counts_key_by_key(tmp_path):
    build(
        tmp_path,
        {
            "Config.toml": pose2sim("'auto'", "70.0"),
            "P0/Config.toml": "[project]\nparticipant_mass = 58\n",
            "P0/T0/Config.toml": "# [project]\n",
            "P0/T0/pose-3d/T0_0-9.trc": "",
            "P0/T1/Config.toml": pose2sim("[1.6]", "[59]", section="markerAugmentation"),  # as in older versions
            "P0/T1/pose-3d/T1_0-9.trc": "",
            "P1/T0/Config.toml": "",
            "P1/T0/pose-3d/T0_0-9.trc": "",
        },
    )
    height, mass = "Config.toml (participant_height)", "Config.toml (participant_mass)"
    assert trials(find(tmp_path)) == {
        "P0/T0/pose-3d/T0_0-9.trc": ("P0", None, 58.0, height, f"P0/{mass}"),
        "P0/T1/pose-3d/T1_0-9.trc": ("P0", 1.6, 59.0, f"P0/T1/{height}", f"P0/T1/{mass}"),
        # P1 has no configuration, so nothing says that it is a participant: two trials are never called one person.
        "P1/T0/pose-3d/T0_0-9.trc": ("P1/T0", None, 70.0, height, mass),
    }
    above = trials(find(tmp_path / "P0/T1"))
    assert above == {"pose-3d/T1_0-9.trc": ("T1", 1.6, 59.0, height, mass)}


@pytest.mark.parametrize(
    ("height", "mass", "people", "reason"),
    [
        ("[1.72, 1.40, 1.6]", "[70.0, 63.5, 60]", ["_P1", "_P2"], "order (walk_P1_0-9.trc, walk_P2_0-9.trc), found 3"),
        ("[1.72, 1.40]", "70.0", [""], "expected a value for each file in their order (walk_0-9.trc), found 2 for 1"),
        ("[1.72, 1.40]", "70.0", ["_P1", "_P2"], "(participant_mass): one value for the files of several people"),
        ("1.72", "[70.0, 63.5]", [""], "one value for the files of several people (one without label)"),
        ("1.72", "70.0", ["_P1", "_P2"], "one value for the files of several people (P1, P2)"),
        ("'auto'", "70.0", ["_P1", "_P2"], "one value for the files of several people (P1, P2)"),
        ("[]", "70.0", [""], "expected a number, found []"),
        ("172", "70.0", [""], "If that is in cm, write 1.72 (m)"),
        ("1.72", "70000", [""], "Config.toml (participant_mass): mass must lie between 5 and 350 kg"),
        ("true", "70.0", [""], "expected a number, found True"),
        ("1.72", "nan", [""], "found nan"),
        ("1.72", "'auto'", [""], "expected a number, found 'auto'"),
        ("1.72", "9" * 400, [""], "found inf"),
        ("1.72", "9" * 5000, [""], "cannot be read"),
        ("1.72", "", [""], "cannot be read"),
        ("[" * 5000, "70", [""], "nested too deeply"),
        ("1.72 # " + "x" * 70_000, "70", [""], "expected a page of metadata"),
        ("{a = 1}", "70", [""], "expected a number"),
    ],
)
def test_a_configuration_that_tells_of_nobody_fails_its_own_trials(tmp_path, height, mass, people, reason):
    build(tmp_path / "good", {"Config.toml": pose2sim(), "pose-3d/a_0-9.trc": ""})
    files = [f"pose-3d/walk{person}_0-9.trc" for person in people]
    build(tmp_path / "bad", {"Config.toml": pose2sim(height, mass), **dict.fromkeys(files, "")})
    items = find(tmp_path)
    assert list(trials(items)) == ["good/pose-3d/a_0-9.trc"]
    failed = left(items, failed=True)
    assert list(failed) == [f"bad/{file}" for file in files]
    for text in failed.values():
        assert reason in text and text.startswith("bad/Config.toml") and "\n" not in text and len(text) < 300

    rows = [f"bad/*walk{person}*,Person{person},1.5{k},5{k}\n" for k, person in enumerate(people)]
    (tmp_path / "subjects.csv").write_text(HEADER + "".join(rows))
    mended = trials(find(tmp_path))
    for k, (file, person) in enumerate(zip(files, people, strict=True)):
        source = f"subjects.csv, line {k + 2}"
        assert mended[f"bad/{file}"] == (f"Person{person}", 1.5 + k / 100, 50.0 + k, source, source)


def test_a_list_belongs_to_the_files_in_pose2sims_order(tmp_path):
    config = pose2sim("[1.6, 1.7, 1.8]", "[61, 72, 83]")
    stems = ("Walk_P10_0-99_filt_butterworth", "walk_P2_0-99_filt_butterworth", "run_P1_0-99_filt_butterworth")
    files = [f"duo/pose-3d/{stem}.trc" for stem in stems]
    left_out = [f"duo/pose-3d/{name}.trc" for name in ("walk_P2_0-99", "walk_P2_0-99_filt_butterworth_LSTM")]
    build(
        tmp_path, {"duo/Config.toml": config, **dict.fromkeys((*files, *left_out), ""), "duo/pose-3d/idle_0-9.trc": ""}
    )
    items = find(tmp_path)
    height, mass = "duo/Config.toml (participant_height, value {} of 3 in order of the files)", "participant_mass"
    assert trials(items) == {
        file: (
            f"duo/{trial}",
            1.5 + k / 10,
            50.0 + 11 * k,
            height.format(k),
            height.format(k).replace("participant_height", mass),
        )
        for k, file, trial in ((1, files[2], "run_P1"), (2, files[1], "walk_P2"), (3, files[0], "Walk_P10"))
    }
    # Not filtered, as the others are: Pose2Sim has no value for it.
    reason = left(items, failed=True)["duo/pose-3d/idle_0-9.trc"]
    assert reason.startswith("duo/Config.toml (participant_height): Pose2Sim takes this list for other files (run_P1")
    auto = pose2sim("'auto'", "[61, 72, 83]")
    (tmp_path / "duo/Config.toml").write_text(auto)
    assert {values[1:3] for values in trials(find(tmp_path)).values()} == {(None, 61.0), (None, 72.0), (None, 83.0)}


def test_advice_names_the_table_that_was_given(tmp_path):
    build(
        tmp_path, {"P/Config.toml": pose2sim("1.7", "70"), "P/pose-3d/w_P1_0-9.trc": "", "P/pose-3d/w_P2_0-9.trc": ""}
    )
    build(tmp_path, {"P/opensim/b.trc": "", "lost/w.trc": "", "people.csv": HEADER})
    items = find(tmp_path, subjects=tmp_path / "people.csv")
    reasons = [*left(items, failed=True).values(), *left(items, failed=False).values()]
    assert len(reasons) == 4
    assert all("people.csv" in reason and "subjects.csv" not in reason for reason in reasons)


def bomb():
    """A few lines that a constructor of merged maps would turn into 9^9 pairs."""
    levels = [f"l{k}: &l{k}\n  <<: [{', '.join([f'*l{k - 1}'] * 9)}]\n" for k in range(1, 10)]
    return "l0: &l0 {a: 1}\n" + "".join(levels)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ("height_m: 178\nmass_kg: 72\n", "If that is in cm, write 1.78 (m)"),
        ("height_m: 1.78\n", "found no mass_kg"),
        ("mass_kg: 72\nheight: 1.8\n", "found no height_m"),
        ("height_m: true\nmass_kg: 72\n", "height_m: expected a number, found 'true'"),
        ("height_m: tall\nmass_kg: 72\n", "height_m: expected a number, found 'tall'"),
        ("height_m:\nmass_kg: 72\n", "height_m: expected a number, found nothing"),
        ("height_m: [1.78]\nmass_kg: 72\n", "height_m: expected a number"),
        ("height_m: nan\nmass_kg: 72\n", "found nan"),
        ("height_m: 1.78\nmass_kg: .inf\n", "mass_kg: expected a number"),
        ("height_m: 1.78\nmass_kg: 72\nheight_m: 1.6\n", "height_m is there twice"),
        ("height_m: !!python/object/apply:os.system ['touch pwned']\nmass_kg: 72\n", "expected a number"),
        ("height_m: 1.78\n  mass_kg: : 72\n", "cannot be read (mapping values are not allowed here, line 2)"),
        ("height_m: 1.78\nmass_kg: *nobody\n", "cannot be read (found undefined alias"),
        ("a: " + "[" * 1_000, "nested too deeply"),
        ("- 1.78\n- 72\n", "expected lines such as height_m: 1.78"),
        ("", "expected lines such as height_m: 1.78"),
        ("height_m: 1.78\n---\nmass_kg: 72\n", "cannot be read"),
        ("height_m: 1.78\nmass_kg: \x07\n", "cannot be read"),
        ("#" * 70_000, "expected a page of metadata"),
        (bomb(), "found no height_m and no mass_kg"),
    ],
)
def test_broken_session_metadata_fail_their_own_trials(tmp_path, monkeypatch, metadata, reason):
    monkeypatch.chdir(tmp_path)
    build(tmp_path / "cohort/good", {"sessionMetadata.yaml": OPENCAP, "MarkerData/a.trc": ""})
    build(tmp_path / "cohort/bad", {"sessionMetadata.yaml": metadata, "MarkerData/a.trc": "", "MarkerData/b.trc": ""})
    begun_s = time.process_time()
    items = find(tmp_path / "cohort")
    assert time.process_time() - begun_s < 5
    assert list(trials(items)) == ["good/MarkerData/a.trc"]
    failed = left(items, failed=True)
    assert list(failed) == ["bad/MarkerData/a.trc", "bad/MarkerData/b.trc"]
    for text in failed.values():
        assert reason in text and text.startswith("bad/sessionMetadata.yaml") and "\n" not in text and len(text) < 300
    assert not (tmp_path / "pwned").exists()


def test_metadata_that_are_no_file_fail_their_own_trials(tmp_path):
    build(tmp_path, ["a/MarkerData/a.trc", "b/MarkerData/b.trc", "c/pose-3d/c.trc", "outside.yaml"])
    (tmp_path / "a/sessionMetadata.yaml").mkdir()
    os.mkfifo(tmp_path / "b/sessionMetadata.yaml")
    (tmp_path / "c/Config.toml").write_bytes(b"[project]\nparticipant_height = '\xff'\n")
    failed = left(find(tmp_path), failed=True)
    assert "Is a directory" in failed["a/MarkerData/a.trc"]
    assert "it is a pipe or a device" in failed["b/MarkerData/b.trc"]
    assert "cannot be read" in failed["c/pose-3d/c.trc"]


def test_a_table_of_subjects_goes_before_metadata(tmp_path):
    build(
        tmp_path,
        {
            "subjects.csv": HEADER + "plain/a*,Anna,1.6,50\nplain/*,Ben,1.8,80\nS1/*,Cleo,1.7,70\nS9/*,Nobody,1.7,71\n",
            "plain/a1.trc": "",
            "plain/b/1.trc": "",
            "S1/sessionMetadata.yaml": "broken: [",
            "S1/MarkerData/w.trc": "",
            "S2/sessionMetadata.yaml": OPENCAP,
            "S2/MarkerData/w.trc": "",
            "lost/w.trc": "",
        },
    )
    items = find(tmp_path)
    second = "S2/sessionMetadata.yaml"
    assert trials(items) == {
        "S1/MarkerData/w.trc": ("Cleo", 1.7, 70.0, "subjects.csv, line 4", "subjects.csv, line 4"),
        "S2/MarkerData/w.trc": ("S2", 1.78, 72.0, second, second),
        "plain/a1.trc": ("Anna", 1.6, 50.0, "subjects.csv, line 2", "subjects.csv, line 2"),
        "plain/b/1.trc": ("Ben", 1.8, 80.0, "subjects.csv, line 3", "subjects.csv, line 3"),
    }
    assert "add a row that fits lost/w.trc to subjects.csv" in left(items, failed=True)["lost/w.trc"]
    assert left(items, failed=False) == {
        "subjects.csv": "line 5: no trial takes its subject from this row; is the path right (S9/*)?"
    }

    other = tmp_path.parent / f"{tmp_path.name}_people.csv"
    other.write_text(HEADER + "lost/*,Dan,1.9,90\n")
    named = trials(find(tmp_path, subjects=other))
    assert named == {
        "lost/w.trc": ("Dan", 1.9, 90.0, f"{other.name}, line 2", f"{other.name}, line 2"),
        "S2/MarkerData/w.trc": ("S2", 1.78, 72.0, second, second),
    }
    other.write_text(HEADER + "lost/*,Dan,190,90\n")
    with pytest.raises(SubjectsError, match=r"line 2: height must lie .* write 1.9 \(m\)"):
        find(tmp_path, subjects=other)
    with pytest.raises(SubjectsError, match=r"expected nothing.csv with the columns"):
        find(tmp_path, subjects=tmp_path / "nothing.csv")


def test_files_of_a_pose2sim_hierarchy_outside_pose_3d_need_a_row(tmp_path):
    build(tmp_path, {"Config.toml": pose2sim(), "opensim/Balancing.trc": "", "T0/pose-3d/T0_0-9.trc": ""})
    items = find(tmp_path)
    assert list(trials(items)) == ["T0/pose-3d/T0_0-9.trc"]
    assert "Pose2Sim keeps its trials in pose-3d" in left(items, failed=False)["opensim/Balancing.trc"]
    build(tmp_path, {"subjects.csv": HEADER + "opensim/*,Anna,1.6,50\n"})
    assert trials(find(tmp_path))["opensim/Balancing.trc"][0] == "Anna"


def test_the_nearest_metadata_count_where_sessions_lie_in_each_other(tmp_path):
    build(
        tmp_path,
        {
            "sessionMetadata.yaml": OPENCAP,
            "MarkerData/a.trc": "",
            "more/Config.toml": pose2sim(),
            "more/pose-3d/b_0-9.trc": "",
            "more/S1/sessionMetadata.yaml": OPENCAP.replace("1.78", "1.5"),
            "more/S1/MarkerData/c.trc": "",
        },
    )
    assert {name: values[:2] for name, values in trials(find(tmp_path)).items()} == {
        "MarkerData/a.trc": (tmp_path.name, 1.78),
        "more/pose-3d/b_0-9.trc": ("more", 1.72),
        "more/S1/MarkerData/c.trc": ("more/S1", 1.5),
    }


def test_two_sessions_of_one_name_are_two_subjects(tmp_path):
    for place in ("spring", "autumn"):
        build(tmp_path / place / "S1", {"sessionMetadata.yaml": OPENCAP, "MarkerData/a.trc": ""})
    assert [values[0] for values in trials(find(tmp_path)).values()] == ["autumn/S1", "spring/S1"]


def test_outputs_are_no_inputs(tmp_path):
    sidecar = json.dumps({"format_version": 1, "tool": "trcaugment 0.1.0", "names": {}})
    build(
        tmp_path,
        {
            "sessionMetadata.yaml": OPENCAP,
            "MarkerData/a.trc": "",
            "MarkerData/a.json": '{"tool": "another"}',
            "MarkerData/b.trc": "",
            "MarkerData/b.json": "[" * 20_000,
            "MarkerData/out/c.trc": "",
            "MarkerData/earlier/a_aug.trc": "",
            "MarkerData/earlier/a_aug.json": sidecar,
        },
    )
    (tmp_path / "MarkerData/link.trc").symlink_to("out/c.trc")
    items = find(tmp_path, outputs=tmp_path / "MarkerData" / "out")
    assert list(trials(items)) == ["MarkerData/a.trc", "MarkerData/b.trc"]
    assert left(items, failed=False) == {
        "MarkerData/earlier/a_aug.trc": "an output of trcaugment, whose sidecar lies beside it",
        "MarkerData/link.trc": "a link into the output folder is no input",
    }
    for outputs in (tmp_path, tmp_path.parent, tmp_path / "MarkerData" / ".."):
        with pytest.raises(SessionsError, match="expected another output folder"):
            find(tmp_path, outputs=outputs)


def test_links_never_lead_out_of_the_folder(tmp_path):
    build(tmp_path, {"elsewhere/w.trc": "", "elsewhere/sessionMetadata.yaml": OPENCAP})
    root = tmp_path / "cohort"
    build(root, {"S1/sessionMetadata.yaml": OPENCAP, "S1/MarkerData/real.trc": "", ".objects/deep.trc": ""})
    build(root, ["S2/MarkerData/w.trc"])
    links = {
        "S1/MarkerData/out.trc": tmp_path / "elsewhere/w.trc",
        "S1/MarkerData/again.trc": root / "S1/MarkerData/real.trc",
        "S1/MarkerData/annexed.trc": root / ".objects/deep.trc",  # how git-annex keeps files
        "S1/MarkerData/zweit.trc": root / ".objects/deep.trc",
        "S1/MarkerData/nowhere.trc": root / "gone.trc",
        "S1/MarkerData/loop.trc": root / "S1/MarkerData/loop.trc",
        "S2/sessionMetadata.yaml": tmp_path / "elsewhere/sessionMetadata.yaml",
        "S3": tmp_path / "elsewhere",
        "S4": root / "S1",
        "S1/up": root,
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    items = find(root)
    assert list(trials(items)) == ["S1/MarkerData/annexed.trc", "S1/MarkerData/real.trc"]
    assert {name: reason.partition(" is not")[0] for name, reason in left(items, failed=True).items()} == {
        "S1/MarkerData/loop.trc": "cannot be read (Too many levels of symbolic links)",
        "S1/MarkerData/nowhere.trc": "a link that leads to no file",
        "S1/MarkerData/out.trc": "a link to a file outside the folder of trials",
        "S2/MarkerData/w.trc": "S2/sessionMetadata.yaml: a link to a file outside the folder of trials",
    }
    assert {name: reason.partition(" is not")[0] for name, reason in left(items, failed=False).items()} == {
        "S1/MarkerData/again.trc": "a link to the same file as S1/MarkerData/real.trc",
        "S1/MarkerData/zweit.trc": "a link to the same file as S1/MarkerData/annexed.trc",
        "S1/up": "a link to a folder",
        "S3": "a link to a folder outside the folder of trials",
        "S4": "a link to a folder",
    }
    # The folder of trials itself may be a link.
    (tmp_path / "short").symlink_to(root)
    assert list(trials(find(tmp_path / "short"))) == list(trials(items))


def test_a_folder_of_nothing_but_links_is_looked_at(tmp_path):
    build(tmp_path, {"sessionMetadata.yaml": OPENCAP, ".git/annex/x.trc": ""})
    (tmp_path / "MarkerData").mkdir()
    (tmp_path / "MarkerData/w.trc").symlink_to("../.git/annex/x.trc")
    assert list(trials(find(tmp_path))) == ["MarkerData/w.trc"]


def test_hidden_files_are_passed_over_and_odd_ones_told(tmp_path):
    build(tmp_path, {"sessionMetadata.yaml": OPENCAP, "MarkerData/w.trc": "", "MarkerData/._w.trc": ""})
    build(tmp_path, ["__MACOSX/w.trc", ".hidden/w.trc", "MarkerData/notes.txt"])
    (tmp_path / "MarkerData/folder.trc").mkdir()
    os.mkfifo(tmp_path / "MarkerData/pipe.trc")
    (tmp_path / os.fsdecode(b"MarkerData/caf\xe9.trc")).touch()
    (tmp_path / os.fsdecode(b"caf\xe9")).mkdir()
    items = find(tmp_path)
    assert list(trials(items)) == ["MarkerData/w.trc"]
    assert left(items, failed=True) == {
        "MarkerData/caf\\udce9.trc": "expected a file name in UTF-8",
        "MarkerData/pipe.trc": "expected a file, found a pipe or a device",
        "caf\\udce9": "expected a folder name in UTF-8",
    }
    assert not left(items, failed=False)


def test_an_unreadable_folder_is_told_and_stops_nothing(tmp_path, monkeypatch):
    build(tmp_path, {"S1/sessionMetadata.yaml": OPENCAP, "S1/MarkerData/w.trc": "", "S2/w.trc": ""})
    scandir = os.scandir

    def refuse(path):
        if path == tmp_path / "S2":  # a superuser may read all, so that permissions prove nothing
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    items = find(tmp_path)
    assert list(trials(items)) == ["S1/MarkerData/w.trc"]
    assert left(items, failed=True) == {"S2": "the folder cannot be read (Permission denied)"}


def test_a_folder_without_trials_is_an_error(tmp_path):
    build(tmp_path, ["empty/notes.txt", "file.trc", "hidden/.a.trc"])
    for name, message in {
        "file.trc": "expected a folder of trials, found a file",
        "nothing": "expected a folder of trials, found nothing",
        "empty": r"expected OpenCap sessions .* found no TRC file",
        "hidden": "found no TRC file",
    }.items():
        with pytest.raises(SessionsError, match=message):
            find(tmp_path / name)


def test_a_folder_of_any_depth_is_walked(tmp_path):
    build(tmp_path, {"subjects.csv": HEADER + "d/*,Anna,1.6,50\n", "d/" * 300 + "w.trc": ""})
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    try:
        items = find(tmp_path)
    finally:
        sys.setrecursionlimit(limit)
    assert [values[0] for values in trials(items).values()] == ["Anna"]


COHORT = {
    "subjects.csv": HEADER + "plain/one.trc,Anna,1.61,51\nplain/two.trc,Ben,1.82,82\nboth/*_P1_*,Cleo,1.43,43\n"
    "both/*_P2_*,Dan,1.94,94\n",
    "plain/one.trc": "",
    "plain/two.trc": "",
    "both/Config.toml": pose2sim("[1.94, 1.43]", "[94, 43]"),
    "both/pose-3d/both_P1_0-9.trc": "",
    "both/pose-3d/both_P2_0-9.trc": "",
    "S1/sessionMetadata.yaml": "height_m: 1.55\nmass_kg: 55\n",
    "S1/MarkerData/PreAugmentation/w.trc": "",
    "S1/MarkerData/PostAugmentation/w.trc": "",
    "S2/sessionMetadata.yaml": "height_m: 1.66\nmass_kg: 66\n",
    "S2/MarkerData/w.trc": "",
}
HEIGHTS_M = {
    "S1/MarkerData/PreAugmentation/w.trc": 1.55,
    "S2/MarkerData/w.trc": 1.66,
    "both/pose-3d/both_P1_0-9.trc": 1.43,
    "both/pose-3d/both_P2_0-9.trc": 1.94,
    "plain/one.trc": 1.61,
    "plain/two.trc": 1.82,
}


@settings(max_examples=25)
@given(order=st.permutations(list(COHORT)), gone=st.sets(st.sampled_from(list(HEIGHTS_M))))
def test_nobody_gets_anothers_height_whatever_the_order_and_whatever_is_missing(tmp_path_factory, order, gone):
    root = tmp_path_factory.mktemp("cohort")
    build(root, COHORT, order=[name for name in order if name not in gone])
    if gone != set(HEIGHTS_M):
        expected = {name: height for name, height in HEIGHTS_M.items() if name not in gone}
        if "S1/MarkerData/PreAugmentation/w.trc" in gone:
            expected["S1/MarkerData/PostAugmentation/w.trc"] = 1.55
        found = trials(find(root))
        assert list(found) == sorted(expected)
        assert {name: values[1] for name, values in found.items()} == expected
        assert not left(find(root), failed=True)
    shutil.rmtree(root)


def test_the_order_in_which_the_disk_lists_files_does_not_matter(tmp_path, monkeypatch):
    build(tmp_path, COHORT)
    (tmp_path / "S2/MarkerData/v.trc").symlink_to("w.trc")
    (tmp_path / "S2/MarkerData/u.trc").symlink_to("v.trc")
    expected = find(tmp_path)
    scandir = os.scandir

    class Shuffled(list):
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    for seed in range(10):
        draw = random.Random(seed)
        monkeypatch.setattr(
            os, "scandir", lambda path, draw=draw: Shuffled(draw.sample(x := list(scandir(path)), len(x)))
        )
        assert find(tmp_path) == expected
