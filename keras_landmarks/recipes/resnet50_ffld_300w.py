"""FFLD on a quarter of ResNet-50, trained as `resnet18-ffld-300w` is, on 300W.

keras-landmarks train --recipe resnet50-ffld-300w --data 300W --more 300W-more --out runs/ffld50

Not trained to its end yet. Its losses are those of `resnet18-ffld-300w`, as is the teacher of its
last stage; the card there tells how they differ from the paper's.
"""

import dataclasses
import functools

from keras_landmarks.models import ffld
from keras_landmarks.recipes import resnet18_ffld_300w

RECIPE = dataclasses.replace(
    resnet18_ffld_300w.RECIPE,
    model=functools.partial(ffld, depth=50),
    paper_nme="3.06 (corners, Common, 3,148 faces and 300W-LP)",
)

VARIANTS = {
    name: dataclasses.replace(recipe, model=RECIPE.model, paper_nme=RECIPE.paper_nme)
    for name, recipe in resnet18_ffld_300w.VARIANTS.items()
}
"""As the paper has it, which trains both networks alike; not run."""
