import json

import pytest
import torch

from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ConfigError, FileError
from dispr.model.config import ModelConfig
from dispr.model.shipped import shipped_weights
from dispr.model.weights import Weights, build_network, fingerprint, save_weights
from dispr.network.config import UNetConfig
from dispr.prediction.model import load
from dispr.study.folds import make_split
from dispr.study.provenance import (
    Predictions,
    leave_out_seen,
    predictions_by_fold,
    read_predictions,
    seen_cells,
)

CONFIG = ModelConfig(
    UNetConfig(channel_mult=(1,), attention_levels=(), patch=8, pooling="isotropic"),
    DiffusionConfig(steps=50),
)
NAMES = [f"{kind}{3 * i:06d}" for kind in ("0.00_discocyte", "B_keratocytes") for i in range(8)]
SPLIT = make_split(NAMES, folds=2)
FOLDS = list(SPLIT)


def write_model(path, about, seed=0):
    torch.manual_seed(seed)
    save_weights(path, Weights(CONFIG, build_network(CONFIG).state_dict(), about))
    return path


def write_record(folder, weights):
    (folder / "probability").mkdir(parents=True, exist_ok=True)
    record = {"model": fingerprint(load(weights, "cpu").network), "cells": {}}
    (folder / "prediction.json").write_text(json.dumps(record))
    return folder


def test_all_links_of_the_chain_count():
    about = {
        "training_cells": ["a", "b"],
        "data": "cells",
        "started_from": {
            "training_cells": ["c"],
            "data": "cells",
            "started_from": {"training_cells": ["d"], "data": "made_up", "started_from": None},
        },
    }
    assert seen_cells(about) == (frozenset("abcd"), ())
    assert seen_cells(about, unrelated=["made_up"])[0] == frozenset("abc")


def test_extra_cells_count():
    named = {
        "training_cells": ["a"],
        "extra_cells": 1,
        "extra_training_cells": ["e"],
        "extra_data": "more",
    }
    begun = {"training_cells": ["b"], "started_from": named}
    assert seen_cells(named) == (frozenset("ae"), ())
    assert seen_cells(begun) == (frozenset("abe"), ())
    assert seen_cells(begun, unrelated=["more"]) == (frozenset("ab"), ())


def test_extra_cells_without_names_are_refused():
    unnamed = {"training_cells": ["a"], "extra_cells": 30}
    for about in (unnamed, {"training_cells": ["b"], "started_from": unnamed}):
        with pytest.raises(ConfigError, match="do not list 30 extra cells"):
            seen_cells(about, unrelated=["more"])


def test_weights_that_do_not_name_their_cells():
    with pytest.raises(ConfigError, match="do not list their training cells"):
        seen_cells({})
    with pytest.raises(ConfigError, match="do not list their training cells"):
        seen_cells({"training_cells": [], "started_from": {"data": "x"}})


def test_one_model_for_each_fold(tmp_path):
    for fold in FOLDS:
        run = tmp_path / "runs" / f"fold_{fold.number}"
        run.mkdir(parents=True)
        weights = write_model(
            run / "weights.safetensors", {"training_cells": fold.train}, fold.number
        )
        write_record(tmp_path / "predictions" / f"fold_{fold.number}", weights)
    found = predictions_by_fold(tmp_path / "predictions", SPLIT, tmp_path / "runs")
    assert [found[fold.key].seen for fold in FOLDS] == [set(fold.train) for fold in FOLDS]
    # The folders swapped: each model has seen the test cells of the other fold.
    parts = [tmp_path / "predictions" / f"fold_{i}" for i in (0, 1)]
    parts[0].rename(tmp_path / "x")
    parts[1].rename(parts[0])
    (tmp_path / "x").rename(parts[1])
    with pytest.raises(ConfigError, match="was predicted by another model"):
        predictions_by_fold(tmp_path / "predictions", SPLIT, tmp_path / "runs")
    for i in (0, 1):
        weights = tmp_path / "runs" / f"fold_{i}" / "weights.safetensors"
        weights.rename(parts[1 - i] / "weights.safetensors")
    with pytest.raises(ConfigError, match="trained on 8 of the 8 test cells of fold 0"):
        predictions_by_fold(tmp_path / "predictions", SPLIT)


def test_a_leak_through_the_weights_that_training_began_with(tmp_path):
    about = {"training_cells": FOLDS[0].train, "started_from": {"training_cells": NAMES}}
    weights = write_model(tmp_path / "w.safetensors", about)
    folder = write_record(tmp_path / "fold_0", weights)
    with pytest.raises(ConfigError, match=r"8 of the 8 test cells of fold 0 \(repeat 0\), such as"):
        read_predictions(folder, weights).refuse_leak(FOLDS[0])


def test_one_folder_for_all(tmp_path):
    weights = write_model(tmp_path / "w.safetensors", {"training_cells": ["0.00_discocyte000900"]})
    folder = write_record(tmp_path / "predictions", weights)
    assert len(predictions_by_fold(folder, SPLIT, weights)) == 2
    leaking = write_model(tmp_path / "v.safetensors", {"training_cells": NAMES[:1]})
    with pytest.raises(ConfigError, match=r"1 of the 8 test cells .* \(--unseen\)"):
        predictions_by_fold(folder, SPLIT, leaking)
    with pytest.raises(ConfigError, match="is a folder, but there is only one"):
        predictions_by_fold(folder, SPLIT, tmp_path)


def test_the_shipped_model_is_known(tmp_path):
    folder = write_record(tmp_path, shipped_weights()[0])
    found = read_predictions(folder)
    assert len([name for name in found.seen if not name.startswith("simulated")]) == 465
    assert len(found.seen) == 465 + 1200
    assert found.remarks == ("The model was also trained on 3000 simulated cells.",)


def test_missing_parts(tmp_path):
    with pytest.raises(FileError, match="nor the folder fold_0"):
        predictions_by_fold(tmp_path, SPLIT)
    (tmp_path / "fold_0").mkdir()
    with pytest.raises(FileError, match="does not state which model"):
        predictions_by_fold(tmp_path, SPLIT)
    with pytest.raises(FileError, match=r"neither fold_0\.safetensors"):
        predictions_by_fold(tmp_path, SPLIT, tmp_path)
    with pytest.raises(FileError, match="nor the folder repeat_0_fold_0"):
        predictions_by_fold(tmp_path, make_split(NAMES, folds=2, repeats=2))


def test_leaving_out_what_was_seen(tmp_path):
    known = Predictions(tmp_path, frozenset(NAMES[:3]), "x")
    assert leave_out_seen(NAMES, known) == NAMES[3:]
    with pytest.raises(ConfigError, match="trained on all of these"):
        leave_out_seen(NAMES[:3], known)
