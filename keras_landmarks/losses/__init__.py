"""Losses: functions that give one number a face, `(batch,)`, and a Keras class for each."""

from keras_landmarks.losses.align import Align, align
from keras_landmarks.losses.heatmaps import Heatmaps, ScoreMaps, heatmaps, score_maps
from keras_landmarks.losses.landmarks import (
    L1,
    L2,
    IodL2,
    NormalisedDistance,
    SmoothL1,
    Wing,
    iod_l2,
    l1,
    l2,
    normalised_distance,
    smooth_l1,
    wing,
)
from keras_landmarks.losses.validation import DISTANCES, Validation, validation

__all__ = [
    "DISTANCES",
    "L1",
    "L2",
    "Align",
    "Heatmaps",
    "IodL2",
    "NormalisedDistance",
    "ScoreMaps",
    "SmoothL1",
    "Validation",
    "Wing",
    "align",
    "heatmaps",
    "iod_l2",
    "l1",
    "l2",
    "normalised_distance",
    "score_maps",
    "smooth_l1",
    "validation",
    "wing",
]
