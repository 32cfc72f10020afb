"""Stores the shipped models' output for test_augmentation.py and test_arms.py: run it when, and only when, one changes.

python tests/make_golden.py
"""

import numpy as np
from golden_walk import EXAMPLES, GOLDEN, GOLDEN_ARMS, SUBJECT, part

from trcaugment import augment, load_model, read_trc
from trcaugment.chain.preparation import Preparation
from trcaugment.marker_sets import ANATOMICAL_MARKERS, ARM_MARKERS

GOLDEN.parent.mkdir(exist_ok=True)
walk = part(read_trc(EXAMPLES / "walk.trc"), 0, 60)
result = augment(walk, SUBJECT, load_model(device="cpu"), Preparation(arms=True))
for path, names in ((GOLDEN, ANATOMICAL_MARKERS), (GOLDEN_ARMS, ARM_MARKERS)):
    np.save(path, result.markers.select(names).astype(np.float32))
