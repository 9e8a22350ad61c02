"""The optimizer that the zoo is trained with."""

import keras


def averaged_adamw(rate, momentum=0.995, floor=0.005, longest_warmup=None):
    """AdamW under a cosine with a warmup, whose averaged weights are validated and kept.

    Weight decay 0.05, gradients clipped to a norm of 5; a twentieth of the steps is the warmup.

    Args:
        rate: the largest learning rate.
        momentum: of the weights' moving average.
        floor: of the cosine, as a fraction of the rate. It is not quite reached: Keras counts the
            cosine's steps from the end of the warmup.
        longest_warmup: in steps; None sets no limit.

    Returns:
        A function from a stage's number of steps to its Keras optimizer, for `training.Stage`.

    Reference:
        Loshchilov and Hutter, SGDR, 2017 (cosine) and Decoupled weight decay, 2019.
    """

    def for_steps(steps):
        warmup = steps // 20
        if longest_warmup:
            warmup = min(warmup, longest_warmup)
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, steps, alpha=floor, warmup_target=rate, warmup_steps=warmup
        )
        return keras.optimizers.AdamW(
            schedule, weight_decay=0.05, clipnorm=5.0, use_ema=True, ema_momentum=momentum
        )

    return for_steps
