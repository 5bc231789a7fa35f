"""Networks and diffusions small enough for tests; import them from `small`."""

from dispr.diffusion.config import DiffusionConfig
from dispr.network.config import CascadeConfig

CASCADE = CascadeConfig(
    coarse=8,
    encoder_channels=8,
    features=8,
    fine_channels=8,
    channels=32,
    channel_mult=(1, 1),
    refiner_features=8,
    refiner_channels=8,
)
"""A cascade that sees the section alone, or with `planes=True` further known planes too."""

OCCUPANCY = DiffusionConfig(
    steps=50,
    prediction="occupancy",
    variance="fixed-small",
    loss="cross-entropy",
    low=-0.3,
    high=0.3,
    clip=False,
)
"""A diffusion of the coarse volume of a cascade."""
