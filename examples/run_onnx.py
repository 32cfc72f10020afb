"""Run a model's ONNX graph with NumPy and ONNX Runtime alone: what another program has to do.

    trcaugment export bilstm-attention-v3 --onnx network.onnx
    python examples/run_onnx.py network.onnx examples/walk.trc 1.584 58.32 markers.csv

The trial must have all keypoints in every frame, 30 frames or more at 60 Hz, with Y up or not. Everything that
trcaugment does besides (other rates and names, gaps, outliers, checks) is left out. The page "ONNX" of the reference
explains every step.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

LENGTH, HOP = 30, 20  # frames of a window, and from one window to the next
# The first keypoints of every model, which place the body frame.
NECK, R_SHOULDER, L_SHOULDER, R_HIP, L_HIP = range(5)


def read_trc(path, names):
    """Positions of these markers in m, (n_frames, n_names, 3)."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    unit = lines[2].split("\t")[lines[1].split("\t").index("Units")]
    columns = [column.strip() for column in lines[3].split("\t")]
    absent = [name for name in names if name not in columns]
    if absent:
        sys.exit(f"{path}: expected all of {', '.join(names)}; found no {', '.join(absent)}")
    values = np.array(
        [[float(cell) for cell in line.split("\t") if cell.strip()] for line in lines[5:] if line.strip()]
    )
    firsts = [columns.index(name) for name in names]  # Frame#, Time, then x, y, z of every marker
    return np.stack([values[:, k : k + 3] for k in firsts], axis=1) / (1000 if unit == "mm" else 1)


def unit_vectors(axes):
    """The same directions, with length one."""
    return axes / np.linalg.norm(axes, axis=-1, keepdims=True)


def body_frame(keypoints):
    """Origin of every frame, (n, 30, 3), and rotation from lab to body axes, (n, 3, 3), of windows."""
    hips = (keypoints[:, :, R_HIP] + keypoints[:, :, L_HIP]) / 2
    time = np.linspace(-1, 1, LENGTH)
    powers = np.stack([np.ones(LENGTH), time, time**2], axis=1)
    origin = powers @ np.linalg.pinv(powers) @ hips  # the parabola through the hips
    up = (keypoints[:, :, NECK] - hips).mean(axis=1)
    across = keypoints[:, :, R_HIP] - keypoints[:, :, L_HIP] + keypoints[:, :, R_SHOULDER] - keypoints[:, :, L_SHOULDER]
    across = across.mean(axis=1)
    y = unit_vectors(up)
    z = unit_vectors(across - (across * y).sum(axis=-1, keepdims=True) * y)
    return origin, np.stack([np.cross(y, z), y, z], axis=1)


def mirrored(points, order):
    """Points in the body frame, (..., n_points, 3), with left and right exchanged."""
    return points[..., order, :] * [1, 1, -1]


def predict(session, keypoints, height_m, mass_kg):
    """Markers in m in the lab, (n_frames, n_markers, 3), from keypoints in m, (n_frames, n_keypoints, 3)."""
    facts = session.get_modelmeta().custom_metadata_map
    partners = {kind: [int(k) for k in facts[f"mirrored_{kind}"].split()] for kind in ("inputs", "outputs")}
    starts = np.unique([*range(0, len(keypoints) - LENGTH + 1, HOP), len(keypoints) - LENGTH])
    windows = keypoints[starts[:, None] + np.arange(LENGTH)]
    origin, rotation = body_frame(windows)
    body = np.einsum("nij,ntkj->ntki", rotation, windows - origin[:, :, None]) / height_m
    markers = np.zeros((*body.shape[:2], len(partners["outputs"]), 3))
    for mirror in (False, True):  # the mean over a window and its mirror image
        points = mirrored(body, partners["inputs"]) if mirror else body
        person = np.broadcast_to([height_m, mass_kg], (*body.shape[:2], 2))
        features = np.concatenate([points.reshape(*body.shape[:2], -1), person], axis=-1).astype(np.float32)
        answer = session.run(["markers"], {"features": features})[0].reshape(markers.shape)
        markers += (mirrored(answer, partners["outputs"]) if mirror else answer) / 2
    lab = np.einsum("nij,ntki->ntkj", rotation, markers * height_m) + origin[:, :, None]
    # Blend the windows: each frame of a window counts with a Hann taper.
    taper = np.sin(np.pi * (np.arange(LENGTH) + 0.5) / LENGTH) ** 2
    total, weight = np.zeros((len(keypoints), len(partners["outputs"]), 3)), np.zeros((len(keypoints), 1, 1))
    for start, window in zip(starts, lab, strict=True):
        total[start : start + LENGTH] += taper[:, None, None] * window
        weight[start : start + LENGTH] += taper[:, None, None]
    return total / weight


def main():
    """Predict, and write a table with one row per frame."""
    graph, trc, height_m, mass_kg, output = sys.argv[1:]
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    markers = predict(session, read_trc(trc, facts["inputs"].split()), float(height_m), float(mass_kg))
    header = ",".join(f"{name}_{axis}" for name in facts["outputs"].split() for axis in "xyz")
    np.savetxt(output, markers.reshape(len(markers), -1), "%.6f", ",", header=header, comments="")
    print(f"{len(markers)} frames of {markers.shape[1]} markers -> {output}")


if __name__ == "__main__":
    main()
