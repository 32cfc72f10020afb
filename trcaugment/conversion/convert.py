"""Convert keypoint files to marker files with sidecars, many at a time; one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec
import numpy as np

from trcaugment.chain.augmentation import Augmentation, augment_prepared
from trcaugment.chain.height import estimate_height
from trcaugment.chain.keypoints import Keypoints, find_keypoints, input_keypoints
from trcaugment.chain.preparation import PreparedTrial, prepare
from trcaugment.chain.time_range import cut_time
from trcaugment.chain.vertical import turn_to_y_up
from trcaugment.conversion.calibrated import StoredCalibration, apply_calibration, find_calibration
from trcaugment.conversion.sidecar import (
    InputFile,
    Made,
    OutputFile,
    Sidecar,
    UsedSubject,
    make_sidecar,
    read_origin,
    read_sidecar,
    sha256_of,
    was_made_so,
)
from trcaugment.conversion.spread_table import spread_csv, summarize
from trcaugment.conversion.trials import Conversion, Outcome, Settings
from trcaugment.errors import ConversionError, TrcAugmentError
from trcaugment.formats.files import (
    as_json,
    read_file,
    replace_file,
    replace_with_sidecar,
    sidecar_path,
    why_not_written,
)
from trcaugment.formats.outputs import in_the_way
from trcaugment.formats.trc import read_trc_bytes
from trcaugment.formats.trials import format_trial, parse_trial
from trcaugment.markers import Markers
from trcaugment.model.card import Card
from trcaugment.model.folder import Model
from trcaugment.subject import StatedSubject, Subject

# Files go through the network together up to this size. Ten seconds of keypoints take about 0.2 MB, so batches are
# full; a file of an hour goes alone, so memory does not grow with the number of files.
_BYTES_AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A trial that was read and prepared for the network."""

    conversion: Conversion
    input_sha256: str
    first_frame: int  # of the file, counted from 1
    height_error_m: float | None
    trial: PreparedTrial
    calibration: StoredCalibration | None


def convert(conversions: Sequence[Conversion], model: Model, settings: Settings) -> Iterator[Outcome]:
    """Convert trials. While the network works on one batch, the next is read and the one before is written.

    Args:
        conversions: the trials, all with different targets.
        model: from `load_model`.
        settings: how to convert.

    Yields:
        The outcome of every trial, in order.
    """
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        loading: list[Future[_Loaded | Outcome]] = []
        writing: list[Future[Outcome]] = []
        for following in [*_batches(conversions), []]:
            batch = [future.result() for future in loading]
            loading = [reader.submit(_load, conversion, model.card, settings) for conversion in following]
            predicted = _predict(batch, model)
            written = [future.result() for future in writing]
            writing = [writer.submit(_write, each, model.card, settings) for each in predicted]
            yield from written
        for future in writing:
            yield future.result()


def _batches(conversions: Sequence[Conversion]) -> Iterator[list[Conversion]]:
    batch: list[Conversion] = []
    n_bytes = 0
    for conversion in conversions:
        size = 0
        with suppress(OSError, ValueError):  # reading it later reports the error
            size = conversion.source.stat().st_size
        if batch and n_bytes + size > _BYTES_AT_ONCE:
            yield batch
            batch, n_bytes = [], 0
        batch.append(conversion)
        n_bytes += size
    if batch:
        yield batch


def _load(conversion: Conversion, card: Card, settings: Settings) -> _Loaded | Outcome:
    """Read and prepare a trial; its outcome if it is kept from an earlier run or fails."""
    try:
        data = read_trc_bytes(conversion.source) if conversion.content is None else conversion.content
        digest = sha256_of(data)
        calibration = find_calibration(conversion, card)
        if settings.resume:
            earlier = _earlier_sidecar(conversion, digest, card, settings)
            calibrated_so = earlier and earlier.calibration and earlier.calibration.sha256
            if earlier and calibrated_so == (calibration and calibration.sha256):
                return Outcome(conversion, earlier, kept=True)
        markers = settings.names.apply(parse_trial(data, conversion.source))
        del data  # of an hour of video 130 MB
        first_frame = settings.time_range.span(markers)[0] + 1
        markers = cut_time(markers, settings.time_range)
        keypoints = find_keypoints(markers)
        subject, height_error_m = _subject(keypoints, conversion.person)
        trial = prepare(markers, keypoints, subject=subject, card=card, how=settings.preparation)
        if settings.strict and trial.findings:
            reasons = "; ".join(finding.message for finding in trial.findings)
            raise ConversionError(f"refused, as --strict asks: {reasons}")
        return _Loaded(conversion, digest, first_frame, height_error_m, trial, calibration)
    except TrcAugmentError as error:
        return _failed(conversion, error)
    except MemoryError:
        return _failed(conversion, ConversionError("there is not enough memory for this file; cut it in parts"))
    except OSError as error:  # of the output: its name may be too long
        return Outcome(conversion, failure=f"{conversion.target} {why_not_written(error)}")


def _failed(conversion: Conversion, error: TrcAugmentError) -> Outcome:
    return Outcome(conversion, failure=error.about(conversion.source))


def _earlier_sidecar(conversion: Conversion, input_sha256: str, card: Card, settings: Settings) -> Sidecar | None:
    """The sidecar of an existing output if converting again would give the same; else None.

    Raises:
        ConversionError: a file that this program did not write is in the way, and `settings.overwrite` is not set.
    """
    target, sidecar_file = conversion.target, sidecar_path(conversion.target)
    origin = read_origin(target)
    if not target.exists():
        if sidecar_file.exists() and origin is None and not settings.overwrite:
            raise ConversionError(in_the_way(sidecar_file, "it is no sidecar"))
        return None
    try:
        ours = origin is not None and origin.output.sha256 == sha256_of(read_file(target))
    except OSError as error:
        raise ConversionError(in_the_way(target, f"it cannot be read ({error.strerror})")) from error
    sidecar = read_sidecar(target) if ours else None  # also None if the sidecar has an earlier format
    if sidecar is not None and was_made_so(sidecar, input_sha256, card, conversion.person):
        refused = settings.strict and sidecar.findings
        as_asked = (settings.with_keypoints, settings.preparation, settings.names.options, settings.time_range)
        used = sidecar.input
        as_made = (sidecar.output.with_keypoints, sidecar.preparation, used.names, used.time_range)
        return sidecar if as_made == as_asked and not refused else None
    if not ours and not settings.overwrite:
        raise ConversionError(in_the_way(target, "it was not made here, or was changed since"))
    return None


def _subject(keypoints: Keypoints, person: StatedSubject) -> tuple[Subject, float | None]:
    if person.height_m is not None:
        return Subject(person.height_m, person.mass_kg), None
    height = estimate_height(keypoints.positions)
    return Subject(round(height.height_m, 3), person.mass_kg), round(height.error_m, 3)


def _predict(batch: Sequence[_Loaded | Outcome], model: Model) -> list[tuple[_Loaded, Augmentation] | Outcome]:
    """Predict the markers of the batch's prepared trials; outcomes of the others pass through."""
    loaded = [each for each in batch if isinstance(each, _Loaded)]
    uncertainty = any(each.conversion.uncertainty for each in loaded)
    results = iter(augment_prepared([each.trial for each in loaded], model, uncertainty=uncertainty) if loaded else [])
    return [(each, next(results)) if isinstance(each, _Loaded) else each for each in batch]


def _write(predicted: tuple[_Loaded, Augmentation] | Outcome, card: Card, settings: Settings) -> Outcome:
    if isinstance(predicted, Outcome):
        return predicted
    loaded, result = predicted
    result, calibration = apply_calibration(result, loaded.calibration)
    conversion, read = loaded.conversion, loaded.trial.markers
    written = _join(turn_to_y_up(read, result.up or "y"), result.markers) if settings.with_keypoints else result.markers
    sidecar = make_sidecar(
        card,
        result,
        source=_input_file(loaded, settings),
        subject=_used_subject(loaded),
        output=_output_file(written, result.markers, settings),
        made=_made(conversion),
    )
    sidecar = msgspec.structs.replace(sidecar, calibration=calibration)

    def complete(sha256: str) -> bytes:
        nonlocal sidecar
        sidecar = msgspec.structs.replace(sidecar, output=msgspec.structs.replace(sidecar.output, sha256=sha256))
        return as_json(sidecar)

    try:
        if conversion.uncertainty and result.spread:
            table = spread_csv(result.markers, result.spread)
            replace_file(conversion.uncertainty, table)
            summary = summarize(result.markers, result.spread, sha256_of(table))
            sidecar = msgspec.structs.replace(sidecar, uncertainty=summary)
        replace_with_sidecar(conversion.target, format_trial(conversion.target, written, unit=read.unit), complete)
    except TrcAugmentError as error:
        return _failed(conversion, error)
    except OSError as error:
        return Outcome(conversion, failure=f"{conversion.target} {why_not_written(error)}")
    return Outcome(conversion, sidecar)


def _input_file(loaded: _Loaded, settings: Settings) -> InputFile:
    read = loaded.trial.markers
    return InputFile(
        sha256=loaded.input_sha256,
        unit=read.unit,
        rate_hz=round(read.rate_hz, 6) if read.n_frames > 1 else None,
        time_range=settings.time_range,
        first_frame=loaded.first_frame,
        n_frames=read.n_frames,
        notes=read.notes,
        names=settings.names.options,
    )


def _used_subject(loaded: _Loaded) -> UsedSubject:
    person = loaded.conversion.person
    return UsedSubject(
        height_m=loaded.trial.subject.height_m,
        height_source=person.height_source,
        height_error_m=loaded.height_error_m,
        mass_kg=person.mass_kg,
        mass_source=person.mass_source,
    )


def _output_file(written: Markers, predicted: Markers, settings: Settings) -> OutputFile:
    """The account of a file that is not yet written; its SHA-256 is empty."""
    known = np.asarray(np.isfinite(predicted.positions))
    return OutputFile(
        sha256="",
        n_markers=len(written.names),
        with_keypoints=settings.with_keypoints,
        n_frames_predicted=len(known) if known.all() else int(np.asarray(known.all(axis=2)).any(axis=1).sum()),
    )


def _made(conversion: Conversion) -> Made:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    source = conversion.source if conversion.content is not None else conversion.source.absolute()
    return Made(at=now, input=str(source), output=str(conversion.target.absolute()))


def _join(markers: Markers, predicted: Markers) -> Markers:
    """One marker set of the input's keypoints followed by the predicted markers."""
    keypoints = input_keypoints(markers)
    positions = np.concatenate([keypoints.positions, predicted.positions], axis=1)
    return replace(predicted, names=keypoints.names + predicted.names, positions=positions)
