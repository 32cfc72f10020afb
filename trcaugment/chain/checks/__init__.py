"""Guards: what must hold of keypoints before a prediction makes sense (`refusals`), and what should (`watch`)."""

from trcaugment.chain.checks.findings import Finding
from trcaugment.chain.checks.refusals import check_rate, check_size, frames_without_body, outside_population
from trcaugment.chain.checks.watching import watch

__all__ = ["Finding", "check_rate", "check_size", "frames_without_body", "outside_population", "watch"]
