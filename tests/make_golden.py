"""Stores the shipped model's output for tests/test_augmentation.py: run it when, and only when, the model changes.

python tests/make_golden.py
"""

import numpy as np
from golden_walk import EXAMPLES, GOLDEN, SUBJECT, part

from trcaugment import augment, load_model, read_trc

GOLDEN.parent.mkdir(exist_ok=True)
result = augment(part(read_trc(EXAMPLES / "walk.trc"), 0, 60), SUBJECT, load_model(device="cpu"))
np.save(GOLDEN, result.markers.positions.astype(np.float32))
