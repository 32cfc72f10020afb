"""Predicts markers while a trial is recorded: the chain of `augment`, on the last seconds, again and again.

A frame's markers are final when all windows that show it are full, and when the gaps and outliers beside it are known.
With the usual delay of a second they are therefore those of `augment`. With a shorter delay the newest windows end at
the newest frame, and the answer is the best that can be given by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from trcaugment.chain.augmentation import augment_prepared
from trcaugment.chain.blending import predict_windows
from trcaugment.chain.checks import check_rate, check_size
from trcaugment.chain.keypoints import Keypoints, find_keypoints
from trcaugment.chain.preparation import AS_USUAL, Preparation, PreparedTrial, Segment, prepare
from trcaugment.chain.signals import has_rate
from trcaugment.chain.windows import cut
from trcaugment.errors import MarkersError
from trcaugment.live.remembering import RememberingEngine
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import RATE_HZ, SHORTEST_STEP_S, WINDOW_FRAMES, FloatArray, Markers
from trcaugment.model.folder import Model
from trcaugment.subject import Subject

DELAY_S = 1.0  # a window, the longest gap that is filled, and what smoothing needs beside it
_WINDOW_S = WINDOW_FRAMES / RATE_HZ
_AFTER_S = _WINDOW_S + 0.2  # what follows the frames that are predicted at once: their windows, and gaps in these
_PAST_S = 1.0  # what is kept before the frames asked for: windows that show them, and what fills and smooths these
_BESIDE = 12  # model frames beside those asked for; farther ones do not change a spline by a nanometer
_LEAD = 3  # frames before its answer is due, at which the work for it begins


@dataclass
class _Piece:
    """The last seconds, prepared, and the frames in it that are asked for.

    Attributes:
        trial: the prepared trial, with the windows that these frames need; None if nothing can be predicted.
        own: the frames in the piece.
        begun: whether the network knows half of the windows.
    """

    trial: PreparedTrial | None
    own: slice
    begun: bool = False


class Stream:
    """Predicts the markers of one trial frame by frame."""

    def __init__(
        self,
        model: Model,
        subject: Subject,
        names: Sequence[str],
        *,
        delay_s: float = DELAY_S,
        how: Preparation = AS_USUAL,
    ) -> None:
        """Start a trial.

        Args:
            model: from `load_model`.
            subject: the person's height and mass.
            names: names of the keypoints in every frame, of any known pose model.
            delay_s: how long after a frame its markers are given; 0 answers at once with what is known then.
            how: how the keypoints are prepared; what needs the whole trial (`up` "auto", `lowpass_hz`) is refused.

        Raises:
            MarkerSetError: keypoints that the model needs are not among the names.
            MarkersError: a negative delay, or a preparation that needs the whole trial.
        """
        if delay_s < 0 or how.up == "auto" or how.lowpass_hz is not None:
            raise MarkersError(
                "expected a delay of 0 s or more, a stated up axis and no low-pass filter of the markers, "
                f"found {delay_s:g} s, {how.up}, {how.lowpass_hz}"
            )
        seen = Markers(tuple(names), np.zeros((1, len(names), 3)), np.zeros(1))
        self._found = find_keypoints(seen)
        self._columns = [tuple(names).index(name) for name in self._found.sources.values()]
        self._places = [KEYPOINTS.index(keypoint) for keypoint in self._found.sources]
        self.model = replace(model, engine=RememberingEngine(model.engine))
        self.subject, self.delay_s, self.how = subject, delay_s, how
        self._time_s: list[float] = []
        self._seen: list[FloatArray] = []
        self._start_s = 0.0
        self._known: list[FloatArray] = []  # markers that are predicted and not yet given
        self._next = 0  # the first frame in memory that is not predicted
        self._given = 0  # the first frame in memory that is not given
        self._piece: _Piece | None = None

    def push(self, time_s: float, positions: FloatArray) -> Markers | None:
        """Take a frame, and give those whose delay is over: usually one.

        The work for several frames is done at once, a part of it in each call.

        Args:
            time_s: time stamp in s, later than the last one.
            positions: positions in m in the order of the names, (n_names, 3), NaN where missing.

        Returns:
            Markers of the frames whose delay is over, NaN where they cannot be predicted; None if there are none.

        Raises:
            MarkersError: a time stamp that is not later than the last one, positions of another shape or out of range,
                or a body of another size than the subject's (a wrong unit): the frame is left out, and the stream
                goes on. Also if frames come slower than 10 Hz: nothing is given until they are faster.
        """
        self._remember(time_s, np.asarray(positions, dtype=np.float64))
        oldest_s = self._time_s[self._next]
        lead_s = _LEAD * (self._time_s[-1] - self._time_s[-2]) if self._in_parts and len(self._time_s) > 1 else 0.0
        if self._piece is not None and self._piece.begun:
            self._predict()
        elif self._piece is not None:
            self._begin(self._piece)
        elif self._time_s[-1] >= oldest_s + self.delay_s - lead_s - SHORTEST_STEP_S:
            self._prepare(self._due())
        return self._give(time_s - self.delay_s + SHORTEST_STEP_S)

    def finish(self) -> Markers | None:
        """The markers of the last frames, at the end of the trial."""
        if self._piece is not None:
            self._predict()
        return self._give(np.inf)

    @property
    def _in_parts(self) -> bool:
        """Whether the delay leaves time to predict as many frames at once as lie between two windows."""
        return self.delay_s >= _WINDOW_S + (_LEAD + 1) / RATE_HZ

    def _due(self) -> int:
        """The frame after the last one that is predicted next: all that are final, one hop at most."""
        if not self._in_parts:
            until_s = self._time_s[-1] - self.delay_s + SHORTEST_STEP_S
            return max(self._next + 1, int(np.searchsorted(self._time_s, until_s, side="right")))
        hop_s = self.model.card.hop_frames / RATE_HZ
        until_s = min(self._time_s[self._next] + hop_s, self._time_s[-1] - _AFTER_S) - SHORTEST_STEP_S
        return max(self._next + 1, int(np.searchsorted(self._time_s, until_s, side="right")))

    def _remember(self, time_s: float, positions: FloatArray) -> None:
        n_names = max(self._columns) + 1
        if positions.ndim != 2 or len(positions) < n_names or positions.shape[1] != 3:
            raise MarkersError(f"expected positions of shape ({n_names}, 3), found {positions.shape}")
        if self._time_s and not time_s >= self._time_s[-1] + SHORTEST_STEP_S:
            raise MarkersError(f"expected a time after {self._time_s[-1]:g} s, found {time_s:g} s: a late frame")
        frame = np.full((len(KEYPOINTS), 3), np.nan)
        frame[self._places] = positions[self._columns]
        if "Neck" not in self._found.sources:
            frame[KEYPOINTS.index("Neck")] = frame[KEYPOINTS.both("Shoulder")].mean(axis=0)
        Markers(KEYPOINTS.names, frame[None], np.array([time_s]))  # refuses what is infinite, and times out of range
        check_size(frame[None], self.subject, "m")
        if not self._time_s:
            self._start_s = time_s
        self._time_s.append(time_s)
        self._seen.append(frame)

    def _prepare(self, stop: int) -> None:
        first = self._first_of_piece()
        markers = Markers(KEYPOINTS.names, np.array(self._seen[first:]), np.array(self._time_s[first:]))
        if markers.n_frames > 1:
            check_rate(markers)
        keypoints = Keypoints(markers.positions, self._found.sources, self._found.derived, self._found.absent)
        try:
            trial = prepare(markers, keypoints, subject=self.subject, card=self.model.card, how=self.how, guarded=False)
        except MarkersError:  # no body in any of these frames
            trial = None
        own = slice(self._next - first, stop - first)
        self._piece = _Piece(trial and _only(trial, own), own)

    def _begin(self, piece: _Piece) -> None:
        """Show the network half of a piece's windows: it remembers them, and `_predict` takes half the time."""
        for segment in piece.trial.segments if piece.trial else ():
            windows = cut(segment.keypoints, segment.starts[: (1 + len(segment.starts)) // 2], WINDOW_FRAMES)
            height_m, mass_kg = (np.full(len(windows), of) for of in (self.subject.height_m, self.subject.mass_kg))
            predict_windows(windows, height_m, mass_kg, self.model)
        piece.begun = True

    def _first_of_piece(self) -> int:
        """First frame of the next piece: where a window of the whole trial starts, or as near to that as there is."""
        hop_s = self.model.card.hop_frames / RATE_HZ
        oldest_s = self._time_s[min(self._next, len(self._time_s) - 1)]
        last = int(np.searchsorted(self._time_s, oldest_s - _PAST_S, side="right")) - 1
        if last <= 0:
            return 0
        near = [k for k in range(last + 1) if self._time_s[k] > self._time_s[last] - 2 * hop_s]
        phase = [abs((self._time_s[k] - self._start_s + hop_s / 2) % hop_s - hop_s / 2) for k in near]
        return near[int(np.argmin(phase))]

    def _predict(self) -> None:
        piece, self._piece = self._piece, None
        assert piece is not None
        n, n_markers = piece.own.stop - piece.own.start, len(self.model.card.outputs)
        if piece.trial is None or not piece.trial.segments:
            self._known += [np.full((n_markers, 3), np.nan)] * n
        else:
            self._known += list(augment_prepared([piece.trial], self.model)[0].markers.positions[piece.own])
        self._next += n

    def _give(self, until_s: float) -> Markers | None:
        """Markers of all frames up to a time; what is not predicted by then is predicted now."""
        stop = int(np.searchsorted(self._time_s, until_s, side="right"))
        while self._next < stop:
            if self._piece is None:
                self._prepare(min(stop, len(self._time_s)) if np.isinf(until_s) else self._due())
            self._predict()
        if stop == self._given:
            return None
        n = stop - self._given
        given, self._known = self._known[:n], self._known[n:]
        markers = Markers(self.model.card.outputs, np.array(given), np.array(self._time_s[self._given : stop]))
        self._given = stop
        self._forget()
        return markers

    def _forget(self) -> None:
        """Drop the frames that no piece will start at any more."""
        if self._piece is not None:
            return
        n = min(self._first_of_piece(), self._given)
        del self._time_s[:n], self._seen[:n]
        self._next -= n
        self._given -= n


def _only(trial: PreparedTrial, frames: slice) -> PreparedTrial:
    """A trial with only the windows that these frames need."""
    return replace(trial, segments=tuple(filter(None, (_cut(each, trial, frames) for each in trial.segments))))


def _cut(segment: Segment, trial: PreparedTrial, frames: slice) -> Segment | None:
    first, stop = max(frames.start, segment.span[0]), min(frames.stop, segment.span[1])
    if first >= stop:
        return None
    beside = 0 if has_rate(trial.markers.time_s, RATE_HZ) else _BESIDE
    low, high = segment.frames[[first - segment.span[0], stop - 1 - segment.span[0]]] - segment.grid[0]
    needed = (segment.starts + WINDOW_FRAMES > low - beside) & (segment.starts <= high + beside)
    return replace(segment, starts=segment.starts[needed], weights=segment.weights[needed])
