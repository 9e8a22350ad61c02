"""The optimizer that the zoo is trained with."""

import keras


def averaged_adamw(rate, momentum=0.995, floor=0.005):
    """AdamW under a cosine with a warmup, whose averaged weights are validated and kept.

    Weight decay 0.05, gradients clipped to a norm of 5; a twentieth of the steps is the warmup.

    Args:
        rate: the largest learning rate.
        momentum: of the weights' moving average.
        floor: what is left of the rate at the end, as a fraction.

    Returns:
        A function from a stage's number of steps to its Keras optimizer, for `training.Stage`.

    Reference:
        Loshchilov and Hutter, SGDR, 2017 (cosine) and Decoupled weight decay, 2019.
    """

    def for_steps(steps):
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, steps, alpha=floor, warmup_target=rate, warmup_steps=steps // 20
        )
        return keras.optimizers.AdamW(
            schedule, weight_decay=0.05, clipnorm=5.0, use_ema=True, ema_momentum=momentum
        )

    return for_steps
