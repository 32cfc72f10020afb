"""Guards: what must hold of keypoints before a prediction makes sense (`refusals`), and what should (`watch`)."""

from trcaugment.guards.findings import Finding
from trcaugment.guards.refusals import check_rate, check_size, outside_population, without_body
from trcaugment.guards.watching import watch

__all__ = ["Finding", "check_rate", "check_size", "outside_population", "watch", "without_body"]
