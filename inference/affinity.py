"""What belongs together in a picture: features whose distance says whether two places move as one thing.

Owns `AffinityNet`, which looks at a picture once, when it is opened. Never sees a track or a second frame. Runs on the
caller's thread.

The paper leaves it to the big model to know where a grabbed thing ends. Here a small network learns it from the world's
owner maps (`training.affinity`), and `inference.layer` asks it what goes along with a track.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from inference.config import AffinityConfig
from inference.pyramid import STRIDE as STRIDE  # of the features
from inference.pyramid import Pyramid


class AffinityNet(Pyramid):
    """Pictures [B, 3, H, W] in [-1, 1] to features [B, D, H/4, W/4]; H and W divide by 16.

    exp(-|f_p - f_q|^2) is the affinity of two places: 1 where they belong to one thing.
    """

    def __init__(self, config: AffinityConfig) -> None:
        super().__init__(config, config.features, placed=False)
        self.config = config


def feature_distance(features: Tensor, at: Tensor) -> Tensor:
    """Squares of distances in features from every place to the places `at` [B, N, 2], normalised: [B, h*w, N]."""
    own = F.grid_sample(features, (at * 2.0 - 1.0)[:, None], align_corners=False, padding_mode="border")[:, :, 0]
    everywhere = features.flatten(2).transpose(1, 2)  # [B, h*w, D]
    return torch.cdist(everywhere, own.transpose(1, 2), compute_mode="use_mm_for_euclid_dist").square()
