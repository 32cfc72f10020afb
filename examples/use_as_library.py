"""trcaugment in your own Python: read a trial, predict, ask what was guessed, compute from the markers, write.

python examples/use_as_library.py examples/squat_mm_with_gaps.trc --height 1.584 --mass 58.32 -o squat_aug.trc
"""

from __future__ import annotations

import argparse

import numpy as np

from trcaugment import Augmentation, Subject, TrcAugmentError, augment, load_model, read_trc, write_trc


def knee_height_m(result: Augmentation) -> tuple[float, float]:
    """Lowest and highest place of the right knee above the lower ankle, in m; frames without markers do not count."""
    knee, right, left = np.moveaxis(
        result.markers.select(["r_knee_study", "r_ankle_study", "L_ankle_study"])[..., 1], -1, 0
    )
    above = knee - np.fmin(right, left)
    return float(np.nanmin(above)), float(np.nanmax(above))


def main(arguments: list[str] | None = None) -> None:
    """Predict the markers of one file and print what a careful reader asks first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trial")
    parser.add_argument("--height", type=float, required=True, help="m")
    parser.add_argument("--mass", type=float, required=True, help="kg")
    parser.add_argument("-o", "--output", required=True)
    given = parser.parse_args(arguments)
    try:
        keypoints = read_trc(given.trial)
        result = augment(keypoints, Subject(given.height, given.mass), load_model())
        write_trc(given.output, result.markers, unit=keypoints.unit)
    except TrcAugmentError as error:  # one line that says what was expected, what was found, and what to do
        raise SystemExit(f"failed: {error}") from error
    for title, spans in (("filled", result.filled), ("missing", result.missing), ("not predicted", result.lost)):
        for name, where in spans.items():
            print(f"{title}: {name} in frames {', '.join(f'{first + 1}-{stop}' for first, stop in where)}")
    for finding in result.findings:
        print(f"look twice, {finding.guard}: {finding.message}")
    low_m, high_m = knee_height_m(result)
    print(f"the right knee is {100 * low_m:.0f} to {100 * high_m:.0f} cm above the lower ankle")


if __name__ == "__main__":
    main()
