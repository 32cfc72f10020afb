"""Data sets of every layout, written for tests from generated windows, by other code than the package's own."""

from __future__ import annotations

import numpy as np

from trcaugment.body.skeleton import COORDINATES
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS


def _split(names):
    return names.split()


# Written down once more on purpose, from the publications: columns are what a reader gets wrong.
NPY_KEYPOINTS = _split(
    """Neck RShoulder LShoulder RHip LHip RKnee LKnee RAnkle LAnkle RHeel LHeel RSmallToe LSmallToe RBigToe LBigToe
    RElbow LElbow RWrist LWrist RSmallToe_mmpose LSmallToe_mmpose"""
)
NPY_BODY_COLUMNS = [*range(63), *range(87, 129)]
HDF5_KEYPOINTS = _split(
    """Neck RShoulder LShoulder RHip LHip midHip RKnee LKnee RAnkle LAnkle RHeel LHeel RSmallToe LSmallToe RBigToe
    LBigToe RElbow LElbow RWrist LWrist"""
)
HDF5_MARKERS = _split(
    """r.ASIS L.ASIS r.PSIS L.PSIS r_knee r_mknee r_ankle r_mankle r_toe r_5meta r_calc L_knee L_mknee L_ankle L_mankle
    L_toe L_calc L_5meta r_shoulder L_shoulder C7 r_lelbow r_melbow r_lwrist r_mwrist L_lelbow L_melbow L_lwrist
    L_mwrist r_thigh1 r_thigh2 r_thigh3 L_thigh1 L_thigh2 L_thigh3 r_sh1 r_sh2 r_sh3 L_sh1 L_sh2 L_sh3 RHJC LHJC"""
)


def mid_hip(windows):
    right, left = (windows.keypoints[:, :, KEYPOINTS.index(name)] for name in ("RHip", "LHip"))
    return ((right + left) / 2)[:, :, None]


def write_npy(folder, window_set, split=None):
    """The published layout: no names, numbers of subjects, five synthetic sizes told by number."""
    windows, n = window_set.windows, len(window_set)
    height_m = windows.height_m[:, None, None, None]
    features = np.full((n, 30, 65), 7.5)  # arms and the other detector's toes hold anything
    keypoints = ((windows.keypoints - mid_hip(windows)) / height_m).numpy()
    for k, name in enumerate(NPY_KEYPOINTS):
        if name in KEYPOINTS:
            features[:, :, 3 * k : 3 * k + 3] = keypoints[:, :, KEYPOINTS.index(name)]
    features[:, :, 63] = windows.height_m[:, None]
    features[:, :, 64] = windows.mass_kg[:, None]
    responses = np.full((n, 30, 129), -3.0)
    responses[:, :, NPY_BODY_COLUMNS] = ((windows.markers - mid_hip(windows)) / height_m).flatten(2).numpy()
    names = sorted(set(window_set.subjects))
    for k in range(n):
        np.save(folder / f"feature_{k}.npy", features[k])
        np.save(folder / f"responses_{k}.npy", responses[k])
    info = {
        "indexes": np.arange(n),
        "datasets": np.zeros(n, dtype=int),
        "subjects": np.array([names.index(name) for name in window_set.subjects]),
        "scale_factors": np.array([(0.9, 0.95, 1.0, 1.05, 1.1)[k % 5] for k in range(n)]),
        "trials": np.array(["squats_02"] * n),
        "subtrials": np.arange(n),
    }
    np.save(folder / "infoData.npy", info)
    if split:
        np.save(folder.parent / "subjectSplit.npy", {"dataset0": {k: np.array(v) for k, v in split.items()}})


def write_hdf5(folder, window_set, *, arms=True):
    """Two neighbouring windows of a subject are one of 60 frames."""
    import h5py

    windows = window_set.windows
    keypoint_names = HDF5_KEYPOINTS if arms else HDF5_KEYPOINTS[:16]
    marker_names = [f"{name}_study" for name in HDF5_MARKERS if arms or not name.endswith(("elbow", "wrist"))]
    n = len(window_set)
    features, labels = np.full((n, 30, 3 * len(keypoint_names) + 2), 9.5), np.full((n, 30, 3 * len(marker_names)), -9.5)
    for k, name in enumerate(keypoint_names):
        if name in KEYPOINTS or name == "midHip":
            points = mid_hip(windows)[:, :, 0] if name == "midHip" else windows.keypoints[:, :, KEYPOINTS.index(name)]
            features[:, :, 3 * k : 3 * k + 3] = points
    for k, name in enumerate(marker_names):
        if name in ANATOMICAL_MARKERS:
            labels[:, :, 3 * k : 3 * k + 3] = windows.markers[:, :, ANATOMICAL_MARKERS.index(name)]
    features[:, :, -2], features[:, :, -1] = windows.height_m[:, None], windows.mass_kg[:, None]
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / "time_sequences.h5", "w") as file:
        group = file.create_group("data")
        group["features"] = features.reshape(n // 2, 60, -1)
        group["labels"] = labels.reshape(n // 2, 60, -1)
    names = sorted(set(window_set.subjects))
    subjects = np.array([names.index(name) for name in window_set.subjects[::2]])
    info = {
        "indexes": np.arange(1000, 1000 + n // 2),
        "datasets": np.full(n // 2, 7),
        "subjects": subjects,
        "scalefactors": np.ones(n // 2),
    }
    np.save(folder / "infoData.npy", info)


def write_mot(path, motion, rate_hz=60.0):
    """Joint angles in rad or m as a motion file in degrees."""
    shown = motion.copy()
    for k, coordinate in enumerate(COORDINATES):
        if coordinate.rotational:
            shown[:, k] = np.rad2deg(shown[:, k])
    labels = "\t".join(["time", *[coordinate.name for coordinate in COORDINATES]])
    rows = ["\t".join(f"{v:.10f}" for v in (k / rate_hz, *row)) for k, row in enumerate(shown)]
    head = f"trial\nversion=1\nnRows={len(shown)}\nnColumns={shown.shape[1] + 1}\ninDegrees=yes\nendheader\n"
    path.write_text(head + "\n".join([labels, *rows]) + "\n", encoding="utf-8")
