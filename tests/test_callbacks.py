"""What happens between epochs: stopping early, logging, watching, and the history itself."""

from __future__ import annotations

import csv
import math

import networks
import numpy as np
import pytest

from nnviz.errors import ArgumentError, FileError
from nnviz.training import SGD, Callback, Checkpoint, CSVLog, EarlyStopping, Epoch, History
from nnviz.training.history import COLUMNS
from nnviz.training.trainer import Training

RNG = np.random.default_rng(0)
X = RNG.random((30, *networks.SHAPE)).astype(np.float32)
Y = RNG.integers(0, 3, 30)


def epoch(loss=1.0, **changed):
    figures = dict.fromkeys(COLUMNS, 0.5) | {"loss": loss, **changed}
    return Epoch(**figures)


def judged(callback, values, column="loss"):
    """After how many epochs the callback stops a training with these values; None: never."""
    training = object.__new__(Training)
    training.history, training.stop = History(), False
    for number, value in enumerate(values, 1):
        training.history.epochs.append(epoch(**{column: value}))
        callback.epoch_end(training)
        if training.stop:
            return number
    return None


def quiet(model, **settings):
    return model.fit(X, Y, **{"epochs": 3, "batch_size": 16, "verbose": False, **settings})


# Early stopping ----------------------------------------------------------------------------------

STOPS = [
    # patience, min_delta, values, after how many epochs
    (1, 0.0, [3, 2, 2], 3),  # as good is not better
    (2, 0.0, [3, 2, 2.5, 2.4, 1], 4),
    (2, 0.0, [3, 2, 2.5, 1.9, 2, 2], 6),  # a better one starts the count anew
    (3, 0.0, [3, 2, 1, 0.5], None),
    (1, 0.5, [3, 2.6], 2),  # by 0.4 is too little
    (1, 0.5, [3, 2.4, 1.8], None),
    (2, 0.5, [3, 2.6, 2.2], None),  # little by little it adds up to enough
    (1, 0.5, [3, 2.5], 2),  # by exactly 0.5 is not by more
    (2, 0.0, [1, math.nan, math.nan], 3),
    (2, 0.0, [math.nan, 1, 0.5], None),
]


@pytest.mark.parametrize(("patience", "min_delta", "values", "wanted"), STOPS)
def test_early_stopping_by_hand(patience, min_delta, values, wanted):
    stop = EarlyStopping("loss", patience=patience, min_delta=min_delta)
    assert judged(stop, values) == wanted
    higher = EarlyStopping("val_accuracy", patience=patience, min_delta=min_delta)
    assert judged(higher, [-v for v in values], "val_accuracy") == wanted


def test_early_stopping_ends_the_training_and_keeps_what_was_learnt():
    model = networks.chain()
    history = quiet(model, epochs=50, optimizer=SGD(1e-12), callbacks=[EarlyStopping("accuracy")])
    assert len(history.epochs) < 50
    assert history.best("accuracy") == len(history.epochs) - 4
    assert model.made["epochs"] == len(history.epochs)


@pytest.mark.parametrize("order", [1, -1], ids=["checkpoint first", "stopping first"])
def test_early_stopping_across_a_resume(order, tmp_path):
    """It decides from the history, so whoever resumes what it ended trains no epoch more."""

    def train(epochs, patience=2):
        keep, stop = Checkpoint(tmp_path / "s"), EarlyStopping("val_loss", patience=patience)
        model = networks.chain()
        history = quiet(
            model,
            epochs=epochs,
            optimizer=SGD(0.3),
            validation_data=(X[:9], 2 - Y[:9]),
            callbacks=[keep, stop][::order],
            resume=tmp_path / "s",
        )
        return model.fingerprint(), len(history.epochs)

    print_, ended = train(40)
    assert ended < 40
    assert train(40) == (print_, ended)
    assert train(40, patience=10)[1] > ended, "with more patience it goes on"
    (tmp_path / "s.npz").unlink()
    for part in range(1, 41, 1):  # stopped by hand after each epoch
        last = train(part)
        if last[1] < part:
            break
    assert last == (print_, ended)


REFUSED = [
    (lambda: EarlyStopping("val_los"), r"no column named 'val_los' \(did you mean 'val_loss'\?\)"),
    (lambda: EarlyStopping(patience=0), "patience must be a whole number of at least 1, got 0"),
    (lambda: EarlyStopping(patience=True), "patience must be a whole number of at least 1"),
    (lambda: EarlyStopping(min_delta=-1), "min_delta must be a number of at least 0, got -1"),
    (lambda: EarlyStopping(min_delta="x"), "min_delta must be a number of at least 0, got 'x'"),
    (lambda: EarlyStopping(min_delta=math.nan), "min_delta must be a number of at least 0"),
    (lambda: Checkpoint("a", monitor="acc"), "no column named 'acc'"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[m[:40] for _, m in REFUSED])
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_watching_what_is_not_measured_is_one_clear_error(tmp_path):
    for callback, kind in (
        (EarlyStopping(), "EarlyStopping watches val_loss"),
        (Checkpoint(tmp_path / "s", best=tmp_path / "b"), "Checkpoint watches val_accuracy"),
    ):
        with pytest.raises(ArgumentError, match=f"{kind}, which this .* give validation_data to"):
            quiet(networks.chain(), callbacks=[callback])
    quiet(networks.chain(), callbacks=[Checkpoint(tmp_path / "s")])  # without a best it needs none


# The log -----------------------------------------------------------------------------------------


def test_the_log_has_a_row_an_epoch(tmp_path):
    path = tmp_path / "new" / "log.csv"
    history = quiet(networks.chain(), validation_data=(X, Y), callbacks=[CSVLog(path)])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", *COLUMNS]
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for row, figures in zip(rows, history.as_rows(), strict=True):
        assert {name: float(row[name]) for name in COLUMNS} == figures, "to the last digit"


def test_the_log_of_a_training_without_validation_and_after_a_resume(tmp_path):
    log, keep = CSVLog(tmp_path / "log.csv"), Checkpoint(tmp_path / "s")
    quiet(networks.chain(), epochs=2, callbacks=[log, keep])
    (tmp_path / "log.csv").unlink()
    quiet(networks.chain(), epochs=3, callbacks=[log, keep], resume=tmp_path / "s")
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert len(lines) == 4, "the log has the epochs before the resume as well"
    assert lines[1].startswith("1,")
    assert ",,," in lines[1], "what was not measured is empty"


def test_a_log_that_has_no_place_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("in the way")
    model = networks.chain()
    before = model.fingerprint()
    with pytest.raises(FileError, match=r"cannot make the folder .*file"):
        quiet(model, callbacks=[CSVLog(tmp_path / "file" / "log.csv")])
    assert model.fingerprint() == before
    (tmp_path / "log.csv").mkdir()
    with pytest.raises(FileError, match=r"cannot write .*log\.csv"):
        quiet(model, callbacks=[CSVLog(tmp_path / "log.csv")])


# Others ------------------------------------------------------------------------------------------


def test_a_callback_sees_the_training_and_may_stop_it():
    class _Looks(Callback):
        def train_begin(self, training):
            self.seen = [(training.step, training.epochs, training.batch_size)]

        def epoch_end(self, training):
            self.seen.append((training.step, len(training.history.epochs)))
            training.model.predict(training.pictures[:2])  # looking changes nothing
            training.stop = len(training.history.epochs) == 2

    looks, model, plain = _Looks(), networks.chain(), networks.chain()
    history = quiet(model, epochs=9, callbacks=[looks, Callback()])
    assert looks.seen == [(0, 9, 16), (2, 1), (4, 2)]
    assert len(history.epochs) == 2
    quiet(plain, epochs=2)
    assert plain.fingerprint() == model.fingerprint()


def test_the_best_of_a_history():
    history = History([epoch(v, accuracy=a) for v, a in ((3, 0.1), (1, 0.5), (1, 0.4), (2, 0.5))])
    assert history.best("loss") == 1
    assert history.best("accuracy") == 1, "of equal ones the first"
    assert History().best("loss") is None
    assert History([epoch(val_loss=None)]).best("val_loss") is None
    odd = History([epoch(math.nan), epoch(2.0), epoch(math.nan)])
    assert odd.best("loss") == 1, "what is no number is worst"
    assert History([epoch(accuracy=math.nan), epoch(accuracy=0.1)]).best("accuracy") == 1
    assert History.from_rows(history.as_rows()) == history
    with pytest.raises(ArgumentError, match=r"no column named 'los' \(did you mean 'loss'"):
        history["los"]


def test_a_checkpoint_and_its_best_model_are_two_files(tmp_path):
    with pytest.raises(ArgumentError, match="Checkpoint writes two files, but both are"):
        Checkpoint(tmp_path / "a.npz", best=tmp_path / "a.npz")
