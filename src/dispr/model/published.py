"""The flags of the published program, and the model that they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from dispr.cells.classes import CLASSES
from dispr.diffusion.config import DiffusionConfig, Loss, Variance
from dispr.diffusion.process import Process
from dispr.errors import ConfigError
from dispr.model.config import ModelConfig
from dispr.network.config import UNetConfig

Number = TypeVar("Number", int, float)

Value = int | float | str | bool
"""Of a flag."""

# Channels of each level as multiples of num_channels, by image size, where channel_mult is empty
# (arXiv 2105.05233, appendix A and the program that it describes).
CHANNEL_MULT: dict[int, tuple[float, ...]] = {
    512: (0.5, 1, 1, 2, 2, 4, 4),
    256: (1, 1, 2, 2, 4, 4),
    128: (1, 1, 2, 3, 4),
    64: (1, 2, 3, 4),
}


@dataclass(frozen=True)
class PublishedFlags:
    """The published program's flags under their own names; the defaults are the published values.

    Attributes
    ----------
    image_size : int
        Edge of the volume in voxels; 64 for cells.
    num_channels : int
        Channels of the finest level.
    num_res_blocks : int
        Residual blocks per level.
    num_heads : int
        Number of attention heads.
    num_heads_upsample : int
        Number of attention heads of the upsampling path; -1 for num_heads.
    num_head_channels : int
        Channels per attention head, which then determine the number of heads; -1 to use num_heads.
    attention_resolutions : str
        Image resolutions with self-attention, such as "16" or "32,16"; resolutions that the network
        does not have are ignored. The middle block always has attention.
    channel_mult : str
        Channels of each level as multiples of num_channels, such as "1,2,3,4"; empty for the
        default of the image size.
    dropout : float
        Dropout rate.
    class_cond : bool
        Give the network the class of the cell, which its file name must state.
    use_checkpoint : bool
        Recompute features in the backward pass to save memory.
    use_scale_shift_norm : bool
        Let the time embedding scale and shift the normalised features.
    resblock_updown : bool
        Resample inside residual blocks.
    use_fp16 : bool
        Compute in half precision (needs a GPU); weights stay in single precision.
    use_new_attention_order : bool
        Split the channels into queries, keys and values before splitting them into heads.
    learn_sigma : bool
        Learn the variance of the reverse steps as a second output channel.
    sigma_small : bool
        Without learn_sigma: use the posterior variance instead of beta.
    diffusion_steps : int
        Number of diffusion steps.
    noise_schedule : "linear" or "cosine"
        Noise schedule.
    timestep_respacing : str
        Sampling steps: "250", "10,20,30" (in each of three sections), "ddim25" (at an integer
        stride); empty for all. Training uses all steps and stores this value in the weights.
    use_kl : bool
        Train with only the variational bound, multiplied by the number of steps.
    predict_xstart : bool
        Predict the clean volume instead of the noise.
    rescale_timesteps : bool
        Give the network the time on a scale of 0 to 1000, regardless of the number of steps.
    rescale_learned_sigmas : bool
        Weight the variational bound by the number of steps / 1000.
    use_ddim : bool
        Use DDIM instead of ancestral sampling.
    clip_denoised : bool
        Clip the estimate of the clean volume to [-1, 1] in sampling.
    batch_size : int
        Cells per training step; shapes computed at once in sampling.
    microbatch : int
        Largest number of cells computed at once in training; -1 for no limit.
    lr : float
        Learning rate.
    weight_decay : float
        Weight decay of AdamW.
    lr_anneal_steps : int
        Number of steps over which the learning rate falls linearly to 0; training then ends. 0
        keeps it constant.
    ema_rate : str
        Rates of the exponential moving averages of the weights, such as "0.9999" or "0.99,0.9999";
        sampling uses the first.
    schedule_sampler : "uniform" or "loss-second-moment"
        How diffusion steps are drawn in training.
    fp16_scale_growth : float
        With use_fp16: increase of the base-2 logarithm of the loss scale per step without overflow;
        an overflow lowers it by 1.
    log_interval : int
        Steps between lines of the log.
    save_interval : int
        Steps between checkpoints; another one is written at the end and on Ctrl-C.
    resume_checkpoint : str
        Checkpoint (.pt) whose weights to start from; empty for new weights. To resume an
        interrupted run, re-run the same command.
    """

    image_size: int = 64
    num_channels: int = 32
    num_res_blocks: int = 1
    num_heads: int = 1
    num_heads_upsample: int = -1
    num_head_channels: int = -1
    attention_resolutions: str = "16"
    channel_mult: str = ""
    dropout: float = 0.0
    class_cond: bool = False
    use_checkpoint: bool = False
    use_scale_shift_norm: bool = False
    resblock_updown: bool = False
    use_fp16: bool = False
    use_new_attention_order: bool = False
    learn_sigma: bool = True
    sigma_small: bool = False
    diffusion_steps: int = 1000
    noise_schedule: Literal["linear", "cosine"] = "linear"
    timestep_respacing: str = ""
    use_kl: bool = False
    predict_xstart: bool = False
    rescale_timesteps: bool = False
    rescale_learned_sigmas: bool = False
    use_ddim: bool = False
    clip_denoised: bool = True
    batch_size: int = 1
    microbatch: int = -1
    lr: float = 1e-4
    weight_decay: float = 0.0
    lr_anneal_steps: int = 0
    ema_rate: str = "0.9999"
    schedule_sampler: Literal["uniform", "loss-second-moment"] = "uniform"
    fp16_scale_growth: float = 1e-3
    log_interval: int = 100
    save_interval: int = 5000
    resume_checkpoint: str = ""


_NAMES = tuple(PublishedFlags.__dataclass_fields__)

MODEL_FLAGS = _NAMES[: _NAMES.index("use_ddim")]
"""Flags of the network and of the diffusion, which all programs take."""

SAMPLING_FLAGS = ("use_ddim", "clip_denoised", "batch_size")
"""Flags of sampling."""

TRAINING_FLAGS = _NAMES[_NAMES.index("batch_size") :]
"""Flags of training."""


PROGRAM_DEFAULTS: dict[str, Value] = {
    "num_res_blocks": 2,
    "num_heads": 4,
    "attention_resolutions": "16,8",
    "use_scale_shift_norm": True,
}
"""Model flags whose default in the published program is not what its command lines say."""

UNTOLD_FLAGS = (
    "num_heads",
    "num_heads_upsample",
    "num_head_channels",
    "use_new_attention_order",
    "learn_sigma",
    "diffusion_steps",
    "noise_schedule",
    "predict_xstart",
    "rescale_timesteps",
)
"""Flags that change what is drawn but leave no trace in a checkpoint of the published program.

Its network has two output channels whatever learn_sigma is.
"""


def program_default(name: str) -> Value:
    """Give the value that the published program takes where a flag is not given."""
    default: Value = getattr(PublishedFlags(), name)
    return PROGRAM_DEFAULTS.get(name, default)


def as_typed(flags: Mapping[str, Value]) -> str:
    """Write flags as they are typed: --num_heads 4 --noise_schedule linear."""
    texts = {name: '""' if value == "" else str(value) for name, value in flags.items()}
    return " ".join(f"--{name} {text}" for name, text in texts.items())


def model_config(flags: PublishedFlags) -> ModelConfig:
    """Give the model that the flags mean: the published coding 0/1 and target `obj > 0`.

    Raises
    ------
    ConfigError
        If a flag has an invalid value.
    """
    mult = channel_multiples(flags)
    out_channels = 2 if flags.learn_sigma else 1
    network = UNetConfig(
        size=flags.image_size,
        out_channels=out_channels,
        channels=flags.num_channels,
        channel_mult=mult,
        num_res_blocks=flags.num_res_blocks,
        attention_levels=attention_levels(flags, len(mult)),
        num_heads=flags.num_heads,
        num_heads_upsample=flags.num_heads_upsample,
        num_head_channels=flags.num_head_channels,
        scale_shift_norm=flags.use_scale_shift_norm,
        resblock_updown=flags.resblock_updown,
        new_attention_order=flags.use_new_attention_order,
        num_classes=len(CLASSES) if flags.class_cond else 0,
        dropout=flags.dropout,
        checkpoint=flags.use_checkpoint,
    )
    fixed: Variance = "fixed-small" if flags.sigma_small else "fixed-large"
    mse: Loss = "rescaled-mse" if flags.rescale_learned_sigmas else "mse"
    diffusion = DiffusionConfig(
        steps=flags.diffusion_steps,
        schedule=flags.noise_schedule,
        prediction="x0" if flags.predict_xstart else "epsilon",
        variance="learned-range" if flags.learn_sigma else fixed,
        loss="rescaled-kl" if flags.use_kl else mse,
        rescale_timesteps=flags.rescale_timesteps,
        clip=flags.clip_denoised,
    )
    sampling_steps = flags.timestep_respacing or str(flags.diffusion_steps)
    Process(diffusion).respaced(sampling_steps)  # refuses what cannot be sampled in
    return ModelConfig(
        network=network,
        diffusion=diffusion,
        target="any",
        sampler="ddim" if flags.use_ddim else "ddpm",
        sampling_steps=sampling_steps,
    )


def channel_multiples(flags: PublishedFlags) -> tuple[int, ...]:
    """Give the channels of each level as multiples of num_channels, finest first.

    Raises
    ------
    ConfigError
        If they cannot be read, or none go with the image size.
    """
    if flags.channel_mult:
        mult = numbers("channel_mult", flags.channel_mult, int)
        if min(mult, default=0) < 1:
            raise ConfigError(f'channel_mult must be positive, not "{flags.channel_mult}".')
        return mult
    known = CHANNEL_MULT.get(flags.image_size)
    if known is None or any(m != int(m) for m in known):
        raise ConfigError(
            f"there is no default channel_mult for image_size {flags.image_size}; "
            'give one, such as "1,2,3,4".'
        )
    return tuple(int(m) for m in known)


def attention_levels(flags: PublishedFlags, levels: int) -> tuple[int, ...]:
    """Give the levels with self-attention: the resolution of level i is image_size / 2^i.

    Raises
    ------
    ConfigError
        If the resolutions cannot be read.
    """
    resolutions = numbers("attention_resolutions", flags.attention_resolutions, int)
    if min(resolutions, default=1) < 1:
        raise ConfigError(
            f'attention_resolutions must be positive, not "{flags.attention_resolutions}".'
        )
    factors = {flags.image_size // resolution for resolution in resolutions}
    return tuple(level for level in range(levels) if 2**level in factors)


def numbers(name: str, text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    """Read numbers separated by commas; none from an empty text.

    Raises
    ------
    ConfigError
        If the value of the flag `name` is something else.
    """
    try:
        return tuple(kind(part) for part in text.split(",")) if text.strip() else ()
    except ValueError as error:
        raise ConfigError(f'{name} must be numbers separated by commas, not "{text}".') from error
