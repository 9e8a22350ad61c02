"""The optimizer that the zoo is trained with."""

import functools
from collections.abc import Callable

import keras

from keras_landmarks.names import number


def averaged_adamw(
    rate, momentum=0.995, floor=0.005, longest_warmup=None
) -> Callable[[int], keras.optimizers.Optimizer]:
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

    Raises:
        ValueError: if a number is out of its range.

    Reference:
        Loshchilov and Hutter, SGDR, 2017 (cosine) and Decoupled weight decay, 2019.
    """

    number("rate", rate, above=0)
    number("momentum", momentum, least=0, most=1)
    number("floor", floor, least=0, most=1)
    if longest_warmup is not None:
        number("longest_warmup", longest_warmup, least=0, whole=True)

    return functools.partial(_averaged_adamw, rate, momentum, floor, longest_warmup)


def _averaged_adamw(rate, momentum, floor, longest_warmup, steps):
    warmup, steps = steps // 20, max(steps, 1)
    if longest_warmup is not None:
        warmup = min(warmup, longest_warmup)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, alpha=floor, warmup_target=rate, warmup_steps=warmup
    )
    return keras.optimizers.AdamW(
        schedule, weight_decay=0.05, clipnorm=5.0, use_ema=True, ema_momentum=momentum
    )


def falling_sgd(first, last, terms=1, momentum=0.9, decay=0.0):
    """SGD with momentum, whose rate falls from one value to another by the same factor each step.

    Args:
        first: the learning rate of the first step.
        last: of the last step.
        terms: how many terms the loss has that is a mean here where a paper sums: the rates are
            the paper's, and the optimizer's are so many times larger, its weight decay smaller.
        momentum: as of Keras' SGD.
        decay: the weight decay that belongs to the paper's rates. Keras takes it off the weights,
            while others add it to the gradient: so it is also divided by `1 - momentum`.

    Returns:
        A function from a stage's number of steps to its Keras optimizer, for `training.Stage`.

    Raises:
        ValueError: if a number is out of its range.
    """
    for name, value in (("first", first), ("last", last), ("terms", terms)):
        number(name, value, above=0)
    number("momentum", momentum, least=0, below=1)
    number("decay", decay, least=0)

    return functools.partial(_falling_sgd, first, last, terms, momentum, decay)


def _falling_sgd(first, last, terms, momentum, decay, steps):
    fall = (last / first) ** (1 / max(steps - 1, 1))
    rate = keras.optimizers.schedules.ExponentialDecay(terms * first, 1, fall)
    return keras.optimizers.SGD(
        rate, momentum=momentum, weight_decay=decay / terms / (1 - momentum) or None
    )


def stepped(optimizer, rate, factor, times, **arguments):
    """An optimizer whose rate falls in steps: it is multiplied by a factor at equal intervals.

    Args:
        optimizer: class of Keras optimizers.
        rate: its first learning rate.
        factor: of every fall.
        times: how many rates there are in all.
        **arguments: of the optimizer.

    Returns:
        A function from a stage's number of steps to its Keras optimizer, for `training.Stage`.

    Raises:
        ValueError: if a number is out of its range.
    """
    number("rate", rate, above=0)
    number("factor", factor, above=0)
    number("times", times, least=1, whole=True)

    return functools.partial(_stepped, optimizer, rate, factor, times, arguments)


def _stepped(optimizer, rate, factor, times, arguments, steps):
    length = max(-(-steps // times), 1)
    falling = keras.optimizers.schedules.ExponentialDecay(rate, length, factor, staircase=True)
    return optimizer(falling, **arguments)
