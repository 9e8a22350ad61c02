"""Umeyama's similarity (PAMI 1991) as the paper has it, written by hand for the tests."""

import numpy as np


def umeyama(source, target):
    """The `(2, 3)` least-squares similarity from one face's points to another's, by an SVD."""
    count = len(source)
    source, target = np.float64(source), np.float64(target)
    source_mean, target_mean = source.sum(axis=0) / count, target.sum(axis=0) / count
    covariance, variance = np.zeros((2, 2)), 0.0
    for p, q in zip(source - source_mean, target - target_mean):
        covariance += np.outer(q, p) / count
        variance += p @ p / count
    u, singular, v = np.linalg.svd(covariance)
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])  # no mirroring
    rotation = u @ np.diag(signs) @ v
    linear = (singular * signs).sum() / variance * rotation
    return np.column_stack([linear, target_mean - linear @ source_mean])
