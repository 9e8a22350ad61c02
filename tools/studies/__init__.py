"""What the papers claim, as comparisons that can be trained: the variants of each study."""

from collections.abc import Callable

from studies.dan import dan_stages, dan_stages_small
from studies.ffld import (
    ffld_baseline,
    ffld_baseline_small,
    ffld_losses,
    ffld_losses_small,
    ffld_patches_small,
)
from studies.score_guided import score_decoding, score_maps_small
from studies.study import Study, with_loss
from studies.validation import validation_balancing
from studies.wing import wing_losses, wing_losses_small, wing_networks, wing_parameters

__all__ = ["STUDIES", "Study", "with_loss"]

STUDIES: dict[str, Callable[[], Study]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        wing_losses,
        wing_losses_small,
        wing_parameters,
        wing_networks,
        dan_stages,
        dan_stages_small,
        ffld_losses,
        ffld_losses_small,
        ffld_baseline,
        ffld_baseline_small,
        ffld_patches_small,
        validation_balancing,
        score_decoding,
        score_maps_small,
    )
}
