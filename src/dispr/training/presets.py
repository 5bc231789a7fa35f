"""Named recipes: a model and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dispr.arguments import one_of
from dispr.cells.augment import AugmentConfig
from dispr.diffusion.config import DiffusionConfig
from dispr.model.config import ModelConfig
from dispr.network.config import CascadeConfig, UNetConfig
from dispr.network.shape_decoder import ShapeDecoderConfig
from dispr.network.shapr import ShaprConfig
from dispr.training.config import TrainingConfig


@dataclass(frozen=True)
class Preset:
    """A model and how it is trained, under a name.

    Attributes
    ----------
    about : str
        One line for the command line's help.
    model : ModelConfig
        The model.
    training : TrainingConfig
        How it is trained.
    """

    about: str
    model: ModelConfig
    training: TrainingConfig


# Not mirrored in Z: spiculed cells and stomatocytes lie on the slide with a preferred side up, so
# that a section does tell up from down.
AUGMENT = AugmentConfig(
    flip=True, rotate=True, scale=0.1, shift=2.0, intensity=0.1, noise=0.02, exact=0.5
)

FAST_TRAINING = TrainingConfig(
    steps=5000,
    batch_size=8,
    lr=4e-4,
    weight_decay=0.01,
    lr_anneal_steps=5000,
    warmup_steps=100,
    grad_clip=1.0,
    ema_rates=(0.999,),
    ema_warmup=True,
    augment=AUGMENT,
    validation_interval=500,
    validation_cells=48,
    save_interval=250,
)

PRESETS = {
    "paper": Preset(
        "the published method: 9.8 M parameters, 1000 sampling steps (hours on a CPU)",
        ModelConfig(),
        TrainingConfig(validation_sampler="dpm-solver", validation_steps="10", validation_cells=8),
    ),
    "fast": Preset(
        "diffusion of a coarse volume that is then refined once: samples in seconds",
        ModelConfig(
            network=CascadeConfig(planes=True),
            diffusion=DiffusionConfig(
                prediction="occupancy",
                variance="fixed-small",
                loss="cross-entropy",
                low=-0.3,
                high=0.3,
                clip=False,
            ),
            sampler="dpm-solver",
            sampling_steps="2",
            spacing="centred",
            balanced=True,
        ),
        FAST_TRAINING,
    ),
    "regression": Preset(
        "a deterministic 3D U-Net at half resolution: one shape per cell, no uncertainty",
        ModelConfig(
            network=UNetConfig(
                in_channels=2,
                out_channels=1,
                channels=32,
                channel_mult=(1, 2, 3),
                attention_levels=(2,),
                num_head_channels=32,
                scale_shift_norm=True,
                pooling="isotropic",
                patch=2,
                position=True,
            ),
            diffusion=None,
        ),
        FAST_TRAINING,
    ),
    "decoder": Preset(
        "a deterministic 2D encoder and 3D decoder similar to SHAPR: one shape per cell",
        ModelConfig(network=ShapeDecoderConfig(), diffusion=None),
        replace(FAST_TRAINING, lr=4e-3),  # a tenth of that learns ten times slower
    ),
    "shapr": Preset(
        "SHAPR's network and loss, without its adversarial part: one shape per cell",
        ModelConfig(network=ShaprConfig(), diffusion=None),
        replace(FAST_TRAINING, lr=0.01, weight_decay=0.0),
    ),
}


def get_preset(name: str) -> Preset:
    """Find a preset by name.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    return PRESETS[one_of(name, PRESETS, "preset")]
