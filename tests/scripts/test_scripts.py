"""The published command lines work as they are printed."""

import csv
import runpy
import shlex
import sys
from pathlib import Path

import pytest
import torch

from dispr.cli import published
from dispr.cli.convert import command as convert
from dispr.diffusion.config import DiffusionConfig
from dispr.files import read_tiff
from dispr.model.config import ModelConfig
from dispr.model.published import PublishedFlags, model_config
from dispr.model.weights import load_weights
from dispr.network.config import UNetConfig

SCRIPTS = Path(__file__).parents[2] / "scripts"
TRAIN, SAMPLE = SCRIPTS / "segmentation_train.py", SCRIPTS / "segmentation_sample.py"

MODEL = """--image_size 64 --num_channels 32 --class_cond False --num_res_blocks 1 --num_heads 1
    --learn_sigma True --use_scale_shift_norm False --attention_resolutions 16"""
DIFFUSION = """--diffusion_steps 1000 --noise_schedule linear --rescale_learned_sigmas False
    --rescale_timesteps False"""

# The smallest of the family on 64^3 voxels.
SMALL = "--channel_mult 1,1,1,1,1 --attention_resolutions '' --diffusion_steps 25"


def run(script, arguments, monkeypatch, **changes):
    """Run a script in this process as the shell would; give its exit code."""
    monkeypatch.setattr(sys, "argv", [str(script), *shlex.split(arguments)])
    for name, value in changes.items():
        monkeypatch.setattr(published, name, value)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    return end.value.code


@pytest.fixture
def caught(monkeypatch):
    """What the scripts ask the package to do, without doing it."""
    calls = []

    def note(*arguments, **settings):
        calls.append((arguments, settings))

    monkeypatch.setattr(published, "train", note)
    monkeypatch.setattr(published, "sample", note)
    return calls


def test_published_training_line(caught, monkeypatch):
    line = f"--data_dir ./data/training --lr 1e-4 --batch_size 1 {MODEL} {DIFFUSION}"
    assert run(TRAIN, line, monkeypatch) == 0
    [((data, out, flags), settings)] = caught
    assert (data, out) == (Path("data/training"), Path("results"))
    assert flags == PublishedFlags()
    published_model = ModelConfig(
        UNetConfig(), DiffusionConfig(), target="any", sampling_steps="1000"
    )
    assert model_config(flags) == published_model
    assert settings == {"steps": 0, "seed": 0, "device": "auto", "keep_every": 0}


def test_published_sampling_line(caught, monkeypatch):
    line = "--data_dir ./data/testing --model_path ./results/savedmodel.pt --num_ensemble=5"
    assert run(SAMPLE, f"{line} {MODEL} {DIFFUSION}", monkeypatch) == 0
    [((data, model, out, flags), settings)] = caught
    assert data == Path("data/testing")
    assert model == Path("results/savedmodel.pt")
    assert out == Path("results")
    assert flags == PublishedFlags()
    assert settings["num_ensemble"] == 5
    assert settings["num_samples"] == 0


def test_flags_of_the_family_are_taken(caught, monkeypatch):
    line = "--use_kl Y --class_cond t --ema_rate 0.99,0.9999 --microbatch -1 --dropout 0.1"
    line += " --schedule_sampler loss-second-moment --lr_anneal_steps 500 --steps 3"
    assert run(TRAIN, line, monkeypatch) == 0
    flags = caught[0][0][2]
    assert (flags.use_kl, flags.class_cond) == (True, True)
    assert (flags.ema_rate, flags.microbatch, flags.dropout) == ("0.99,0.9999", -1, 0.1)
    assert (flags.schedule_sampler, flags.lr_anneal_steps) == ("loss-second-moment", 500)
    assert caught[0][1]["steps"] == 3
    line = "--use_ddim True --clip_denoised f --predict_xstart n --batch_size 4"
    line += " --timestep_respacing ddim25"
    assert run(SAMPLE, line, monkeypatch) == 0
    flags = caught[1][0][3]
    assert (flags.use_ddim, flags.clip_denoised, flags.batch_size) == (True, False, 4)
    assert flags.predict_xstart is False
    assert flags.timestep_respacing == "ddim25"


def test_model_flags_that_are_left_out_are_spoken_of(caught, monkeypatch, capsys):
    """The published program has four heads and more blocks where these are left out."""
    assert run(SAMPLE, f"{MODEL} {DIFFUSION}", monkeypatch) == 0
    assert capsys.readouterr().err == ""
    assert run(SAMPLE, "--num_res_blocks 1 --attention_resolutions 16", monkeypatch) == 0
    assert capsys.readouterr().err == (
        "Using the values of the published command lines: --num_heads 1 --use_scale_shift_norm "
        "False. Without these flags, the published program itself would use --num_heads 4 "
        "--use_scale_shift_norm True.\n"
    )
    assert caught[1][0][3] == PublishedFlags()


@pytest.mark.parametrize("script", [TRAIN, SAMPLE])
def test_help_has_the_published_spellings(monkeypatch, capsys, script):
    assert run(script, "--help", monkeypatch) == 0
    text = capsys.readouterr().out
    assert "--use_scale_shift_norm True|False" in text
    assert "[linear|cosine]" in text
    if script is TRAIN:
        assert "[uniform|loss-second-moment]" in text


@pytest.mark.parametrize(
    ("script", "line", "sentence"),
    [
        (TRAIN, "--num_layers 3", "--num_layers"),
        (TRAIN, "--num_chan 32", "--num_chan"),
        (TRAIN, "--use_ddim True", "--use_ddim"),
        (TRAIN, "--use_kl maybe", "'maybe' is not True or False"),
        (TRAIN, "--batch_size many", "'many' is not a valid integer"),
        (TRAIN, "--data_dir nowhere", "nowhere does not exist"),
        (TRAIN, "--image_size 32", "image_size must be 64"),
        (TRAIN, "--use_fp16 True --device cpu", "use_fp16 needs a GPU"),
        (SAMPLE, "--lr 1e-4", "--lr"),
        (SAMPLE, "--num_ensemble 0", "num_ensemble"),
        (SAMPLE, "--data_dir {test} --model_path none.pt", "none.pt does not exist"),
    ],
)
def test_bad_input_ends_with_2(cells_folder, monkeypatch, capsys, script, line, sentence):
    line = line.format(test=shlex.quote(str(cells_folder / "test")))
    assert run(script, line, monkeypatch) == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]


def test_interruption_ends_with_130(monkeypatch, capsys):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    assert run(SAMPLE, "", monkeypatch, sample=interrupted) == 130
    assert capsys.readouterr().err.splitlines()[-1].startswith("Stopped")


def test_trains_and_samples(cells_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = shlex.quote(str(cells_folder))
    line = f"--data_dir {data} --steps 1 --ema_rate 0.5 --device cpu {SMALL}"
    assert run(TRAIN, line, monkeypatch) == 0
    results = tmp_path / "results"
    assert (results / "checkpoint.pt").is_file()
    weights = load_weights(results / "weights.safetensors")
    assert weights.config.target == "any"

    converted = tmp_path / "converted.safetensors"
    arguments = [str(results / "savedmodel.pt"), "-o", str(converted), *shlex.split(SMALL)]
    arguments += ["--trained_with", "published"]
    convert.main(arguments, standalone_mode=False)
    again = load_weights(converted)
    assert again.config == weights.config
    assert all(torch.equal(again.state[name], value) for name, value in weights.state.items())

    test = shlex.quote(str(cells_folder / "test"))  # the cells themselves, without test/
    line = f"--data_dir {test} --model_path ./results/savedmodel.pt --num_ensemble=2 --num_samples"
    line += f" 1 --batch_size 2 --use_ddim True --timestep_respacing 2 --device cpu {SMALL}"
    assert run(SAMPLE, line, monkeypatch) == 0
    with open(results / "predictions.csv", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["samples"], row["sampler"], row["steps"]) == ("2", "ddim", "2")
    shapes = [read_tiff(results / "samples" / f"{row['name']}_{k}.tif") for k in range(2)]
    probability = read_tiff(results / "probability" / f"{row['name']}.tif")
    assert probability.shape == (64, 64, 64)
    assert ((shapes[0] > 0).astype(float) / 2 + (shapes[1] > 0) / 2 == probability).all()
