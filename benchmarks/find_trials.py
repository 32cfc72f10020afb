"""How long it takes to find 100,000 trials in 1,000 sessions: `python benchmarks/find_trials.py`."""

import tempfile
import time
from pathlib import Path

from trcaugment.sessions.finding import find_trials

N_SESSIONS, N_TRIALS = 1_000, 100

with tempfile.TemporaryDirectory() as folder:
    for session in range(N_SESSIONS):
        markers = Path(folder, f"site{session % 10}", f"S{session:04}", "MarkerData")
        markers.mkdir(parents=True)
        (markers.parent / "sessionMetadata.yaml").write_text("height_m: 1.7\nmass_kg: 70\n", encoding="utf-8")
        for trial in range(N_TRIALS):
            (markers / f"trial_{trial}.trc").touch()
    wall_s, processor_s = time.monotonic(), time.process_time()
    found = find_trials(Path(folder), None, Path(folder, "augmented"))
    wall_s, processor_s = time.monotonic() - wall_s, time.process_time() - processor_s
    print(f"{len(found)} trials, {processor_s:.1f} s of processor time, {wall_s:.1f} s in all")
