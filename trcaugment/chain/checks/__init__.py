"""Guards: checks of keypoints that refuse a trial (`refusals`) or report what looks wrong in it (`watch`)."""

from trcaugment.chain.checks.findings import Finding
from trcaugment.chain.checks.refusals import check_rate, check_size, frames_without_body, outside_population
from trcaugment.chain.checks.watching import watch

__all__ = ["Finding", "check_rate", "check_size", "frames_without_body", "outside_population", "watch"]
