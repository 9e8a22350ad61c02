"""Wing loss: losses, its parameters, balanced poses, networks."""

from keras_landmarks.losses import L1, L2, SmoothL1, Wing
from keras_landmarks.recipes import get_recipe
from studies.study import Study, replace, untaught, with_loss


def wing_losses():
    recipe, variants = get_recipe("cnn6-300w"), {}
    known = {"L2": L2(), "L1": L1(), "smooth L1": SmoothL1(), "Wing": Wing(10, 2)}
    for name, loss in known.items():
        variants[f"{name} + PDB"] = with_loss(recipe, loss)
        variants[name] = replace(variants[f"{name} + PDB"], bins=None)
    claim = "Wing < L1, smooth L1 < L2 in error, with and without balancing (CNN-6; AFLW)."
    return Study(claim, variants)


def wing_losses_small():
    """On a network that learns in two minutes: w and epsilon are halved with the crop's size."""
    recipe, variants = get_recipe("tiny-ibug68"), {}
    for name, loss in {"Wing": Wing(5, 1), "L1": L1(), "smooth L1": SmoothL1(), "L2": L2()}.items():
        variants[name] = with_loss(recipe, loss)
        variants[f"{name} + PDB"] = replace(variants[name], bins=9, most=4)
    return Study("Wing < L1, smooth L1 < L2 in error, less with balancing (tables 1, 3).", variants)


def wing_parameters():
    recipe = get_recipe("cnn6-300w")
    variants = {
        f"w {w}, epsilon {epsilon:g}": with_loss(recipe, Wing(w, epsilon))
        for w in (10, 4, 6, 8, 12, 14)
        for epsilon in (2, 0.5, 1, 3)
    }
    return Study("w 10 and epsilon 2 are best, others close (table 2; AFLW).", variants)


def wing_networks():
    names = {"CNN-6": "cnn6-300w", "CNN-6/7": "cnn6-7-300w", "ResNet-50": "resnet50-300w"}
    variants = {n: replace(untaught(get_recipe(r)), held_out=0.05) for n, r in names.items()}
    claim = "CNN-6 > CNN-6/7 (on the published CNN-6) > ResNet-50 in error (table 5)."
    return Study(claim, variants, equal_steps=False)
