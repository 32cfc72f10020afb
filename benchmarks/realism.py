"""How ordinary real recordings are among generated windows: the figures that lie outside, and a picture of all.

    python benchmarks/realism.py PICTURE.png KEYPOINTS.trc=HEIGHT_M [...]

Every window of 30 frames gives lengths between keypoints over height, how much they change as the joints bend,
postures, speeds and the spectrum of the shaking. A generator that knows people and detectors has seen nearly all of
them: of its own windows 2 % lie outside its 1st to 99th percentile, by definition, in every figure.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from torch import Tensor

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.chain.keypoints import find_keypoints
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import RATE_HZ, WINDOW_FRAMES

N_GENERATED = 20_000
LENGTHS = {
    "trunk": ("Neck", "hips"),
    "shoulder width": ("RShoulder", "LShoulder"),
    "hip width": ("RHip", "LHip"),
    "thigh": ("RHip", "RKnee"),
    "shank": ("RKnee", "RAnkle"),
    "ankle-heel": ("RAnkle", "RHeel"),
    "heel-toe": ("RHeel", "RBigToe"),
    "toe-toe": ("RSmallToe", "RBigToe"),
}
BENT, STRAIGHT = 60.0, 20.0  # degrees of knee flexion from which, and up to which, a leg counts as such
BANDS_HZ = ((3, 6), (6, 12), (12, 18), (18, 31))
COLUMNS = 5


def figures(keypoints: Tensor, height_m: Tensor) -> dict[str, Tensor]:
    """Figures of windows (n_windows, 30, 15, 3), each (n_windows,), NaN where it says nothing about a window."""
    place = {name: keypoints[:, :, k] / height_m[:, None, None] for k, name in enumerate(KEYPOINTS)}
    place["hips"] = (place["RHip"] + place["LHip"]) / 2
    length = {name: (place[a] - place[b]).norm(dim=-1) for name, (a, b) in LENGTHS.items()}
    knee = between_deg(place["RHip"] - place["RKnee"], place["RKnee"] - place["RAnkle"]).mean(dim=1)
    hertz = torch.fft.rfftfreq(WINDOW_FRAMES - 2, d=1 / RATE_HZ)
    found = {name: value.mean(dim=1) for name, value in length.items()}
    for name in ("thigh", "trunk", "heel-toe"):
        found[f"{name}, bent leg"] = torch.where(knee > BENT, found[name], torch.nan)
        found[f"{name}, SD in a window"] = length[name].std(dim=1)
    body = torch.stack([place[name] for name in KEYPOINTS], dim=2)
    hips_to_neck = place["Neck"] - place["hips"]
    found["knee flexion (°)"] = knee
    found["hip flexion (°)"] = between_deg(hips_to_neck, place["hips"] - place["RKnee"]).mean(dim=1)
    found["ankle angle (°)"] = between_deg(place["RKnee"] - place["RAnkle"], place["RBigToe"] - place["RHeel"]).mean(
        dim=1
    )
    found["speed (heights/s)"] = RATE_HZ * body.diff(dim=1).norm(dim=-1).mean(dim=(1, 2))
    # Of the second differences, in which what is left of motion and the noise are of like size.
    power = torch.fft.rfft(body.diff(n=2, dim=1), dim=1).abs().square().mean(dim=(2, 3))
    for low, high in BANDS_HZ:
        inside = (hertz >= low) & (hertz < high)
        found[f"log power at {low}-{high} Hz"] = power[:, inside].mean(dim=1).clamp(min=1e-16).log10()
    return found


def between_deg(first: Tensor, second: Tensor) -> Tensor:
    """Angle between two directions, (n_windows, 30)."""
    cosine = torch.nn.functional.cosine_similarity(first, second, dim=-1)
    return torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))


def real_figures(path: Path, height_m: float) -> dict[str, Tensor]:
    """Figures of a recording at 60 Hz, a window every quarter of a second."""
    positions = torch.from_numpy(find_keypoints(read_trc(path)).positions).float()
    windows = positions.unfold(0, WINDOW_FRAMES, 15).permute(0, 3, 1, 2)
    whole = windows[torch.isfinite(windows).all(dim=(1, 2, 3))]
    return figures(whole, torch.full((len(whole),), height_m))


def generated_figures() -> dict[str, Tensor]:
    """Figures of new generated people who make procedural motions."""
    generator = WindowGenerator(make_library([], 480, 999), Population(), KeypointErrors())
    drawn = generator.draw(N_GENERATED, torch.Generator().manual_seed(4242))
    return figures(drawn.keypoints, drawn.height_m)


def draw(path: Path, generated: dict[str, Tensor], real: dict[str, dict[str, Tensor]]) -> None:
    """Histograms of the generated figures with the real recordings' medians on them."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = -(-len(generated) // COLUMNS)
    page, axes = plt.subplots(rows, COLUMNS, figsize=(15, 2.3 * rows), layout="constrained")
    for axis, (name, values) in zip(axes.flat, generated.items(), strict=False):
        shown = values[torch.isfinite(values)].numpy()
        low, high = np.percentile(shown, [0.2, 99.8])
        axis.hist(shown, bins=60, range=(low, high), color="0.8", density=True)
        for k, (trial, its) in enumerate(real.items()):
            spots = its[name][torch.isfinite(its[name])].numpy()
            if len(spots):
                band = np.percentile(spots, [5, 50, 95])
                height = axis.get_ylim()[1] * (0.1 + 0.8 * k / len(real))
                axis.plot(band[[0, 2]], [height, height], color=f"C{k}", lw=1.5, label=trial)
                axis.plot(band[1], height, "o", color=f"C{k}", ms=4)
        axis.set_title(name, fontsize=9)
        axis.set_yticks([])
        axis.tick_params(labelsize=7)
    for axis in list(axes.flat)[len(generated) :]:
        axis.axis("off")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    page.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    page.savefig(path, dpi=110)


def shortening(its: dict[str, Tensor], name: str) -> str:
    """Mean length in windows with bent legs minus that in windows with straight ones, in thousandths of height."""
    knee, length = its["knee flexion (°)"], its[name]
    bent, straight = length[knee > BENT], length[knee < STRAIGHT]
    return f"{1000 * (bent.mean() - straight.mean()).item():.0f}" if len(bent) and len(straight) else "-"


def main() -> None:
    """Print the share of real windows outside what is generated, and how lengths change; draw the picture."""
    recordings = [argument.rsplit("=", 1) for argument in sys.argv[2:]]
    real = {Path(path).stem: real_figures(Path(path), float(height)) for path, height in recordings}
    generated = generated_figures()
    draw(Path(sys.argv[1]), generated, real)
    print(f"{'outside the 1st to 99th percentile, % of windows':50s}" + "".join(f"{trial[:12]:>13s}" for trial in real))
    for name, values in generated.items():
        low, high = np.nanpercentile(values.numpy(), [1, 99])
        cells = []
        for its in real.values():
            spots = its[name][torch.isfinite(its[name])]
            outside = ((spots < low) | (spots > high)).float().mean().item() if len(spots) else float("nan")
            cells.append(f"{100 * outside:13.0f}" if len(spots) else f"{'-':>13s}")
        print(f"{name:50s}" + "".join(cells))
    print(f"\n{'bent minus straight legs, thousandths of height':50s}{'thigh':>13s}{'trunk':>13s}")
    for trial, its in (*real.items(), ("generated people", generated)):
        print(f"{trial:50s}" + "".join(f"{shortening(its, name):>13s}" for name in ("thigh", "trunk")))


if __name__ == "__main__":
    main()
